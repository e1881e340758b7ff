/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's model-specific registers: one table for both vendors. What is not in it does not
 * exist: #GP, and a log line. MSRs that the CPU switches with the guest do not exit at all where
 * the back end has opened them; the table has them for the others.
 */
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/features.h"
#include "lib/addr.h"
#include "vm/pv.h"
#include "vm/skip.h"

#define MSR_PLATFORM_ID 0x17u
#define MSR_PATCH_LEVEL 0x8bu
#define MSR_MCG_CAP 0x179u
#define MSR_MISC_ENABLE 0x1a0u
#define MISC_ENABLE_FAST_STRINGS BIT(0)
#define MISC_ENABLE_NO_BTS BIT(11)
#define MISC_ENABLE_NO_PEBS BIT(12)
#define MSR_HWCR 0xc0010015u
#define MSR_SYSCFG 0xc0010010u
#define MSR_INT_PENDING 0xc0010055u
#define MSR_NB_CFG 0xc001001fu
#define MSR_DE_CFG 0xc0011029u

struct msr_rule {
	u32 msr;
	/* Both are always there. False: #GP. */
	bool (*read)(struct vcpu *vcpu, const struct msr_rule *rule, u64 *value);
	bool (*write)(struct vcpu *vcpu, const struct msr_rule *rule, u64 value);
	enum vreg reg;
	u64 reset;
};

static bool canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

static bool read_reg(struct vcpu *vcpu, const struct msr_rule *rule, u64 *value)
{
	*value = backend->get_reg(vcpu, rule->reg);
	return true;
}

static bool write_reg(struct vcpu *vcpu, const struct msr_rule *rule, u64 value)
{
	backend->set_reg(vcpu, rule->reg, value);
	return true;
}

static bool write_reg32(struct vcpu *vcpu, const struct msr_rule *rule, u64 value)
{
	return write_reg(vcpu, rule, (u32)value);
}

static bool write_address(struct vcpu *vcpu, const struct msr_rule *rule, u64 value)
{
	return canonical(value) && write_reg(vcpu, rule, value);
}

static bool write_pat(struct vcpu *vcpu, const struct msr_rule *rule, u64 value)
{
	for (u32 i = 0; i < 8; i++) {
		u8 type = (u8)(value >> 8 * i);

		/* UC, WC, WT, WP, WB, UC- */
		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return write_reg(vcpu, rule, value);
}

static bool write_efer(struct vcpu *vcpu, const struct msr_rule *rule, u64 value)
{
	u64 old = backend->get_reg(vcpu, VREG_EFER);

	if (value & ~vcpu->vm->cpuid.efer_allowed)
		return false;
	if ((old ^ value) & EFER_LME && backend->get_reg(vcpu, VREG_CR0) & CR0_PG)
		return false;
	/* LMA follows LME and paging; a write cannot change it. */
	value = (value & ~EFER_LMA) | (old & EFER_LMA);
	backend->flush(vcpu);
	fetch_memo_forget(&vcpu->memo);
	return write_reg(vcpu, rule, value);
}

static bool read_tsc(struct vcpu *vcpu, const struct msr_rule *rule __unused, u64 *value)
{
	*value = vcpu_tsc(vcpu);
	return true;
}

static bool write_tsc(struct vcpu *vcpu, const struct msr_rule *rule __unused, u64 value)
{
	vcpu->tsc_offset += value - vcpu_tsc(vcpu);
	backend->set_tsc_offset(vcpu, vcpu_tsc_offset(vcpu));
	pv_tsc_written(vcpu);
	platform->tsc_changed(vcpu);
	vcpu_check_timers(vcpu);
	return true;
}

static bool read_apic_base(struct vcpu *vcpu, const struct msr_rule *rule __unused, u64 *value)
{
	*value = platform->apic_base_read(vcpu);
	return true;
}

static bool write_apic_base(struct vcpu *vcpu, const struct msr_rule *rule __unused, u64 value)
{
	return platform->apic_base_write(vcpu, value);
}

/* The CPU's own register holds the guest's value while its vCPU is loaded. */
static bool read_tsc_aux(struct vcpu *vcpu __unused, const struct msr_rule *rule, u64 *value)
{
	if (!cpu_features.rdtscp)
		return false;
	*value = rdmsr(rule->msr);
	return true;
}

static bool write_tsc_aux(struct vcpu *vcpu __unused, const struct msr_rule *rule, u64 value)
{
	if (!cpu_features.rdtscp || value >> 32)
		return false;
	wrmsr(rule->msr, value);
	return true;
}

static bool read_pv(struct vcpu *vcpu, const struct msr_rule *rule, u64 *value)
{
	return pv_msr_read(vcpu, rule->msr, value);
}

static bool write_pv(struct vcpu *vcpu, const struct msr_rule *rule, u64 value)
{
	return pv_msr_write(vcpu, rule->msr, value);
}

static bool read_constant(struct vcpu *vcpu __unused, const struct msr_rule *rule, u64 *value)
{
	*value = rule->reset;
	return true;
}

static bool write_ignored(struct vcpu *vcpu __unused, const struct msr_rule *rule __unused,
			  u64 value __unused)
{
	return true;
}

static bool read_intel(struct vcpu *vcpu, const struct msr_rule *rule, u64 *value)
{
	return cpu_features.vmx && read_constant(vcpu, rule, value);
}

static bool write_intel(struct vcpu *vcpu __unused, const struct msr_rule *rule __unused,
			u64 value __unused)
{
	return cpu_features.vmx;
}

#define REG(number, vreg, writer)                                               \
	{                                                                       \
		.msr = (number), .read = read_reg, .write = writer, .reg = vreg \
	}
/* Kernels read and write these without asking CPUID: quiet, and without effect. */
#define QUIET(number, value)                                                                     \
	{                                                                                        \
		.msr = (number), .read = read_constant, .write = write_ignored, .reset = (value) \
	}
#define QUIET_INTEL(number, value)                                                          \
	{                                                                                   \
		.msr = (number), .read = read_intel, .write = write_intel, .reset = (value) \
	}

static const struct msr_rule rules[] = {
	REG(MSR_FS_BASE, VREG_FS_BASE, write_address),
	REG(MSR_GS_BASE, VREG_GS_BASE, write_address),
	REG(MSR_KERNEL_GS_BASE, VREG_KERNEL_GS_BASE, write_address),
	REG(MSR_EFER, VREG_EFER, write_efer),
	REG(MSR_STAR, VREG_STAR, write_reg),
	REG(MSR_LSTAR, VREG_LSTAR, write_address),
	REG(MSR_CSTAR, VREG_CSTAR, write_address),
	REG(MSR_SFMASK, VREG_SFMASK, write_reg32),
	REG(MSR_SYSENTER_CS, VREG_SYSENTER_CS, write_reg32),
	REG(MSR_SYSENTER_ESP, VREG_SYSENTER_ESP, write_address),
	REG(MSR_SYSENTER_EIP, VREG_SYSENTER_EIP, write_address),
	REG(MSR_PAT, VREG_PAT, write_pat),
	{ .msr = MSR_TSC, .read = read_tsc, .write = write_tsc },
	{ .msr = MSR_APIC_BASE, .read = read_apic_base, .write = write_apic_base },
	{ .msr = MSR_TSC_AUX, .read = read_tsc_aux, .write = write_tsc_aux },
	QUIET(MSR_PATCH_LEVEL, 0),
	QUIET(MSR_MCG_CAP, 0), /* no machine check banks */
	QUIET_INTEL(MSR_PLATFORM_ID, 0),
	QUIET_INTEL(MSR_MISC_ENABLE,
		    MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_NO_BTS | MISC_ENABLE_NO_PEBS),
	QUIET(MSR_HWCR, 0),
	QUIET(MSR_SYSCFG, 0),
	QUIET(MSR_INT_PENDING, 0),
	QUIET(MSR_NB_CFG, 0),
	QUIET(MSR_DE_CFG, 2), /* LFENCE serialises */
	{ .msr = MSR_KVM_WALL_CLOCK, .read = read_pv, .write = write_pv },
	{ .msr = MSR_KVM_SYSTEM_TIME, .read = read_pv, .write = write_pv },
	{ .msr = MSR_KVM_STEAL_TIME, .read = read_pv, .write = write_pv },
};

static const struct msr_rule *find_rule(u32 msr)
{
#pragma GCC unroll 8
	for (u32 i = 0; i < ARRAY_SIZE(rules); i++) {
		if (rules[i].msr == msr)
			return &rules[i];
	}
	return NULL;
}

/* The local APIC's. They are written often, so they are looked for first, and not in the table. */
static inline bool is_apic_msr(u32 msr)
{
	return msr - MSR_X2APIC < MSR_X2APIC_COUNT || msr == MSR_TSC_DEADLINE;
}

static bool read_msr(struct vcpu *vcpu, u32 msr, u64 *value)
{
	const struct msr_rule *rule;

	if (is_apic_msr(msr))
		return platform->apic_msr_read(vcpu, msr, value);
	rule = find_rule(msr);
	return rule && rule->read(vcpu, rule, value);
}

void exit_rdmsr(struct vcpu *vcpu, const struct vm_exit *exit)
{
	u32 msr = (u32)vcpu->regs.gpr[GPR_RCX];
	u64 value;

	if (!read_msr(vcpu, msr, &value)) {
		vm_guest_log(vcpu->vm, "RDMSR of unknown MSR %x: #GP", msr);
		vcpu_exception_error(vcpu, VECTOR_GUEST_GP, 0);
		return;
	}
	if (!vcpu_skip_opcode(vcpu, exit, OPCODE_RDMSR, 2))
		return;
	vcpu->regs.gpr[GPR_RAX] = (u32)value;
	vcpu->regs.gpr[GPR_RDX] = value >> 32;
}

static inline u64 written_value(const u64 *gpr)
{
	return (u32)gpr[GPR_RAX] | gpr[GPR_RDX] << 32;
}

static __noinline void write_rule_msr(struct vcpu *vcpu, const struct vm_exit *exit)
{
	u32 msr = (u32)vcpu->regs.gpr[GPR_RCX];
	u64 value = written_value(vcpu->regs.gpr);
	const struct msr_rule *rule = find_rule(msr);

	if (!rule || !rule->write(vcpu, rule, value)) {
		vm_guest_log(vcpu->vm, "WRMSR of %llx to %s MSR %x: #GP", (unsigned long long)value,
			     rule ? "(bad value)" : "unknown", msr);
		vcpu_exception_error(vcpu, VECTOR_GUEST_GP, 0);
		return;
	}
	vcpu_skip_opcode(vcpu, exit, OPCODE_WRMSR, 2);
}

static inline bool is_apic_eoi(const u64 *gpr)
{
	return (u32)gpr[GPR_RCX] == MSR_X2APIC_EOI && !(u32)(gpr[GPR_RAX] | gpr[GPR_RDX]);
}

void exit_wrmsr(struct vcpu *vcpu, const struct vm_exit *exit)
{
	const u64 *gpr = vcpu->regs.gpr;
	u32 msr = (u32)gpr[GPR_RCX];

	if (is_apic_eoi(gpr)) { /* every interrupt ends with it */
		if (unlikely(!platform->apic_msr_eoi(vcpu)))
			write_rule_msr(vcpu, exit);
		else
			vcpu_skip_opcode(vcpu, exit, OPCODE_WRMSR, 2);
	} else if (is_apic_msr(msr) &&
		   likely(platform->apic_msr_write(vcpu, msr, written_value(gpr)))) {
		vcpu_check_timers(vcpu);
		vcpu_skip_opcode(vcpu, exit, OPCODE_WRMSR, 2);
	} else {
		write_rule_msr(vcpu, exit);
	}
}
