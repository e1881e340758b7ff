/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's shifts and rotates. Counts are masked to 5 bits (6 for 64-bit operands) first; a
 * count of 0 changes no flag. What is undefined comes out as the same rule gives for counts where
 * it is defined.
 */
#include "vm/interp_insns.h"

/* One shift or rotate: a is of width bits, count is not 0. */
struct shift {
	u64 a, count;
	unsigned int width;
	bool carry;
	bool overflow;
};

static bool bit_of(u64 value, u64 number)
{
	return number < 64 && value >> number & 1;
}

static u64 shl(struct shift *s)
{
	u64 result = s->count < s->width ? s->a << s->count : 0;

	s->carry = s->count <= s->width && bit_of(s->a, s->width - s->count);
	s->overflow = bit_of(result, s->width - 1) != s->carry;
	return result;
}

static u64 shr(struct shift *s)
{
	s->carry = bit_of(s->a, s->count - 1);
	s->overflow = bit_of(s->a, s->width - 1);
	return s->a >> s->count;
}

static u64 sar(struct shift *s)
{
	s64 wide = (s64)alu_sign_extend(s->a, s->width / 8);

	s->carry = (u64)wide >> (s->count - 1) & 1;
	s->overflow = false;
	return (u64)(wide >> s->count);
}

static u64 rol(struct shift *s)
{
	u64 by = s->count % s->width;
	u64 result = by ? s->a << by | s->a >> (s->width - by) : s->a;

	s->carry = result & 1;
	s->overflow = bit_of(result, s->width - 1) != s->carry;
	return result;
}

static u64 ror(struct shift *s)
{
	u64 by = s->count % s->width;
	u64 result = by ? s->a >> by | s->a << (s->width - by) : s->a;

	s->carry = bit_of(result, s->width - 1);
	s->overflow = bit_of(result, s->width - 2) != s->carry;
	return result;
}

/* Through carry it goes bit by bit, 63 at most. */
static u64 rcl(struct shift *s)
{
	u64 result = s->a, top = s->width - 1;

	for (u64 by = s->count % (s->width + 1); by; by--) {
		bool out = bit_of(result, top);

		result = result << 1 | s->carry;
		s->carry = out;
	}
	s->overflow = bit_of(result, top) != s->carry;
	return result;
}

static u64 rcr(struct shift *s)
{
	u64 result = s->a, top = s->width - 1;

	for (u64 by = s->count % (s->width + 1); by; by--) {
		bool out = result & 1;

		result = (result & alu_mask(s->width / 8)) >> 1 | (u64)s->carry << top;
		s->carry = out;
	}
	s->overflow = bit_of(result, top) != bit_of(result, top - 1);
	return result;
}

static u64 (*const shifts[8])(struct shift *) = { rol, ror, rcl, rcr, shl, shr, shl, sar };

static void set_flags(u64 *rflags, const struct shift *s)
{
	*rflags &= ~(u64)(RFLAGS_CF | RFLAGS_OF);
	*rflags |= (s->carry ? RFLAGS_CF : 0) | (s->overflow ? RFLAGS_OF : 0);
}

static u64 masked_count(unsigned int size, u64 count)
{
	return count & (size == 8 ? 63 : 31);
}

static enum interp_result shift(struct interp *in, u64 count)
{
	unsigned int size = insn_pair_size(&in->insn), digit = interp_digit(in);
	struct shift s = { .width = 8 * size, .carry = in->regs->rflags & RFLAGS_CF };
	enum interp_result result = interp_get_rm(in, size, &s.a, INTERP_WILL_WRITE);
	u64 value;

	if (result)
		return result;
	s.count = masked_count(size, count);
	if (!s.count)
		return interp_set_rm(in, size, s.a);
	value = shifts[digit](&s);
	if (digit >= 4)
		alu_execute(ALU_OR, size, value, 0, &in->regs->rflags);
	set_flags(&in->regs->rflags, &s);
	return interp_set_rm(in, size, value);
}

/* C0, C1 */
enum interp_result interp_shift_imm(struct interp *in)
{
	return shift(in, in->insn.imm);
}

/* D0 to D3: by 1, by CL */
enum interp_result interp_shift(struct interp *in)
{
	return shift(in, in->insn.opcode & 2 ? in->regs->gpr[GPR_RCX] : 1);
}

/* a shifted towards its top, b coming in from below; of 16 bits a comes again after b. */
static u64 shld(struct shift *s, u64 b)
{
	u64 c = s->count, result;

	if (s->width == 64)
		result = s->a << c | b >> (64 - c);
	else if (s->width == 32)
		result = (s->a << 32 | b) << c >> 32;
	else
		result = (s->a << 32 | b << 16 | s->a) << c >> 32;
	s->carry = s->count <= s->width ? bit_of(s->a, s->width - c) : bit_of(b, 32 - c);
	return result;
}

static u64 shrd(struct shift *s, u64 b)
{
	u64 c = s->count, result;

	if (s->width == 64)
		result = s->a >> c | b << (64 - c);
	else if (s->width == 32)
		result = (b << 32 | s->a) >> c;
	else
		result = (s->a << 32 | b << 16 | s->a) >> c;
	s->carry = s->count <= s->width ? bit_of(s->a, c - 1) : bit_of(b, c - 17);
	return result;
}

/* 0F A4, A5, AC, AD: bit 3 is the direction, bit 0 says by CL. */
enum interp_result interp_shift_double(struct interp *in)
{
	unsigned int size = in->insn.opsize;
	struct shift s = { .width = 8 * size };
	u64 by_cl = in->insn.opcode & 1, b = interp_get_reg(in, size), value;
	enum interp_result result = interp_get_rm(in, size, &s.a, INTERP_WILL_WRITE);

	if (result)
		return result;
	s.count = masked_count(size, by_cl ? in->regs->gpr[GPR_RCX] : in->insn.imm);
	if (!s.count)
		return interp_set_rm(in, size, s.a);
	value = in->insn.opcode & 8 ? shrd(&s, b) : shld(&s, b);
	s.overflow = bit_of(value ^ s.a, s.width - 1);
	alu_execute(ALU_OR, size, value, 0, &in->regs->rflags);
	set_flags(&in->regs->rflags, &s);
	return interp_set_rm(in, size, value);
}
