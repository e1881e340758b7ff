/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's near control transfers and software interrupts.
 */
#include "vm/interp_insns.h"

enum interp_result interp_jump(struct interp *in, u64 offset)
{
	if (interp_mode(in) == INSN_64) {
		if (!interp_is_canonical(offset))
			return interp_gp0(in);
	} else if (offset > in->seg[SEG_CS].limit) {
		return interp_gp0(in);
	}
	in->regs->rip = offset;
	return INTERP_DONE;
}

static enum interp_result jump_relative(struct interp *in)
{
	return interp_jump(in, (in->regs->rip + in->insn.imm) & alu_mask(in->insn.opsize));
}

/* 70 to 7F, 0F 80 to 8F */
enum interp_result interp_jcc(struct interp *in)
{
	return interp_condition(in, in->insn.opcode) ? jump_relative(in) : INTERP_DONE;
}

enum interp_result interp_jmp(struct interp *in)
{
	return jump_relative(in);
}

static enum interp_result call_near(struct interp *in, u64 target)
{
	enum interp_result result = interp_push(in, in->insn.opsize, in->regs->rip);

	return result ? result : interp_jump(in, target & alu_mask(in->insn.opsize));
}

enum interp_result interp_call(struct interp *in)
{
	return call_near(in, in->regs->rip + in->insn.imm);
}

/* C2, C3; the first has an immediate, which is 0 in the other. */
enum interp_result interp_ret(struct interp *in)
{
	u64 target;
	enum interp_result result = interp_pop(in, in->insn.opsize, &target);

	if (result)
		return result;
	interp_stack_move(in, in->insn.imm);
	return interp_jump(in, target);
}

/* E0 to E3: LOOPNE, LOOPE, LOOP, JCXZ */
enum interp_result interp_loop(struct interp *in)
{
	u64 *rcx = &in->regs->gpr[GPR_RCX], mask = alu_mask(in->insn.addrsize);
	unsigned int kind = in->insn.opcode & 3;
	bool zf = in->regs->rflags & RFLAGS_ZF;

	if (kind == 3)
		return *rcx & mask ? INTERP_DONE : jump_relative(in);
	reg_merge(rcx, in->insn.addrsize, *rcx - 1);
	if (!(*rcx & mask) || (kind < 2 && zf != (kind == 1)))
		return INTERP_DONE;
	return jump_relative(in);
}

/* FF: INC, DEC, CALL, CALL far, JMP, JMP far, PUSH */
enum interp_result interp_group5(struct interp *in)
{
	u64 target;
	enum interp_result result;

	switch (interp_digit(in)) {
	case 0:
	case 1:
		return interp_inc_dec(in);
	case 2:
	case 4:
		result = interp_get_rm(in, in->insn.opsize, &target, 0);
		if (result)
			return result;
		return interp_digit(in) == 2 ? call_near(in, target) : interp_jump(in, target);
	case 3:
	case 5:
		return interp_far_rm(in);
	case 6:
		return interp_push_rm(in);
	default:
		return interp_ud(in);
	}
}

enum interp_result interp_bound(struct interp *in)
{
	unsigned int size = in->insn.opsize;
	s64 index = (s64)alu_sign_extend(interp_get_reg(in, size), size);
	u64 offset = interp_offset(in, 0), after = interp_offset(in, size), low, high;
	enum interp_result result = interp_read(in, in->insn.seg, offset, size, &low, 0);

	if (!result)
		result = interp_read(in, in->insn.seg, after, size, &high, 0);
	if (result)
		return result;
	if (index < (s64)alu_sign_extend(low, size) || index > (s64)alu_sign_extend(high, size))
		return interp_fault(in, VECTOR_BR);
	return INTERP_DONE;
}

static enum interp_result software(struct interp *in, enum event_kind kind, u8 vector)
{
	enum interp_result result;

	in->external = kind == EVENT_EXCEPTION && vector == VECTOR_DB;
	result = interp_deliver_event(in, &(struct vm_event){ .kind = (u8)kind, .vector = vector });
	in->delivered = true;
	return result;
}

/* CC, CD, F1: INT3, INT n and INT1 */
enum interp_result interp_intn(struct interp *in)
{
	if (in->insn.opcode == 0xcc)
		return software(in, EVENT_EXCEPTION, VECTOR_BP);
	if (in->insn.opcode == 0xf1)
		return software(in, EVENT_EXCEPTION, VECTOR_DB);
	if (interp_v8086(in)) {
		/* CR4.VME redirects by a bitmap; IOPL guards INT n, but not INT3. */
		if (in->cr4 & CR4_VME)
			return INTERP_UNSUPPORTED;
		if (interp_iopl(in) < 3)
			return interp_gp0(in);
	}
	return software(in, EVENT_SOFT_INTR, (u8)in->insn.imm);
}

enum interp_result interp_into(struct interp *in)
{
	if (!(in->regs->rflags & RFLAGS_OF))
		return INTERP_DONE;
	return software(in, EVENT_EXCEPTION, VECTOR_OF);
}
