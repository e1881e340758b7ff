/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's interface to its guests: see pv.h. The clock's pages need writing only when they are turned on
 * and when a guest sets its TSC: the VM's time is a constant function of the TSC. The device
 * lock protects them, as one vCPU then writes all vCPUs' pages. The page of the steal time is its
 * vCPU's CPU's alone, but for the byte by which other vCPUs ask for a flush.
 */
#include "vm/pv.h"

#include "arch/clock.h"

#define CLOCK_ALIGN 4u
#define STEAL_RESERVED 0x3eu

#define FEATURE_CLOCK BIT(3)
#define FEATURE_STEAL BIT(5)
#define FEATURE_TLB BIT(9)
#define FEATURE_CLOCK_STABLE BIT(24)

#define SILL 0x6c6c6953u /* "Sill" */

static u32 features(u32 pv)
{
	u64 eax = 0;

	if (pv & VM_PV_CLOCK)
		eax |= FEATURE_CLOCK | FEATURE_CLOCK_STABLE;
	if (pv & VM_PV_STEAL)
		eax |= FEATURE_STEAL;
	if (pv & VM_PV_TLB)
		eax |= FEATURE_TLB;
	return (u32)eax;
}

struct cpuid pv_cpuid(const struct vm *vm, u32 leaf)
{
	u32 pv = vm->config->pv;

	if (leaf == CPUID_SILL || (leaf == CPUID_HYPERVISOR && !pv))
		return (struct cpuid){ .eax = leaf, .ebx = SILL, .ecx = SILL, .edx = SILL };
	if (!pv)
		return (struct cpuid){ 0 };
	switch (leaf) {
	case CPUID_HYPERVISOR: /* "KVMKVMKVM", and zeros */
		return (struct cpuid){
			.eax = CPUID_FREQUENCIES, .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d
		};
	case CPUID_KVM_FEATURES:
		return (struct cpuid){ .eax = features(pv) };
	case CPUID_FREQUENCIES: /* in kHz: the TSC, and what the local APIC's timer divides */
		return (struct cpuid){ .eax = (u32)vm->tsc.khz, .ebx = platform->apic_timer_khz };
	default:
		return (struct cpuid){ 0 };
	}
}

/* Is the time of all vCPUs the same function of what each reads as its TSC, at every moment? */
static bool clocks_are_one(const struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		if (atomic_load(&vm->vcpus[i].tsc_offset) != vm->vcpus[i].pv.tsc_base)
			return false;
	}
	for (u32 i = 0; i < cpu_count; i++) {
		if (cpus[i]->tsc_skew)
			return false;
	}
	return true;
}

/* dev_lock held. */
static void write_clock(struct vcpu *vcpu, bool stable)
{
	struct pv_clock_page clock = { .flags = stable ? PV_CLOCK_STABLE : 0 };

	if (!(vcpu->pv.clock_msr & PV_ENABLED))
		return;
	pv_clock_scale(tsc_times(clock_ns_scale(), vcpu->vm->tsc.inverse), &clock);
	/* The VM's time began when its TSC was 0: it is another one where the guest has set it. */
	clock.tsc_timestamp = atomic_load(&vcpu->tsc_offset) - vcpu->pv.tsc_base;
	pv_clock_page_write(&vcpu->vm->mem, vcpu->pv.clock_msr & ~(u64)PV_ENABLED, &clock);
}

void pv_tsc_written(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool stable;

	if (!(vm->config->pv & VM_PV_CLOCK))
		return;
	spin_lock(&vm->dev_lock);
	stable = clocks_are_one(vm);
	for (u32 i = 0; i < vm->vcpu_count; i++)
		write_clock(&vm->vcpus[i], stable);
	spin_unlock(&vm->dev_lock);
}

static bool set_clock(struct vcpu *vcpu, u64 value)
{
	struct vm *vm = vcpu->vm;
	u64 gpa = value & ~(u64)PV_ENABLED;

	if (value & PV_ENABLED &&
	    (gpa % CLOCK_ALIGN || !pv_page_usable(&vm->mem, gpa, sizeof(struct pv_clock_page))))
		return false;
	spin_lock(&vm->dev_lock);
	vcpu->pv.clock_msr = value;
	write_clock(vcpu, clocks_are_one(vm));
	spin_unlock(&vm->dev_lock);
	return true;
}

/* Written once, when it is asked for. */
static bool set_wall_clock(struct vcpu *vcpu, u64 value)
{
	struct vm *vm = vcpu->vm;

	if (value &&
	    (value % CLOCK_ALIGN || !pv_page_usable(&vm->mem, value, sizeof(struct pv_wall_page))))
		return false;
	vcpu->pv.wall_msr = value;
	if (value)
		pv_wall_page_write(&vm->mem, value,
				   clock_boot_epoch() * NS_PER_SEC + clock_ns_at(vm->tsc_epoch));
	return true;
}

static bool set_steal(struct vcpu *vcpu, u64 value)
{
	struct pv_vcpu *pv = &vcpu->pv;
	struct guest_mem *mem = &vcpu->vm->mem;

	if (value & STEAL_RESERVED)
		return false;
	if (value & PV_ENABLED &&
	    !pv_page_usable(mem, value & ~(u64)PV_ENABLED, sizeof(struct pv_steal_page)))
		return false;
	pv->steal_msr = value;
	pv->is_out = false;
	if (!(value & PV_ENABLED))
		return true;
	pv->steal_base = pv->steal_told = pv->steal_ns;
	pv_steal_page_in(mem, value & ~(u64)PV_ENABLED);
	pv_steal_page_write(mem, value & ~(u64)PV_ENABLED, 0);
	return true;
}

bool pv_msr_read(const struct vcpu *vcpu, u32 msr, u64 *value)
{
	u32 needs = msr == MSR_KVM_STEAL_TIME ? VM_PV_STEAL : VM_PV_CLOCK;

	if (!(vcpu->vm->config->pv & needs))
		return false;
	*value = msr == MSR_KVM_STEAL_TIME    ? vcpu->pv.steal_msr
		 : msr == MSR_KVM_SYSTEM_TIME ? vcpu->pv.clock_msr
					      : vcpu->pv.wall_msr;
	return true;
}

bool pv_msr_write(struct vcpu *vcpu, u32 msr, u64 value)
{
	u64 old;

	if (!pv_msr_read(vcpu, msr, &old))
		return false;
	if (msr == MSR_KVM_STEAL_TIME)
		return set_steal(vcpu, value);
	return msr == MSR_KVM_SYSTEM_TIME ? set_clock(vcpu, value) : set_wall_clock(vcpu, value);
}

void pv_vcpu_reset(struct vcpu *vcpu)
{
	vcpu->pv = (struct pv_vcpu){ .tsc_base = vcpu->tsc_offset };
}

void pv_steal_out(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;
	struct pv_vcpu *pv = &vcpu->pv;

	/* What it says by now may be more than that the vCPU is out. */
	if (pv->is_out)
		return;
	tlb_walk_begin(&vm->tdp.tlb);
	pv->is_out = pv_steal_page_out(&vm->mem, pv->steal_msr & ~(u64)PV_ENABLED);
	tlb_walk_end();
}

void pv_steal_in(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;
	struct pv_vcpu *pv = &vcpu->pv;
	u64 gpa = pv->steal_msr & ~(u64)PV_ENABLED;
	bool flush = false;

	tlb_walk_begin(&vm->tdp.tlb);
	if (pv->is_out)
		flush = pv_steal_page_in(&vm->mem, gpa);
	if (pv->steal_told != pv->steal_ns)
		pv_steal_page_write(&vm->mem, gpa, pv->steal_ns - pv->steal_base);
	tlb_walk_end();
	pv->steal_told = pv->steal_ns;
	pv->is_out = false;
	/* From now on others send interrupts again; what they asked for before is done here. */
	if (flush) {
		fetch_memo_forget(&vcpu->memo);
		backend->flush(vcpu);
	}
}
