/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of exit handlers, and what the loop that runs a vCPU through it (turn.h) does seldom.
 */
#include "arch/cpu.h"
#include "arch/panic.h"
#include "arch/traps.h"
#include "lib/log.h"
#include "vm/skip.h"
#include "vm/turn.h"

#define VECTOR_GUEST_BP 3
#define VECTOR_GUEST_OF 4

void vcpu_look_around(struct vcpu *vcpu)
{
	u32 requests = REQUEST_RESCHED;

	/* Where the CPU does not tell when the guest can take an NMI, any moment may be it. */
	if (unlikely(vcpu->window))
		requests |= REQUEST_EVENT;
	atomic_fetch_or(&vcpu->requests, requests);
}

static void exit_host(struct vcpu *vcpu, const struct vm_exit *exit __unused)
{
	vcpu->between = true;
	vcpu_look_around(vcpu);
}

static void exit_hlt(struct vcpu *vcpu, const struct vm_exit *exit)
{
	if (!vcpu_skip_opcode(vcpu, exit, OPCODE_HLT, 1))
		return;
	/* A single step ends the HLT with its #DB. */
	vcpu->halted = vcpu->pending.kind == EVENT_NONE;
	if (vcpu->halted && !(vcpu->regs.rflags & RFLAGS_IF))
		vcpu_halt_deaf(vcpu);
	atomic_fetch_or(&vcpu->requests, REQUEST_EVENT);
}

static void exit_window(struct vcpu *vcpu, const struct vm_exit *exit __unused)
{
	vcpu->between = true;
	atomic_fetch_or(&vcpu->requests, REQUEST_EVENT);
}

static void exit_nop(struct vcpu *vcpu, const struct vm_exit *exit)
{
	vcpu_skip_opcode(vcpu, exit, OPCODE_WBINVD, 2);
}

/*
 * It waits for something in a loop. What it waits for may be done by a vCPU that cannot run until
 * this one's slice is over.
 */
static void exit_pause(struct vcpu *vcpu, const struct vm_exit *exit)
{
	if (!vcpu_skip_opcode(vcpu, exit, OPCODE_PAUSE, 2))
		return;
	vcpu->yields = true;
	atomic_fetch_or(&vcpu->requests, REQUEST_RESCHED);
}

static void exit_ud(struct vcpu *vcpu, const struct vm_exit *exit __unused)
{
	vcpu_exception(vcpu, VECTOR_GUEST_UD);
}

/*
 * When it came up while another event was being delivered, that one goes first: delivered again,
 * it raises the exception again.
 */
static void exit_exception(struct vcpu *vcpu, const struct vm_exit *exit)
{
	u8 vector = exit->exception.vector;

	if (vector == VECTOR_MC)
		panic("machine check while vm %s was running", vcpu->vm->name);
	if (vcpu->pending.kind != EVENT_NONE)
		return;
	if (exception_has_error(vector))
		vcpu_exception_error(vcpu, vector, exit->exception.error);
	else
		vcpu_exception(vcpu, vector);
}

/* Without an IDT it is meant, as the last way to reset a PC; otherwise it is a crash. */
static void exit_shutdown(struct vcpu *vcpu, const struct vm_exit *exit)
{
	if (backend->table_limit(vcpu, TABLE_IDTR) == 0)
		vm_reset(vcpu->vm);
	else
		vm_kill(vcpu->vm, exit, "triple fault");
}

static void exit_entry_failed(struct vcpu *vcpu, const struct vm_exit *exit)
{
	vm_kill(vcpu->vm, exit, "the CPU refused the guest's state");
}

static void exit_unknown(struct vcpu *vcpu, const struct vm_exit *exit)
{
	vm_kill(vcpu->vm, exit, "unsupported exit");
}

void (*const exit_handlers[EXIT_KINDS])(struct vcpu *vcpu, const struct vm_exit *exit) = {
	[EXIT_UNKNOWN] = exit_unknown,
	[EXIT_HOST] = exit_host,
	[EXIT_CPUID] = exit_cpuid,
	[EXIT_RDMSR] = exit_rdmsr,
	[EXIT_WRMSR] = exit_wrmsr,
	[EXIT_IO] = exit_io,
	[EXIT_TDP_FAULT] = exit_tdp_fault,
	[EXIT_HLT] = exit_hlt,
	[EXIT_CR_ACCESS] = exit_cr_access,
	[EXIT_DR_ACCESS] = exit_dr_access,
	[EXIT_XSETBV] = exit_xsetbv,
	[EXIT_TASK_SWITCH] = exit_task_switch,
	[EXIT_INTR_WINDOW] = exit_window,
	[EXIT_NMI_WINDOW] = exit_window,
	[EXIT_NOP] = exit_nop,
	[EXIT_PAUSE] = exit_pause,
	[EXIT_UD] = exit_ud,
	[EXIT_EXCEPTION] = exit_exception,
	[EXIT_SHUTDOWN] = exit_shutdown,
	[EXIT_APIC_WRITE] = exit_apic_write,
	[EXIT_APIC_EOI] = exit_apic_eoi,
	[EXIT_EMULATE] = exit_emulate,
	[EXIT_ENTRY_FAILED] = exit_entry_failed,
};

bool event_is_software(const struct vm_event *event)
{
	return event->kind == EVENT_SOFT_INTR ||
	       (event->kind == EVENT_EXCEPTION &&
		(event->vector == VECTOR_GUEST_BP || event->vector == VECTOR_GUEST_OF));
}

void vcpu_exit(struct vcpu *vcpu, const struct vm_exit *exit)
{
	vcpu_count_exit(vcpu, exit);
}

void vcpu_exit_in_delivery(struct vcpu *vcpu, const struct vm_exit *exit)
{
	if (!event_is_software(&exit->interrupted))
		vcpu_owe(vcpu, &exit->interrupted);
	vcpu_count_exit(vcpu, exit);
	/*
	 * A guest can arrange that delivering an event raises an exception again and again:
	 * then no instruction ends, where a host interrupt could have ended its turn.
	 */
	vcpu_look_around(vcpu);
}

bool vcpu_prepare(struct vcpu *vcpu)
{
	u32 requests = atomic_load(&vcpu->requests);

	if (requests & REQUEST_RESCHED && !(requests & (REQUEST_STOP | REQUEST_PAUSE)) &&
	    !vcpu->yields && sched_go_on(vcpu))
		requests = atomic_load(&vcpu->requests);
	if (requests & (REQUEST_STOP | REQUEST_PAUSE | REQUEST_RESCHED))
		return false;
	if (requests & REQUEST_EVENT)
		vcpu_update_events(vcpu);
	return !vcpu->halted;
}
