/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU as it is after power-on; and how it comes onto a CPU and leaves it: the state that the
 * world switch leaves alone.
 */
#include "vm/vcpu.h"

#include "arch/cpu.h"
#include "arch/fpu.h"
#include "lib/string.h"
#include "vm/pv.h"

void vcpu_reset(struct vcpu *vcpu)
{
	memset(&vcpu->regs, 0, sizeof(vcpu->regs));
	vcpu->regs.rflags = RFLAGS_FIXED;
	atomic_store(&vcpu->requests, REQUEST_EVENT);
	vcpu->pending.kind = EVENT_NONE;
	vcpu->signals = 0;
	/* Firmware runs on the first one only. */
	vcpu->waits = vcpu->halted = vcpu->deaf = vcpu->index != 0;
	vcpu->window = vcpu->in_shadow = vcpu->between = false;
	fetch_memo_forget(&vcpu->memo);
	vcpu->apic_given = false;
	vcpu->tsc_aux = 0;
	vcpu->xcr0 = 1;
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	memset(vcpu->fpu, 0, fpu_area_size());
	fpu_area_init(vcpu->fpu);
	pv_vcpu_reset(vcpu);
	vcpu->apic_useful = vcpu->apic_helps & BIT(APIC_X2APIC);
	backend->vcpu_reset(vcpu);
}

void vcpu_load(struct vcpu *vcpu)
{
	if (vcpu->last_cpu != this_cpu()->index) {
		/* What this CPU's TLB may still hold of it is older than what it has done since. */
		vcpu->last_cpu = this_cpu()->index;
		backend->flush(vcpu);
	}
	backend->load(vcpu);
	backend->set_tsc_offset(vcpu, vcpu_tsc_offset(vcpu));
	fpu_restore(vcpu->fpu);
	if (cpu_features.xsave)
		xsetbv(0, vcpu->xcr0);
	write_dr0(vcpu->dr[0]);
	write_dr1(vcpu->dr[1]);
	write_dr2(vcpu->dr[2]);
	write_dr3(vcpu->dr[3]);
	if (cpu_features.rdtscp)
		wrmsr(MSR_TSC_AUX, vcpu->tsc_aux);
	this_cpu()->vcpu = vcpu;
}

void vcpu_put(struct vcpu *vcpu)
{
	this_cpu()->vcpu = NULL;
	if (cpu_features.rdtscp)
		vcpu->tsc_aux = rdmsr(MSR_TSC_AUX);
	if (cpu_features.xsave)
		vcpu->xcr0 = xgetbv(0);
	fpu_save(vcpu->fpu);
	backend->put(vcpu);
}
