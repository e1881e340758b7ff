/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's far jumps, calls and returns: in real mode, in virtual-8086 mode, and in
 * protected mode to code segments; gates and task state segments are left to others.
 */
#include "vm/interp_far.h"

#include "vm/interp_insns.h"

enum interp_result interp_go_real(struct interp *in, u32 selector, u64 offset)
{
	interp_set_seg_real(in, SEG_CS, selector);
	return interp_jump(in, offset);
}

enum interp_result interp_go_code(struct interp *in, struct interp_desc *desc, unsigned int cpl,
				  u64 offset)
{
	enum interp_result result;

	desc->selector = (desc->selector & ~SELECTOR_RPL) | cpl;
	result = interp_set_seg(in, SEG_CS, desc);
	return result ? result : interp_jump(in, offset);
}

/* A code segment that JMP and CALL may go to without a gate. */
static enum interp_result find_code(struct interp *in, u32 selector, struct interp_desc *desc)
{
	unsigned int cpl = interp_cpl(in), rpl = selector & SELECTOR_RPL, dpl, type;
	enum interp_result result;

	result = interp_read_desc(in, selector, VECTOR_GP, desc);
	if (result)
		return result;
	type = DESC_TYPE(desc->raw);
	dpl = DESC_DPL(desc->raw);
	if (!(desc->raw & DESC_S)) {
		/* Call gates, task gates and TSSs have these types, with and without bit 3. */
		bool gate = (type & 7) == TYPE_CALL_GATE16 || type == TYPE_TASK_GATE ||
			    (type & 5) == TYPE_TSS16;

		return gate ? INTERP_UNSUPPORTED : interp_fault_selector(in, VECTOR_GP, selector);
	}
	if (!(type & TYPE_CODE) || (type & TYPE_CONFORMING ? dpl > cpl : rpl > cpl || dpl != cpl))
		return interp_fault_selector(in, VECTOR_GP, selector);
	if (!(desc->raw & DESC_P))
		return interp_fault_selector(in, VECTOR_NP, selector);
	return INTERP_DONE;
}

static enum interp_result far_transfer(struct interp *in, u32 selector, u64 offset, bool call)
{
	unsigned int size = in->insn.opsize;
	struct interp_desc desc;
	enum interp_result result = INTERP_DONE;

	if (interp_long(in))
		return INTERP_UNSUPPORTED;
	if (interp_protected(in))
		result = find_code(in, selector, &desc);
	if (!result && call)
		result = interp_check_push(in, size, 2);
	if (!result && call)
		result = interp_push(in, size, in->seg[SEG_CS].selector);
	if (!result && call)
		result = interp_push(in, size, in->regs->rip);
	if (result)
		return result;
	if (!interp_protected(in))
		return interp_go_real(in, selector, offset);
	return interp_go_code(in, &desc, interp_cpl(in), offset);
}

/* 9A, EA: the immediate is offset and selector. */
enum interp_result interp_far_imm(struct interp *in)
{
	unsigned int size = in->insn.opsize;

	return far_transfer(in, in->insn.imm >> (8 * size) & 0xffff, in->insn.imm & alu_mask(size),
			    in->insn.opcode == 0x9a);
}

/* FF /3, /5 */
enum interp_result interp_far_rm(struct interp *in)
{
	unsigned int size = in->insn.opsize;
	u64 offset, selector, selector_at = interp_offset(in, size);
	enum interp_result result;

	if (!in->insn.mem)
		return interp_ud(in);
	result = interp_get_rm(in, size, &offset, 0);
	if (!result)
		result = interp_read(in, in->insn.seg, selector_at, 2, &selector, 0);
	if (result)
		return result;
	return far_transfer(in, (u32)selector, offset, interp_digit(in) == 3);
}

/* What an outer level must not see becomes null. */
static void drop_segment(struct interp *in, enum insn_seg seg)
{
	u16 attr = in->seg[seg].attr;
	bool conforming = (attr & TYPE_CODE) && (attr & TYPE_CONFORMING);

	if (attr & SEG_ATTR_P && !conforming && SEG_ATTR_DPL(attr) < interp_cpl(in))
		interp_set_seg_null(in, seg, 0);
}

static enum interp_result return_outer(struct interp *in, const struct far_return *to,
				       struct interp_desc *desc)
{
	unsigned int rpl = to->selector & SELECTOR_RPL;
	u64 rsp, ss;
	enum interp_result result = interp_pop(in, to->size, &rsp);

	if (!result)
		result = interp_pop(in, to->size, &ss);
	if (!result)
		result = interp_load_stack(in, ss & 0xffff, rpl, VECTOR_GP);
	if (!result)
		result = interp_go_code(in, desc, rpl, to->offset);
	if (result)
		return result;
	reg_merge(&in->regs->gpr[GPR_RSP], interp_stack_size(in), rsp);
	interp_stack_move(in, to->release);
	drop_segment(in, SEG_ES);
	drop_segment(in, SEG_DS);
	drop_segment(in, SEG_FS);
	drop_segment(in, SEG_GS);
	return INTERP_DONE;
}

enum interp_result interp_return_code(struct interp *in, const struct far_return *to)
{
	unsigned int cpl = interp_cpl(in), rpl = to->selector & SELECTOR_RPL, type, dpl;
	struct interp_desc desc;
	enum interp_result result;

	result = interp_read_desc(in, to->selector, VECTOR_GP, &desc);
	if (result)
		return result;
	type = DESC_TYPE(desc.raw);
	dpl = DESC_DPL(desc.raw);
	if (rpl < cpl || !(desc.raw & DESC_S) || !(type & TYPE_CODE) ||
	    (type & TYPE_CONFORMING ? dpl > rpl : dpl != rpl))
		return interp_fault_selector(in, VECTOR_GP, to->selector);
	if (!(desc.raw & DESC_P))
		return interp_fault_selector(in, VECTOR_NP, to->selector);
	interp_stack_move(in, to->release);
	if (rpl > cpl)
		return return_outer(in, to, &desc);
	return interp_go_code(in, &desc, cpl, to->offset);
}

/* CA, CB; the first has an immediate, which is 0 in the other. */
enum interp_result interp_far_ret(struct interp *in)
{
	struct far_return to = { .size = in->insn.opsize, .release = in->insn.imm };
	u64 selector;
	enum interp_result result = interp_pop(in, to.size, &to.offset);

	if (!result)
		result = interp_pop(in, to.size, &selector);
	if (result)
		return result;
	if (interp_long(in))
		return INTERP_UNSUPPORTED;
	to.selector = selector & 0xffff;
	if (interp_protected(in))
		return interp_return_code(in, &to);
	interp_stack_move(in, to.release);
	return interp_go_real(in, to.selector, to.offset);
}
