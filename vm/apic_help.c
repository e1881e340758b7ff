/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APICs that the CPU runs while the guest does. It is given such an APIC before an entry, when
 * vcpu_update_events() has done what there was to do with it, and is taken back as soon as anything
 * is: at the exits that may concern it, and before it is looked at again. In between, what
 * others request waits in dev/'s registers, and REQUEST_EVENT says so.
 */
#include "vm/apic_help.h"

#include "arch/cpu.h"
#include "vm/vcpu.h"

void vcpu_take_apic_locked(struct vcpu *vcpu)
{
	platform->apic_take(vcpu);
	vcpu->apic_given = false;
}

void vcpu_take_apic(struct vcpu *vcpu)
{
	if (!vcpu->apic_given)
		return;
	spin_lock(&vcpu->vm->dev_lock);
	vcpu_take_apic_locked(vcpu);
	spin_unlock(&vcpu->vm->dev_lock);
	atomic_fetch_or(&vcpu->requests, REQUEST_EVENT);
}

bool vcpu_give_apic(struct vcpu *vcpu)
{
	struct apic_help help;

	platform->apic_give(vcpu, &help);
	vcpu->apic_given = help.helper != APIC_SOFTWARE;
	backend->set_apic(vcpu, &help);
	return help.helper >= APIC_X2APIC;
}

/* Of an MSR: is it the local APIC's? */
static bool names_apic(u32 msr)
{
	return msr == MSR_APIC_BASE || msr - MSR_X2APIC < MSR_X2APIC_COUNT;
}

/* Does what handles this exit leave the local APIC alone, whatever the guest has arranged? */
static bool spares_apic(const struct vcpu *vcpu, const struct vm_exit *exit)
{
	switch (exit->kind) {
	case EXIT_HOST:
	case EXIT_CPUID:
	case EXIT_NOP:
	case EXIT_PAUSE:
	case EXIT_UD:
	case EXIT_DR_ACCESS:
	case EXIT_EXCEPTION:
	case EXIT_NMI_WINDOW:
		return true;
	case EXIT_IO:
		return !exit->io.string;
	case EXIT_RDMSR:
	case EXIT_WRMSR:
		return !names_apic((u32)vcpu->regs.gpr[GPR_RCX]);
	default:
		return false;
	}
}

void vcpu_apic_exited(struct vcpu *vcpu, const struct vm_exit *exit)
{
	if (!spares_apic(vcpu, exit))
		vcpu_take_apic(vcpu);
}

/* The instruction has ended. */
void exit_apic_write(struct vcpu *vcpu, const struct vm_exit *exit)
{
	vcpu->between = true;
	platform->apic_written(vcpu, exit->apic_offset);
	vcpu_check_timers(vcpu);
}

void exit_apic_eoi(struct vcpu *vcpu, const struct vm_exit *exit)
{
	vcpu->between = true;
	platform->apic_ended(vcpu, exit->apic_vector);
}
