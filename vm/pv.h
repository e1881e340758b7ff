/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What KVM's guests get besides a PC, found by KVM's CPUID leaves and turned on by its MSRs: the
 * time from the TSC alone, the time a vCPU has waited for a CPU, and, beside that, word from other
 * vCPUs that it should flush its TLB when it comes back, in place of an interrupt to it now. Each
 * can be turned off for a VM (pv= on its kernel's line).
 */
#pragma once

#include "vm/vm.h"

#define MSR_KVM_WALL_CLOCK 0x4b564d00u
#define MSR_KVM_SYSTEM_TIME 0x4b564d01u
#define MSR_KVM_STEAL_TIME 0x4b564d03u

#define PV_ENABLED 0x1u /* in the last two; the rest is an address */

/* The hypervisor's CPUID leaves: from 40000000h on KVM's, if anything is on; Sill's. */
#define CPUID_KVM_FEATURES 0x40000001u
#define CPUID_FREQUENCIES 0x40000010u
#define CPUID_SILL 0x40000100u

struct cpuid pv_cpuid(const struct vm *vm, u32 leaf);

/* False: #GP. */
bool pv_msr_read(const struct vcpu *vcpu, u32 msr, u64 *value);
bool pv_msr_write(struct vcpu *vcpu, u32 msr, u64 value);

/* As after power-on. Its TSC offset is what all vCPUs of the VM begin with. */
void pv_vcpu_reset(struct vcpu *vcpu);

/* The guest has written its TSC: tsc_offset is another one. */
void pv_tsc_written(struct vcpu *vcpu);

/* The slow halves of those below. */
void pv_steal_out(struct vcpu *vcpu);
void pv_steal_in(struct vcpu *vcpu);

/* The vCPU could have run, and has waited for its CPU, for ns. Told to the guest by pv_vcpu_in(). */
static inline void pv_add_steal(struct vcpu *vcpu, u64 ns)
{
	vcpu->pv.steal_ns += ns;
}

/*
 * The vCPU does not run any more, as it halts or another one does; and it is about to run again, on
 * this CPU. Each by its CPU, outside of its turn (vcpu_turn_begin); twice in a row is once.
 */
static inline void pv_vcpu_out(struct vcpu *vcpu)
{
	if (unlikely(vcpu->pv.steal_msr & PV_ENABLED))
		pv_steal_out(vcpu);
}

static inline void pv_vcpu_in(struct vcpu *vcpu)
{
	if (unlikely(vcpu->pv.steal_msr & PV_ENABLED))
		pv_steal_in(vcpu);
}
