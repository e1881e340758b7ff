/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest state by name. The vCPU is loaded. CR0 and CR4 are what the guest has in its shadows; the
 * real ones have what VMX wants besides.
 */
#include "arch/cpu.h"
#include "lib/log.h"
#include "vmx/msrs.h"
#include "vmx/vmx.h"

/* Registers that are a field or an MSR and nothing else. */
static const struct {
	u16 field;
	u32 msr; /* 0: the field */
} plain[VREG_COUNT] = {
	[VREG_CR0] = { VMCS_CR0_SHADOW, 0 },
	[VREG_CR4] = { VMCS_CR4_SHADOW, 0 },
	[VREG_PAT] = { VMCS_GUEST_PAT, 0 },
	[VREG_DR7] = { VMCS_GUEST_DR7, 0 },
	[VREG_FS_BASE] = { VMCS_GUEST_FS_BASE, 0 },
	[VREG_GS_BASE] = { VMCS_GUEST_GS_BASE, 0 },
	[VREG_KERNEL_GS_BASE] = { 0, MSR_KERNEL_GS_BASE },
	[VREG_STAR] = { 0, MSR_STAR },
	[VREG_LSTAR] = { 0, MSR_LSTAR },
	[VREG_CSTAR] = { 0, MSR_CSTAR },
	[VREG_SFMASK] = { 0, MSR_SFMASK },
	[VREG_SYSENTER_CS] = { VMCS_GUEST_SYSENTER_CS, 0 },
	[VREG_SYSENTER_ESP] = { VMCS_GUEST_SYSENTER_ESP, 0 },
	[VREG_SYSENTER_EIP] = { VMCS_GUEST_SYSENTER_EIP, 0 },
};

u64 vmx_get_reg(const struct vcpu *vcpu, enum vreg reg)
{
	const struct vmx_vcpu *vmx = vmx_of(vcpu);

	switch (reg) {
	case VREG_CR2:
		return read_cr2();
	case VREG_CR3:
		return vmx->identity ? vmx->cr3 : vmcs_read_natural(VMCS_GUEST_CR3);
	case VREG_EFER:
		return vmx->efer;
	case VREG_DR6:
		return vmx->dr6;
	default:
		break;
	}
	if (plain[reg].msr)
		return rdmsr(plain[reg].msr);
	return vmcs_read_raw(plain[reg].field);
}

static void set_cr3(struct vmx_vcpu *vmx, u64 value)
{
	if (vmx->identity)
		vmx->cr3 = value;
	else
		vmcs_write_natural(VMCS_GUEST_CR3, value);
}

void vmx_set_reg(struct vcpu *vcpu, enum vreg reg, u64 value)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	switch (reg) {
	case VREG_CR0:
		vmcs_write_natural(VMCS_CR0_SHADOW, value);
		vmcs_write_natural(VMCS_GUEST_CR0, value | vmx_cr0_fixed);
		vmx_update_paging(vmx);
		vmx->changed = vmx_restricted();
		return;
	case VREG_CR3:
		set_cr3(vmx, value);
		return;
	case VREG_CR2:
		write_cr2(value);
		return;
	case VREG_CR4:
		vmcs_write_natural(VMCS_CR4_SHADOW, value);
		vmx_update_paging(vmx);
		return;
	case VREG_EFER:
		vmx->efer = value;
		vmx_update_paging(vmx);
		return;
	case VREG_DR6:
		vmx->dr6 = value;
		return;
	default:
		break;
	}
	if (plain[reg].msr)
		wrmsr(plain[reg].msr, value);
	else
		vmcs_write_raw(plain[reg].field, value);
}

/*
 * Access rights have a gap where a descriptor has the limit's high part, and a bit for "unusable".
 */
void vmx_get_seg(const struct vcpu *vcpu __unused, enum insn_seg seg, struct segment *out)
{
	u32 rights = vmcs_read32(VMCS_SEGMENT(VMCS_GUEST_ES_RIGHTS, seg));

	*out = (struct segment){
		.selector = vmcs_read16(VMCS_SEGMENT(VMCS_GUEST_ES, seg)),
		.attr = (u16)((rights & 0xff) | (rights >> 4 & 0xf00)),
		.limit = vmcs_read32(VMCS_SEGMENT(VMCS_GUEST_ES_LIMIT, seg)),
		.base = vmcs_read_natural(VMCS_SEGMENT(VMCS_GUEST_ES_BASE, seg)),
	};
	if (rights & RIGHTS_UNUSABLE)
		out->attr &= (u16)~SEG_ATTR_P;
}

void vmx_set_seg(struct vcpu *vcpu, enum insn_seg seg, const struct segment *in)
{
	u32 rights = (in->attr & 0xffu) | (in->attr & 0xf00u) << 4;

	vmx_of(vcpu)->changed = vmx_restricted();
	if (!(in->attr & SEG_ATTR_P))
		rights |= RIGHTS_UNUSABLE;
	vmcs_write16(VMCS_SEGMENT(VMCS_GUEST_ES, seg), in->selector);
	vmcs_write32(VMCS_SEGMENT(VMCS_GUEST_ES_LIMIT, seg), in->limit);
	vmcs_write32(VMCS_SEGMENT(VMCS_GUEST_ES_RIGHTS, seg), rights);
	vmcs_write_natural(VMCS_SEGMENT(VMCS_GUEST_ES_BASE, seg), in->base);
}

void vmx_set_table(struct vcpu *vcpu __unused, enum table_reg reg, u64 base, u16 limit)
{
	bool gdtr = reg == TABLE_GDTR;

	vmcs_write_natural(gdtr ? VMCS_GUEST_GDTR_BASE : VMCS_GUEST_IDTR_BASE, base);
	vmcs_write32(gdtr ? VMCS_GUEST_GDTR_LIMIT : VMCS_GUEST_IDTR_LIMIT, limit);
}

u64 vmx_table_base(const struct vcpu *vcpu __unused, enum table_reg reg)
{
	return vmcs_read_natural(reg == TABLE_GDTR ? VMCS_GUEST_GDTR_BASE : VMCS_GUEST_IDTR_BASE);
}

u16 vmx_table_limit(const struct vcpu *vcpu __unused, enum table_reg reg)
{
	return (u16)vmcs_read32(reg == TABLE_GDTR ? VMCS_GUEST_GDTR_LIMIT : VMCS_GUEST_IDTR_LIMIT);
}

void vmx_get_fetch_state(const struct vcpu *vcpu, struct fetch_state *out)
{
	u32 cs_rights = vmcs_read32(VMCS_GUEST_CS_RIGHTS);

	out->paging.cr0 = vmcs_read_natural(VMCS_CR0_SHADOW);
	out->paging.cr3 = vmcs_read_natural(VMCS_GUEST_CR3);
	out->paging.cr4 = vmcs_read_natural(VMCS_CR4_SHADOW);
	out->paging.efer = vmx_of(vcpu)->efer;
	out->paging.user = SEG_ATTR_DPL(vmcs_read32(VMCS_GUEST_SS_RIGHTS)) == 3;
	out->linear_rip = vcpu->regs.rip;
	if ((out->paging.efer & EFER_LMA) && cs_rights & SEG_ATTR_L << 4) {
		out->mode = INSN_64;
		return;
	}
	out->mode = cs_rights & SEG_ATTR_DB << 4 ? INSN_32 : INSN_16;
	out->linear_rip = (u32)(vmcs_read_natural(VMCS_GUEST_CS_BASE) + vcpu->regs.rip);
}

void vmx_set_tsc_offset(struct vcpu *vcpu __unused, u64 offset)
{
	vmcs_write64(VMCS_TSC_OFFSET, offset);
}

void vmx_set_pdptes(struct vcpu *vcpu __unused, const u64 *pdptes)
{
	vmcs_write64(VMCS_GUEST_PDPTE0, pdptes[0]);
	vmcs_write64(VMCS_GUEST_PDPTE1, pdptes[1]);
	vmcs_write64(VMCS_GUEST_PDPTE2, pdptes[2]);
	vmcs_write64(VMCS_GUEST_PDPTE3, pdptes[3]);
}
