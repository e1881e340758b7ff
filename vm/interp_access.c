/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all instructions share: memory through segments with their checks, operands in registers and
 * in memory, the stack.
 */
#include "vm/interp_core.h"

static unsigned int rights(const struct interp *in, unsigned int how)
{
	return interp_cpl(in) < 3 ? how | INTERP_SUPERVISOR : how;
}

enum interp_result interp_read_linear(struct interp *in, u64 linear, unsigned int size, u64 *value,
				      unsigned int how)
{
	u64 raw = 0;

	in->abort = in->ops->read(in->ctx, linear, size, &raw, rights(in, how));
	if (in->abort)
		return INTERP_ABORT;
	*value = raw & alu_mask(size);
	return INTERP_DONE;
}

enum interp_result interp_write_linear(struct interp *in, u64 linear, unsigned int size, u64 value,
				       unsigned int how)
{
	in->abort = in->ops->write(in->ctx, linear, size, value & alu_mask(size), rights(in, how));
	return in->abort ? INTERP_ABORT : INTERP_DONE;
}

static u64 to_linear(const struct interp *in, unsigned int seg, u64 offset)
{
	if (interp_mode(in) != INSN_64)
		return (u32)(in->seg[seg].base + offset);
	return seg == SEG_FS || seg == SEG_GS ? in->seg[seg].base + offset : offset;
}

static bool allowed(const struct interp *in, unsigned int seg, u64 offset, unsigned int size,
		    unsigned int how)
{
	const struct segment *s = &in->seg[seg];

	if (interp_mode(in) == INSN_64) {
		u64 linear = to_linear(in, seg, offset);
		u64 last = linear + size - 1;

		return interp_is_canonical(linear) && interp_is_canonical(last);
	}
	return segment_holds(s, offset, size) &&
	       (!interp_protected(in) || segment_allows(s, how & INTERP_WILL_WRITE));
}

enum interp_result interp_check(struct interp *in, unsigned int seg, u64 offset, unsigned int size,
				unsigned int how)
{
	if (!allowed(in, seg, offset, size, how))
		return interp_fault_error(in, seg == SEG_SS ? VECTOR_SS : VECTOR_GP, 0);
	if (in->cr0 & CR0_AM && in->regs->rflags & RFLAGS_AC && interp_cpl(in) == 3 &&
	    to_linear(in, seg, offset) & (size - 1))
		return interp_fault_error(in, VECTOR_AC, 0);
	return INTERP_DONE;
}

enum interp_result interp_read(struct interp *in, unsigned int seg, u64 offset, unsigned int size,
			       u64 *value, unsigned int how)
{
	enum interp_result result = interp_check(in, seg, offset, size, how);

	if (result)
		return result;
	return interp_read_linear(in, to_linear(in, seg, offset), size, value, how);
}

enum interp_result interp_write(struct interp *in, unsigned int seg, u64 offset, unsigned int size,
				u64 value)
{
	enum interp_result result = interp_check(in, seg, offset, size, INTERP_WILL_WRITE);

	if (result)
		return result;
	return interp_write_linear(in, to_linear(in, seg, offset), size, value, 0);
}

u64 interp_offset(const struct interp *in, u64 displace)
{
	if (in->insn.rip_relative)
		displace += in->regs->rip;
	return insn_offset(in->regs, &in->insn, displace);
}

enum interp_result interp_get_rm(struct interp *in, unsigned int size, u64 *value, unsigned int how)
{
	if (in->insn.mem)
		return interp_read(in, in->insn.seg, interp_offset(in, 0), size, value, how);
	*value = reg_get(in->regs, &in->insn, in->insn.rm, size);
	return INTERP_DONE;
}

enum interp_result interp_set_rm(struct interp *in, unsigned int size, u64 value)
{
	if (in->insn.mem)
		return interp_write(in, in->insn.seg, interp_offset(in, 0), size, value);
	reg_set(in->regs, &in->insn, in->insn.rm, size, value);
	return INTERP_DONE;
}

u64 interp_operand_linear(const struct interp *in)
{
	return to_linear(in, in->insn.seg, interp_offset(in, 0));
}

/* Could it be accessed as a whole? In pieces of 8 bytes, whose alignment is what counts. */
static enum interp_result check_wide(struct interp *in, unsigned int size, unsigned int how)
{
	u64 offset = interp_offset(in, 0);
	enum interp_result result = INTERP_DONE;

	for (unsigned int at = 0; !result && at < size; at += 8)
		result = interp_check(in, in->insn.seg, offset + at, MIN(size, 8u), how);
	if (result || size <= 8)
		return result;
	in->abort = in->ops->probe(in->ctx, to_linear(in, in->insn.seg, offset), size,
				   rights(in, how));
	return in->abort ? INTERP_ABORT : INTERP_DONE;
}

enum interp_result interp_read_wide(struct interp *in, unsigned int size, u64 *value)
{
	enum interp_result result = check_wide(in, size, 0);
	u64 offset = interp_offset(in, 0);

	for (unsigned int at = 0; !result && at < size; at += 8)
		result = interp_read_linear(in, to_linear(in, in->insn.seg, offset + at),
					    MIN(size, 8u), &value[at / 8], 0);
	return result;
}

enum interp_result interp_write_wide(struct interp *in, unsigned int size, const u64 *value)
{
	enum interp_result result = check_wide(in, size, INTERP_WILL_WRITE);
	u64 offset = interp_offset(in, 0);

	for (unsigned int at = 0; !result && at < size; at += 8)
		result = interp_write_linear(in, to_linear(in, in->insn.seg, offset + at),
					     MIN(size, 8u), value[at / 8], 0);
	return result;
}

enum interp_result interp_replace_pair(struct interp *in, u64 old[2], const u64 value[2],
				       bool *same)
{
	enum interp_result result = check_wide(in, 16, INTERP_WILL_WRITE);

	if (result)
		return result;
	in->abort = in->ops->replace_pair(in->ctx, interp_operand_linear(in), old, value, same,
					  rights(in, INTERP_WILL_WRITE));
	return in->abort ? INTERP_ABORT : INTERP_DONE;
}

unsigned int interp_stack_size(const struct interp *in)
{
	if (interp_mode(in) == INSN_64)
		return 8;
	return in->seg[SEG_SS].attr & SEG_ATTR_DB ? 4 : 2;
}

void interp_stack_move(struct interp *in, u64 delta)
{
	u64 *rsp = &in->regs->gpr[GPR_RSP];

	reg_merge(rsp, interp_stack_size(in), *rsp + delta);
}

enum interp_result interp_push(struct interp *in, unsigned int size, u64 value)
{
	u64 offset = (in->regs->gpr[GPR_RSP] - size) & alu_mask(interp_stack_size(in));
	enum interp_result result = interp_write(in, SEG_SS, offset, size, value);

	if (!result)
		interp_stack_move(in, -(u64)size);
	return result;
}

enum interp_result interp_pop(struct interp *in, unsigned int size, u64 *value)
{
	u64 offset = in->regs->gpr[GPR_RSP] & alu_mask(interp_stack_size(in));
	enum interp_result result = interp_read(in, SEG_SS, offset, size, value, 0);

	if (!result)
		interp_stack_move(in, size);
	return result;
}

enum interp_result interp_check_push(struct interp *in, unsigned int size, unsigned int count)
{
	u64 rsp = in->regs->gpr[GPR_RSP], mask = alu_mask(interp_stack_size(in));
	enum interp_result result = INTERP_DONE;

	while (!result && count--) {
		rsp -= size;
		result = interp_check(in, SEG_SS, rsp & mask, size, INTERP_WILL_WRITE);
	}
	return result;
}
