/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts and exceptions in the interpreter: through the vectors of real mode, or through
 * interrupt and trap gates, with a change of stack where the handler's level is an inner one.
 */
#include "vm/interp_far.h"

#define ERROR_IDT 2u
#define GATE_32 8u /* of the type */
#define GATE_TRAP 1u

/* One delivery in protected mode. */
struct delivery {
	const struct vm_event *event;
	u64 gate;
	unsigned int size; /* of what is pushed */
	struct segment old_ss;
	u64 old_rsp, old_flags;
	bool from_v8086;
};

/* What the handler finds as the old flags: a fault's instruction is resumed past its breakpoint. */
static u64 flags_image(const struct interp *in, const struct vm_event *event)
{
	u64 flags = in->regs->rflags;

	if (event->kind == EVENT_EXCEPTION && event->vector != VECTOR_DB &&
	    event->vector != VECTOR_BP && event->vector != VECTOR_OF)
		flags |= RFLAGS_RF;
	return flags;
}

static enum interp_result deliver_real(struct interp *in, const struct vm_event *event)
{
	u64 entry = 0;
	u32 at = event->vector * 4u;
	enum interp_result result;

	if (at + 3 > in->idtr.limit)
		return interp_gp0(in);
	result = interp_check_push(in, 2, 3);
	if (!result)
		result = interp_read_linear(in, (u32)(in->idtr.base + at), 4, &entry,
					    INTERP_SUPERVISOR);
	if (!result)
		result = interp_push(in, 2, in->regs->rflags);
	if (!result)
		result = interp_push(in, 2, in->seg[SEG_CS].selector);
	if (!result)
		result = interp_push(in, 2, in->regs->rip);
	if (result)
		return result;
	in->regs->rflags &= ~(u64)(RFLAGS_IF | RFLAGS_TF | RFLAGS_RF | RFLAGS_AC);
	return interp_go_real(in, (u32)entry >> 16, entry & 0xffff);
}

static u32 idt_error(const struct delivery *d)
{
	return d->event->vector * 8u | ERROR_IDT;
}

/* The gate, as far as it can be judged without its segment. */
static enum interp_result read_gate(struct interp *in, struct delivery *d)
{
	u32 at = d->event->vector * 8u, type;
	bool software = d->event->kind == EVENT_SOFT_INTR ||
			(d->event->kind == EVENT_EXCEPTION &&
			 (d->event->vector == VECTOR_BP || d->event->vector == VECTOR_OF));
	enum interp_result result;

	if (at + 7 > in->idtr.limit)
		return interp_fault_error(in, VECTOR_GP, idt_error(d));
	result = interp_read_linear(in, (u32)(in->idtr.base + at), 8, &d->gate, INTERP_SUPERVISOR);
	if (result)
		return result;
	type = DESC_TYPE(d->gate);
	if (d->gate & DESC_S ||
	    ((type & ~(GATE_32 | GATE_TRAP)) != TYPE_INTR_GATE16 && type != TYPE_TASK_GATE))
		return interp_fault_error(in, VECTOR_GP, idt_error(d));
	if (software && DESC_DPL(d->gate) < interp_cpl(in))
		return interp_fault_error(in, VECTOR_GP, idt_error(d));
	if (!(d->gate & DESC_P))
		return interp_fault_error(in, VECTOR_NP, idt_error(d));
	d->size = type & GATE_32 ? 4 : 2;
	return type == TYPE_TASK_GATE ? INTERP_UNSUPPORTED : INTERP_DONE;
}

/* The handler's code segment, and the level it runs at. */
static enum interp_result read_code(struct interp *in, const struct delivery *d,
				    struct interp_desc *desc, unsigned int *level)
{
	u32 selector = d->gate >> 16 & 0xffff, type;
	unsigned int cpl = interp_cpl(in), dpl;
	enum interp_result result;

	result = interp_read_desc(in, selector, VECTOR_GP, desc);
	if (result)
		return result;
	type = DESC_TYPE(desc->raw);
	dpl = DESC_DPL(desc->raw);
	if (!(desc->raw & DESC_S) || !(type & TYPE_CODE) || dpl > cpl)
		return interp_fault_selector(in, VECTOR_GP, selector);
	if (!(desc->raw & DESC_P))
		return interp_fault_selector(in, VECTOR_NP, selector);
	*level = type & TYPE_CONFORMING ? cpl : dpl;
	/* Out of virtual-8086 mode it goes to level 0 only. */
	if (d->from_v8086 && *level != 0)
		return interp_fault_selector(in, VECTOR_GP, selector);
	return INTERP_DONE;
}

/* SS and the stack pointer of an inner level, from the TSS. */
static enum interp_result inner_stack(struct interp *in, unsigned int level)
{
	const struct segment *tr = &in->seg[SEG_TR];
	unsigned int size = (tr->attr & 0xf & ~TYPE_BUSY) == TYPE_TSS32 ? 4 : 2;
	u32 at = size == 4 ? level * 8 + 4 : level * 4 + 2;
	u64 rsp, ss;
	enum interp_result result;

	if (!(tr->attr & SEG_ATTR_P) || at + size + 1 > tr->limit)
		return interp_fault_selector(in, VECTOR_TS, tr->selector);
	result = interp_read_linear(in, (u32)(tr->base + at), size, &rsp, INTERP_SUPERVISOR);
	if (!result)
		result = interp_read_linear(in, (u32)(tr->base + at + size), 2, &ss,
					    INTERP_SUPERVISOR);
	if (result)
		return result;
	in->regs->rflags &= ~(u64)RFLAGS_VM;
	result = interp_load_stack(in, (u32)ss, level, VECTOR_TS);
	if (!result)
		reg_merge(&in->regs->gpr[GPR_RSP], interp_stack_size(in), rsp);
	return result;
}

static enum interp_result push_inner(struct interp *in, const struct delivery *d)
{
	static const u8 order[] = { SEG_GS, SEG_FS, SEG_DS, SEG_ES };
	enum interp_result result = INTERP_DONE;

	for (unsigned int i = 0; d->from_v8086 && !result && i < ARRAY_SIZE(order); i++) {
		result = interp_push(in, d->size, in->seg[order[i]].selector);
		interp_set_seg_null(in, (enum insn_seg)order[i], 0);
	}
	if (!result)
		result = interp_push(in, d->size, d->old_ss.selector);
	if (!result)
		result = interp_push(in, d->size, d->old_rsp);
	return result;
}

static enum interp_result push_frame(struct interp *in, const struct delivery *d, bool inner)
{
	unsigned int count = 3u + d->event->has_error + (inner ? 2 : 0) + (d->from_v8086 ? 4 : 0);
	enum interp_result result = interp_check_push(in, d->size, count);

	/* A new stack that is too small is named. */
	if (result && inner)
		return interp_fault_selector(in, VECTOR_SS, in->seg[SEG_SS].selector);
	if (!result && inner)
		result = push_inner(in, d);
	if (!result)
		result = interp_push(in, d->size, d->old_flags);
	if (!result)
		result = interp_push(in, d->size, in->seg[SEG_CS].selector);
	if (!result)
		result = interp_push(in, d->size, in->regs->rip);
	if (!result && d->event->has_error)
		result = interp_push(in, d->size, d->event->error);
	return result;
}

static enum interp_result deliver_protected(struct interp *in, const struct vm_event *event)
{
	struct delivery d = {
		.event = event,
		.old_ss = in->seg[SEG_SS],
		.old_rsp = in->regs->gpr[GPR_RSP],
		.old_flags = flags_image(in, event),
		.from_v8086 = interp_v8086(in),
	};
	u64 clear = RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM, offset;
	unsigned int cpl = interp_cpl(in), level = 0;
	struct interp_desc desc;
	enum interp_result result = read_gate(in, &d);

	if (!result)
		result = read_code(in, &d, &desc, &level);
	if (!result && level < cpl)
		result = inner_stack(in, level);
	if (!result)
		result = push_frame(in, &d, level < cpl);
	if (result)
		return result;
	if (!(DESC_TYPE(d.gate) & GATE_TRAP))
		clear |= RFLAGS_IF;
	in->regs->rflags &= ~clear;
	offset = (d.gate & 0xffff) | (d.size == 4 ? d.gate >> 32 & 0xffff0000 : 0);
	return interp_go_code(in, &desc, level, offset);
}

enum interp_result interp_deliver_event(struct interp *in, const struct vm_event *event)
{
	if (!(in->cr0 & CR0_PE))
		return deliver_real(in, event);
	if (interp_long(in))
		return INTERP_UNSUPPORTED;
	return deliver_protected(in, event);
}
