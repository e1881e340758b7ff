/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest state by name. No clean bits are used: every entry loads everything.
 */
#include "arch/cpu.h"
#include "lib/log.h"
#include "svm/svm.h"

static u64 *reg_slot(struct vmcb *vmcb, enum vreg reg)
{
	switch (reg) {
	case VREG_CR0:
		return &vmcb->cr0;
	case VREG_CR2:
		return &vmcb->cr2;
	case VREG_CR3:
		return &vmcb->cr3;
	case VREG_CR4:
		return &vmcb->cr4;
	case VREG_EFER:
		return &vmcb->efer;
	case VREG_PAT:
		return &vmcb->g_pat;
	case VREG_DR6:
		return &vmcb->dr6;
	case VREG_DR7:
		return &vmcb->dr7;
	case VREG_FS_BASE:
		return &vmcb->fs.base;
	case VREG_GS_BASE:
		return &vmcb->gs.base;
	case VREG_KERNEL_GS_BASE:
		return &vmcb->kernel_gs_base;
	case VREG_STAR:
		return &vmcb->star;
	case VREG_LSTAR:
		return &vmcb->lstar;
	case VREG_CSTAR:
		return &vmcb->cstar;
	case VREG_SFMASK:
		return &vmcb->sfmask;
	case VREG_SYSENTER_CS:
		return &vmcb->sysenter_cs;
	case VREG_SYSENTER_ESP:
		return &vmcb->sysenter_esp;
	case VREG_SYSENTER_EIP:
		return &vmcb->sysenter_eip;
	case VREG_COUNT:
		break;
	}
	panic("svm: no register %d", reg);
}

u64 svm_get_reg(const struct vcpu *vcpu, enum vreg reg)
{
	u64 value = *reg_slot(vmcb_of(vcpu), reg);

	/* SVME must be set for VMRUN; the guest has no SVM and does not see it. */
	return reg == VREG_EFER ? value & ~EFER_SVME : value;
}

void svm_set_reg(struct vcpu *vcpu, enum vreg reg, u64 value)
{
	*reg_slot(vmcb_of(vcpu), reg) = reg == VREG_EFER ? value | EFER_SVME : value;
}

static struct vmcb_segment *seg_slot(struct vmcb *vmcb, enum insn_seg seg)
{
	switch (seg) {
	case SEG_ES:
		return &vmcb->es;
	case SEG_CS:
		return &vmcb->cs;
	case SEG_SS:
		return &vmcb->ss;
	case SEG_DS:
		return &vmcb->ds;
	case SEG_FS:
		return &vmcb->fs;
	case SEG_GS:
		return &vmcb->gs;
	case SEG_LDTR:
		return &vmcb->ldtr;
	case SEG_TR:
		return &vmcb->tr;
	}
	panic("svm: no segment %d", seg);
}

void svm_get_seg(const struct vcpu *vcpu, enum insn_seg seg, struct segment *out)
{
	const struct vmcb_segment *in = seg_slot(vmcb_of(vcpu), seg);

	*out = (struct segment){
		.selector = in->selector, .attr = in->attr, .limit = in->limit, .base = in->base
	};
}

void svm_set_seg(struct vcpu *vcpu, enum insn_seg seg, const struct segment *in)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	*seg_slot(vmcb, seg) = (struct vmcb_segment){
		.selector = in->selector, .attr = in->attr, .limit = in->limit, .base = in->base
	};
	/* One emulator takes the CPL from here, another from SS: keep both equal. */
	if (seg == SEG_SS)
		vmcb->cpl = (u8)SEG_ATTR_DPL(in->attr);
}

void svm_set_table(struct vcpu *vcpu, enum table_reg reg, u64 base, u16 limit)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct vmcb_segment *slot = reg == TABLE_GDTR ? &vmcb->gdtr : &vmcb->idtr;

	*slot = (struct vmcb_segment){ .limit = limit, .base = base };
}

void svm_get_fetch_state(const struct vcpu *vcpu, struct fetch_state *out)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	out->paging.cr0 = vmcb->cr0;
	out->paging.cr3 = vmcb->cr3;
	out->paging.cr4 = vmcb->cr4;
	out->paging.efer = vmcb->efer;
	out->paging.user = vmcb->cpl == 3;
	out->linear_rip = vcpu->regs.rip;
	if ((vmcb->efer & EFER_LMA) && (vmcb->cs.attr & SEG_ATTR_L)) {
		out->mode = INSN_64;
		return;
	}
	out->mode = vmcb->cs.attr & SEG_ATTR_DB ? INSN_32 : INSN_16;
	out->linear_rip = (u32)(vmcb->cs.base + vcpu->regs.rip);
}

void svm_set_tsc_offset(struct vcpu *vcpu, u64 offset)
{
	vmcb_of(vcpu)->tsc_offset = offset;
}
