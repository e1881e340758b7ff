/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest state by name. No clean bits are used: every entry loads everything.
 */
#include "arch/cpu.h"
#include "arch/layout.h"
#include "lib/log.h"
#include "svm/svm.h"

#define SLOT(field) offsetof(struct vmcb, field)

static u64 *reg_slot(struct vmcb *vmcb, enum vreg reg)
{
	static const u16 slots[VREG_COUNT] = {
		[VREG_CR0] = SLOT(cr0),
		[VREG_CR2] = SLOT(cr2),
		[VREG_CR3] = SLOT(cr3),
		[VREG_CR4] = SLOT(cr4),
		[VREG_EFER] = SLOT(efer),
		[VREG_PAT] = SLOT(g_pat),
		[VREG_DR6] = SLOT(dr6),
		[VREG_DR7] = SLOT(dr7),
		[VREG_FS_BASE] = SLOT(fs.base),
		[VREG_GS_BASE] = SLOT(gs.base),
		[VREG_KERNEL_GS_BASE] = SLOT(kernel_gs_base),
		[VREG_STAR] = SLOT(star),
		[VREG_LSTAR] = SLOT(lstar),
		[VREG_CSTAR] = SLOT(cstar),
		[VREG_SFMASK] = SLOT(sfmask),
		[VREG_SYSENTER_CS] = SLOT(sysenter_cs),
		[VREG_SYSENTER_ESP] = SLOT(sysenter_esp),
		[VREG_SYSENTER_EIP] = SLOT(sysenter_eip),
	};

	return (u64 *)((u8 *)vmcb + slots[reg]);
}

u64 svm_get_reg(const struct vcpu *vcpu, enum vreg reg)
{
	u64 value = *reg_slot(vmcb_of(vcpu), reg);

	if (reg == VREG_CR4)
		return svm_of(vcpu)->cr4;
	/* SVME must be set for VMRUN; the guest has no SVM and does not see it. */
	return reg == VREG_EFER ? value & ~EFER_SVME : value;
}

/*
 * The CPU takes DR7 from the control block and has it off again after the exit. An emulator arms
 * breakpoints only where DR7 itself is written, and disarms none at an exit: so a guest's are
 * written before the entry and taken back after it (run.c). In the few instructions between they
 * must not be able to hit: those on addresses that could be the hypervisor's are left out.
 */
static void arm(struct vcpu *vcpu, u64 dr7)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	u64 armed = dr7 & ~(u64)DR7_GD;
	u64 enabled = 0;

	for (u32 i = 0; i < ARRAY_SIZE(vcpu->dr); i++) {
		if (vcpu->dr[i] >= LAYOUT_DIRECT_MAP)
			armed &= ~(u64)DR7_ENABLES(i);
		enabled |= armed & DR7_ENABLES(i);
	}
	svm->armed = enabled ? armed : 0;
	svm->more = svm->armed || svm->has_tpr;
}

void svm_set_reg(struct vcpu *vcpu, enum vreg reg, u64 value)
{
	if (reg == VREG_DR7)
		arm(vcpu, value);
	if (reg == VREG_EFER)
		value |= EFER_SVME;
	if (reg == VREG_CR4) {
		svm_of(vcpu)->cr4 = value;
		/* Machine checks are the machine's: with MCE off one would shut it down. */
		value |= read_cr4() & CR4_MCE;
	}
	*reg_slot(vmcb_of(vcpu), reg) = value;
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
	/* SYSRET leaves a privilege level in the descriptor that is not the CPU's. */
	if (seg == SEG_SS)
		out->attr = (u16)((in->attr & ~SEG_ATTR_DPL_MASK) | vmcb_of(vcpu)->cpl << 5);
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

u64 svm_table_base(const struct vcpu *vcpu, enum table_reg reg)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	return reg == TABLE_GDTR ? vmcb->gdtr.base : vmcb->idtr.base;
}

u16 svm_table_limit(const struct vcpu *vcpu, enum table_reg reg)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	return (u16)(reg == TABLE_GDTR ? vmcb->gdtr.limit : vmcb->idtr.limit);
}

void svm_get_fetch_state(const struct vcpu *vcpu, struct fetch_state *out)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	out->paging.cr0 = vmcb->cr0;
	out->paging.cr3 = vmcb->cr3;
	out->paging.cr4 = svm_of(vcpu)->cr4;
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
