/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware task switches, which CPUs leave to the hypervisor: by CALL, JMP, IRET or a task gate to a 32-bit
 * TSS. In the manual's order: what is wrong with the new TSS faults in the old task, what is wrong with
 * the new task's segments in the new one. A 16-bit TSS ends the VM with a report.
 */
#include "arch/cpu.h"
#include "vm/desc.h"
#include "vm/vcpu.h"

#define VECTOR_TS 10
#define VECTOR_NP 11
#define VECTOR_SS 12

/* Offsets in a 32-bit TSS. */
#define TSS_LINK 0x00u
#define TSS_CR3 0x1cu
#define TSS_EIP 0x20u
#define TSS_EFLAGS 0x24u
#define TSS_GPRS 0x28u
#define TSS_SEGMENTS 0x48u /* ES CS SS DS FS GS, as they are numbered */
#define TSS_LDT 0x60u
#define DR7_LOCAL 0x155u /* L0 to L3, LE */
#define TSS_TRAP 0x64u
#define TSS32_LIMIT 0x67u

struct task {
	struct vcpu *vcpu;
	const struct vm_exit *exit;
	struct fetch_state state; /* as the CPU accesses tables: with supervisor rights */
	u64 old_base, new_base;
	u64 desc, desc_linear; /* of the new TSS */
};

static bool rd(struct task *t, u64 linear, u64 *value, unsigned int size)
{
	*value = 0;
	return vcpu_read_linear(t->vcpu, t->exit, &t->state, (u32)linear, value, size) == 0;
}

static bool wr(struct task *t, u64 linear, u64 value, unsigned int size)
{
	return vcpu_write_linear(t->vcpu, t->exit, &t->state, (u32)linear, value, size) == 0;
}

static bool fault(struct task *t, u8 vector, u32 selector)
{
	vcpu_exception_error(t->vcpu, vector, SELECTOR_INDEX(selector) | (selector & SELECTOR_LDT));
	return false;
}

/* The descriptor that selector names. False: a fault is queued, vector if it is beyond its table. */
static bool read_desc(struct task *t, u32 selector, u8 vector, u64 *desc, u64 *linear)
{
	u64 base = backend->table_base(t->vcpu, TABLE_GDTR);
	u32 limit = backend->table_limit(t->vcpu, TABLE_GDTR);
	struct segment ldtr;

	if (selector & SELECTOR_LDT) {
		backend->get_seg(t->vcpu, SEG_LDTR, &ldtr);
		base = ldtr.base;
		limit = ldtr.attr & SEG_ATTR_P ? ldtr.limit : 0;
	}
	if (SELECTOR_INDEX(selector) + 7 > limit)
		return fault(t, vector, selector);
	*linear = base + SELECTOR_INDEX(selector);
	return rd(t, *linear, desc, sizeof(*desc));
}

/* The new TSS, still in the old task. */
static bool check_target(struct task *t)
{
	u32 selector = t->exit->task.selector, type;
	bool iret = t->exit->task.by == TASK_IRET;
	u8 vector = iret ? VECTOR_TS : VECTOR_GUEST_GP;
	struct segment tss;

	if (selector & SELECTOR_LDT)
		return fault(t, vector, selector);
	if (!read_desc(t, selector, vector, &t->desc, &t->desc_linear))
		return false;
	type = DESC_TYPE(t->desc);
	if (!(t->desc & DESC_S) && (type & ~TYPE_BUSY) == TYPE_TSS16) {
		vm_kill(t->vcpu->vm, t->exit, "task switch to a 16-bit TSS");
		return false;
	}
	if (t->desc & DESC_S || type != (iret ? TYPE_TSS32 | TYPE_BUSY : TYPE_TSS32))
		return fault(t, vector, selector);
	tss = desc_unpack(t->desc, selector);
	if (!(t->desc & DESC_P))
		return fault(t, VECTOR_NP, selector);
	if (tss.limit < TSS32_LIMIT)
		return fault(t, VECTOR_TS, selector);
	t->new_base = tss.base;
	return true;
}

/* Leave the old task: its state into its TSS, and its descriptor no longer busy if it will not come back. */
static bool save_old(struct task *t, const struct segment *old)
{
	struct vcpu_regs *regs = &t->vcpu->regs;
	enum task_by by = t->exit->task.by;
	u64 eflags = regs->rflags, desc, linear;
	struct segment seg;

	if (by == TASK_IRET || by == TASK_JMP) {
		if (!read_desc(t, old->selector, VECTOR_TS, &desc, &linear) ||
		    !wr(t, linear, desc & ~(u64)DESC_BUSY, sizeof(desc)))
			return false;
	}
	if (by == TASK_IRET)
		eflags &= ~(u64)RFLAGS_NT;
	if (!wr(t, t->old_base + TSS_EIP, regs->rip, 4) ||
	    !wr(t, t->old_base + TSS_EFLAGS, eflags, 4))
		return false;
	for (u32 i = 0; i < 8; i++) {
		if (!wr(t, t->old_base + TSS_GPRS + 4 * i, regs->gpr[i], 4))
			return false;
	}
	for (u32 i = SEG_ES; i <= SEG_GS; i++) {
		backend->get_seg(t->vcpu, (enum insn_seg)i, &seg);
		if (!wr(t, t->old_base + TSS_SEGMENTS + 4 * i, seg.selector, 2))
			return false;
	}
	return true;
}

/* Registers of the new task. What its segments are to be is returned; none is loaded yet. */
static bool load_new(struct task *t, u16 old_selector, u16 *selectors, u16 *ldt)
{
	bool nested = t->exit->task.by == TASK_CALL || t->exit->task.by == TASK_GATE;
	struct vcpu_regs *regs = &t->vcpu->regs;
	u64 cr0 = backend->get_reg(t->vcpu, VREG_CR0), cr3, value, gprs[8], eip, eflags;

	for (u32 i = 0; i < 8; i++) {
		if (!rd(t, t->new_base + TSS_GPRS + 4 * i, &gprs[i], 4))
			return false;
	}
	for (u32 i = SEG_ES; i <= SEG_GS; i++) {
		if (!rd(t, t->new_base + TSS_SEGMENTS + 4 * i, &value, 2))
			return false;
		selectors[i] = (u16)value;
	}
	if (!rd(t, t->new_base + TSS_EIP, &eip, 4) ||
	    !rd(t, t->new_base + TSS_EFLAGS, &eflags, 4) ||
	    !rd(t, t->new_base + TSS_CR3, &cr3, 4) || !rd(t, t->new_base + TSS_LDT, &value, 2))
		return false;
	*ldt = (u16)value;
	if (nested && !wr(t, t->new_base + TSS_LINK, old_selector, 2))
		return false;
	if (t->exit->task.by != TASK_IRET &&
	    !wr(t, t->desc_linear, t->desc | DESC_BUSY, sizeof(t->desc)))
		return false;
	for (u32 i = 0; i < 8; i++)
		regs->gpr[i] = gprs[i];
	regs->rip = eip;
	regs->rflags = (eflags & RFLAGS_LOADABLE) | RFLAGS_FIXED | (nested ? RFLAGS_NT : 0);
	backend->set_reg(t->vcpu, VREG_CR0, cr0 | CR0_TS);
	fetch_memo_forget(&t->vcpu->memo);
	if (cr0 & CR0_PG && !vcpu_set_cr3(t->vcpu, cr3)) {
		vcpu_exception_error(t->vcpu, VECTOR_GUEST_GP, 0);
		return false;
	}
	return true;
}

/* The old task's own breakpoints end with it, as does the shadow of an STI before the switch. */
static void forget_old(struct vcpu *vcpu)
{
	u64 dr7 = backend->get_reg(vcpu, VREG_DR7);

	backend->set_reg(vcpu, VREG_DR7, dr7 & ~(u64)DR7_LOCAL);
	vcpu_leave_shadow(vcpu);
}

/* The new TSS may ask for a #DB before the task's first instruction. */
static void debug_trap(struct task *t)
{
	u64 flags, dr6 = backend->get_reg(t->vcpu, VREG_DR6);

	if (!rd(t, t->new_base + TSS_TRAP, &flags, 2) || !(flags & 1))
		return;
	backend->set_reg(t->vcpu, VREG_DR6, dr6 | DR6_BT);
	vcpu_exception(t->vcpu, VECTOR_GUEST_DB);
}

static bool segment_fits(u64 desc, enum insn_seg seg, u32 rpl, u32 cpl)
{
	u32 type = DESC_TYPE(desc), dpl = DESC_DPL(desc);
	bool code = type & TYPE_CODE, conforming = code && type & TYPE_CONFORMING;

	if (!(desc & DESC_S))
		return false;
	if (seg == SEG_CS)
		return code && (conforming ? dpl <= rpl : dpl == rpl);
	if (seg == SEG_SS)
		return !code && type & TYPE_WRITE_OR_READ && dpl == cpl && rpl == cpl;
	return (!code || type & TYPE_WRITE_OR_READ) && (conforming || (dpl >= rpl && dpl >= cpl));
}

static bool load_segment(struct task *t, enum insn_seg number, u32 selector, u32 cpl)
{
	struct segment seg = { .selector = (u16)selector };
	u64 desc, linear;

	if (t->vcpu->regs.rflags & RFLAGS_VM) {
		seg.base = selector_real_base(selector);
		seg.limit = SEG_V8086_LIMIT;
		seg.attr = SEG_V8086_ATTR;
		backend->set_seg(t->vcpu, number, &seg);
		return true;
	}
	if (SELECTOR_INDEX(selector) == 0 && !(selector & SELECTOR_LDT)) {
		if (number == SEG_CS || number == SEG_SS)
			return fault(t, VECTOR_TS, selector);
		backend->set_seg(t->vcpu, number, &seg);
		return true;
	}
	if (!read_desc(t, selector, VECTOR_TS, &desc, &linear))
		return false;
	if (!segment_fits(desc, number, selector & SELECTOR_RPL, cpl))
		return fault(t, VECTOR_TS, selector);
	if (!(desc & DESC_P))
		return fault(t, number == SEG_SS ? VECTOR_SS : VECTOR_NP, selector);
	desc |= DESC_ACCESSED;
	if (!wr(t, linear, desc, sizeof(desc)))
		return false;
	seg = desc_unpack(desc, selector);
	backend->set_seg(t->vcpu, number, &seg);
	return true;
}

static bool load_ldt(struct task *t, u32 selector)
{
	struct segment seg = { .selector = (u16)selector };
	u64 desc, linear;

	backend->set_seg(t->vcpu, SEG_LDTR, &seg);
	if (SELECTOR_INDEX(selector) == 0)
		return true;
	if (selector & SELECTOR_LDT)
		return fault(t, VECTOR_TS, selector);
	if (!read_desc(t, selector, VECTOR_TS, &desc, &linear))
		return false;
	if (desc & DESC_S || DESC_TYPE(desc) != TYPE_LDT || !(desc & DESC_P))
		return fault(t, VECTOR_TS, selector);
	seg = desc_unpack(desc, selector);
	backend->set_seg(t->vcpu, SEG_LDTR, &seg);
	return true;
}

static bool load_segments(struct task *t, const u16 *selectors, u16 ldt)
{
	/* CS and SS first: the others are checked against the new privilege level. */
	static const u8 order[] = { SEG_CS, SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	u32 cpl = t->vcpu->regs.rflags & RFLAGS_VM ? 3 : selectors[SEG_CS] & SELECTOR_RPL;

	if (!load_ldt(t, ldt))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(order); i++) {
		if (!load_segment(t, (enum insn_seg)order[i], selectors[order[i]], cpl))
			return false;
	}
	return true;
}

/* The error code of the exception whose gate led here goes onto the new task's stack. */
static void push_error(struct task *t)
{
	struct segment ss;
	u64 *esp = &t->vcpu->regs.gpr[GPR_RSP];

	backend->get_seg(t->vcpu, SEG_SS, &ss);
	if (wr(t, ss.base + (u32)(*esp - 4), t->exit->task.error, 4))
		*esp = (u32)(*esp - 4);
}

/* Of the instruction that asked, which is behind us when the task comes back; 0: it was none. */
static u32 insn_length(struct task *t)
{
	const struct vm_event *event = &t->exit->interrupted;
	struct fetch_state state;
	struct insn insn;

	if (t->exit->task.by == TASK_GATE && !event_is_software(event))
		return 0;
	if (t->exit->insn_len)
		return t->exit->insn_len;
	return vcpu_peek(t->vcpu, &insn, &state) ? 0 : insn.len;
}

/* False: a fault is queued, or the VM was killed; the old task goes on. */
static bool leave(struct task *t, u16 *selectors, u16 *ldt)
{
	struct segment old, tss;

	backend->get_seg(t->vcpu, SEG_TR, &old);
	t->old_base = old.base;
	if (!check_target(t))
		return false;
	t->vcpu->regs.rip = (u32)(t->vcpu->regs.rip + insn_length(t));
	if (!save_old(t, &old) || !load_new(t, old.selector, selectors, ldt))
		return false;
	tss = desc_unpack(t->desc | DESC_BUSY, t->exit->task.selector);
	backend->set_seg(t->vcpu, SEG_TR, &tss);
	return true;
}

void exit_task_switch(struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct task t = { .vcpu = vcpu, .exit = exit };
	u16 selectors[SEG_GS + 1], ldt;
	u64 rip = vcpu->regs.rip;

	/* The event whose gate this is is delivered by the switch. */
	if (exit->task.by == TASK_GATE)
		vcpu->pending.kind = EVENT_NONE;
	backend->get_fetch_state(vcpu, &t.state);
	t.state.paging.user = false;
	if (!leave(&t, selectors, &ldt)) {
		vcpu->regs.rip = rip;
		return;
	}
	backend->get_fetch_state(vcpu, &t.state);
	t.state.paging.user = false;
	forget_old(vcpu);
	if (!load_segments(&t, selectors, ldt))
		return;
	if (exit->task.has_error)
		push_error(&t);
	if (vcpu->pending.kind == EVENT_NONE)
		debug_trap(&t);
}
