/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside vm/: running a vCPU and handling its exits.
 */
#pragma once

#include "vm/sched.h"
#include "vm/vm.h"

/* Save and load what the back end's world switch leaves alone: FPU, DR0-3, TSC_AUX. */
void vcpu_load(struct vcpu *vcpu);
void vcpu_put(struct vcpu *vcpu);

/*
 * The host's TSC, scaled, plus this is what the vCPU reads, here: a CPU's TSC may be ahead of the boot CPU's.
 */
static inline u64 vcpu_tsc_offset(const struct vcpu *vcpu)
{
	return vcpu->tsc_offset - guest_tsc_at(&vcpu->vm->tsc, this_cpu()->tsc_skew);
}

/* What the vCPU, which is loaded here, reads as its TSC. */
static inline u64 vcpu_tsc(const struct vcpu *vcpu)
{
	return guest_tsc_at(&vcpu->vm->tsc, rdtsc()) + vcpu_tsc_offset(vcpu);
}

/* As after power-on; not loaded, or so that nothing but the back end's part is (backend->load). */
void vcpu_reset(struct vcpu *vcpu);

/* dev_lock held: do what signals other than NMIs ask for. It is loaded. */
void vcpu_take_signals(struct vcpu *vcpu);

/* It has halted with interrupts off. */
void vcpu_halt_deaf(struct vcpu *vcpu);

/* Have the run loop let the host's interrupts in; they may want another vCPU to run next. */
void vcpu_look_around(struct vcpu *vcpu);

/* Would it do anything if it were run? */
bool vcpu_runnable(struct vcpu *vcpu);

/*
 * Fetch and decode the instruction at RIP. 0; E_FAULT: a #PF or #GP has been queued; E_INVAL:
 * undecodable (killed).
 */
int __must_check vcpu_fetch(struct vcpu *vcpu, const struct vm_exit *exit, struct insn *insn,
			    struct fetch_state *state);

/* The same, and nothing happens to the guest when it cannot be had. */
int __must_check vcpu_peek(struct vcpu *vcpu, struct insn *insn, struct fetch_state *state);

/* Likewise the byte at RIP, -1 when it cannot be had. */
int vcpu_peek_byte(struct vcpu *vcpu, const struct fetch_state *state);

/*
 * What vcpu_fetch() would give, if it is 64-bit code and a MOV of 32 bits between memory, whose
 * address has no segment base and is not relative to RIP, and a register, or from an immediate
 * value; and if it has been fetched lately. Otherwise NULL.
 */
const struct insn *vcpu_fetch_plain_mov(struct vcpu *vcpu, const struct vm_exit *exit);

/* Move RIP past an instruction whose length is known; skip.h has the rest. */
void vcpu_skip_by(struct vcpu *vcpu, const struct fetch_state *state, u32 len);

/* An instruction is done: the shadow of the one before it is over. */
static inline void vcpu_leave_shadow(struct vcpu *vcpu)
{
	if (vcpu->in_shadow)
		backend->clear_shadow(vcpu);
	vcpu->in_shadow = false;
}

/*
 * Device memory at gpa, 1..8 bytes on one page; in pieces when it is a size that devices do not know.
 * Where there is nothing, reads are all ones.
 */
void vcpu_device_read(struct vcpu *vcpu, gpa_t gpa, u64 *value, unsigned int size);
void vcpu_device_write(struct vcpu *vcpu, gpa_t gpa, u64 value, unsigned int size);

/*
 * Memory (or a device) at a linear address, size 1..8 bytes, with the guest's translation and
 * rights. Not 0: a #PF is queued, or the VM killed, and nothing has been accessed. probe only checks, up
 * to a page, for access PF_WRITE or 0.
 */
int __must_check vcpu_read_linear(struct vcpu *vcpu, const struct vm_exit *exit,
				  const struct fetch_state *state, u64 linear, u64 *value,
				  unsigned int size);
int __must_check vcpu_probe_linear(struct vcpu *vcpu, const struct vm_exit *exit,
				   const struct fetch_state *state, u64 linear, unsigned int size,
				   u32 access);
int __must_check vcpu_write_linear(struct vcpu *vcpu, const struct vm_exit *exit,
				   const struct fetch_state *state, u64 linear, u64 value,
				   unsigned int size);

/*
 * The second half of a locked read and write: write value if what was read, old, is still there.
 * E_EXIST: it is not, nothing has been written. Across two pages, and to a device, it is a write.
 */
int __must_check vcpu_replace_linear(struct vcpu *vcpu, const struct vm_exit *exit,
				     const struct fetch_state *state, u64 linear, u64 old,
				     u64 value, unsigned int size);

/*
 * CMPXCHG16B at a linear address, a multiple of 16: *same if value has taken the place of old; old
 * becomes what was there. Not 0: as above.
 */
int __must_check vcpu_replace_pair(struct vcpu *vcpu, const struct vm_exit *exit,
				   const struct fetch_state *state, u64 linear, u64 old[2],
				   const u64 value[2], bool *same);

/* The linear address of a decoded memory operand. */
u64 vcpu_operand(struct vcpu *vcpu, const struct fetch_state *state, const struct insn *insn);

/* A device may have armed a timer for earlier than the CPU's own timer: have the CPU look. */
static inline void vcpu_check_timers(struct vcpu *vcpu)
{
	if (unlikely(timer_queue_next(&vcpu->timers) < vcpu->armed))
		atomic_fetch_or(&vcpu->requests, REQUEST_RESCHED);
	if (unlikely(vcpu->index))
		sched_check_timers(&vcpu->vm->vcpus[0]);
}

/* Load CR3 as MOV does, with what PAE paging holds in registers. False: not changed, #GP(0) is due. */
bool __must_check vcpu_set_cr3(struct vcpu *vcpu, u64 value);

/* The next entry delivers event. */
void vcpu_owe(struct vcpu *vcpu, const struct vm_event *event);
/* Queue an exception for the next entry. */
void vcpu_exception(struct vcpu *vcpu, u8 vector);
void vcpu_exception_error(struct vcpu *vcpu, u8 vector, u32 error);
void vcpu_page_fault(struct vcpu *vcpu, u64 addr, u32 error);

/* dev_lock held, and the APIC is given. */
void vcpu_take_apic_locked(struct vcpu *vcpu);

/* Called by a back end after an exit while the CPU runs the local APIC: take it, if the handler may want it. */
void vcpu_apic_exited(struct vcpu *vcpu, const struct vm_exit *exit);

/*
 * dev_lock held, and the APIC is not given: have the CPU run it from the next entry on, as far as it
 * can. True: it delivers the APIC's interrupts.
 */
bool vcpu_give_apic(struct vcpu *vcpu);

/* Decide what the next entry delivers and which windows are asked for. */
void vcpu_update_events(struct vcpu *vcpu);

/* Raised by an instruction (INT n, INT3, INTO), which does it again if it is run again. */
bool event_is_software(const struct vm_event *event);

/* The handlers of exits.c's table that live in files of their own. */
void exit_cpuid(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_rdmsr(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_wrmsr(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_io(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_tdp_fault(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_cr_access(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_dr_access(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_task_switch(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_xsetbv(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_apic_write(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_apic_eoi(struct vcpu *vcpu, const struct vm_exit *exit);
void exit_emulate(struct vcpu *vcpu, const struct vm_exit *exit);

/* Execute the instruction at RIP, which has exited because it touches device memory. */
void vcpu_interpret(struct vcpu *vcpu, const struct vm_exit *exit);

/* Count and handle an exit: the CPU's, or one that an emulated instruction stands for. */
void vcpu_exit(struct vcpu *vcpu, const struct vm_exit *exit);

#define VECTOR_GUEST_DE 0
#define VECTOR_GUEST_DB 1
#define VECTOR_GUEST_NMI 2
#define VECTOR_GUEST_DF 8
#define VECTOR_GUEST_UD 6
#define VECTOR_GUEST_SS 12
#define VECTOR_GUEST_GP 13
#define VECTOR_GUEST_PF 14
#define VECTOR_GUEST_AC 17

/* Does this vector push an error code? */
bool exception_has_error(u8 vector);
