/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's multiplication, division and decimal arithmetic. Flags that are undefined stay
 * as they were.
 */
#include "vm/interp_insns.h"

static void set_carry_overflow(struct interp *in, bool set)
{
	in->regs->rflags &= ~(u64)(RFLAGS_CF | RFLAGS_OF);
	if (set)
		in->regs->rflags |= RFLAGS_CF | RFLAGS_OF;
}

/* The upper half of a result: AH for bytes, otherwise rDX. */
static void set_high(struct interp *in, unsigned int size, u64 value)
{
	u64 *gpr = in->regs->gpr;

	if (size == 1)
		gpr[GPR_RAX] = (gpr[GPR_RAX] & ~0xff00ull) | (value & 0xff) << 8;
	else
		reg_merge(&gpr[GPR_RDX], size, value);
}

/* The product of a and b in two halves of size bytes. Does the upper half say anything? */
static bool product(unsigned int size, bool is_signed, u64 a, u64 b, u64 *low, u64 *high)
{
	unsigned __int128 wide;

	if (is_signed) {
		__int128 x = (s64)alu_sign_extend(a, size);

		wide = (unsigned __int128)(x * (s64)alu_sign_extend(b, size));
	} else {
		wide = a;
		wide *= b;
	}
	*low = (u64)wide & alu_mask(size);
	*high = (u64)(wide >> (8 * size)) & alu_mask(size);
	if (!is_signed)
		return *high != 0;
	return *high != ((alu_sign_extend(*low, size) >> 63) ? alu_mask(size) : 0);
}

enum interp_result interp_multiply(struct interp *in)
{
	unsigned int size = insn_pair_size(&in->insn);
	u64 *rax = &in->regs->gpr[GPR_RAX], value, low, high;
	enum interp_result result = interp_get_rm(in, size, &value, 0);

	if (result)
		return result;
	set_carry_overflow(in, product(size, interp_digit(in) == 5, *rax & alu_mask(size), value,
				       &low, &high));
	reg_merge(rax, size, low);
	set_high(in, size, high);
	return INTERP_DONE;
}

/* 0F AF: a register by r/m; 69, 6B: r/m by an immediate. */
enum interp_result interp_imul(struct interp *in)
{
	unsigned int size = in->insn.opsize;
	u64 by = in->insn.map == 1 ? interp_get_reg(in, size) : in->insn.imm, value, low, high;
	enum interp_result result = interp_get_rm(in, size, &value, 0);

	if (result)
		return result;
	set_carry_overflow(in, product(size, true, value, by, &low, &high));
	interp_set_reg(in, size, low);
	return INTERP_DONE;
}

/* One division; the quotient is to fit size bytes. */
struct division {
	unsigned int size;
	u64 high, low; /* the dividend, in halves of size bytes */
	u64 divisor;
	u64 quotient, remainder;
};

/* False: #DE */
static bool divide_unsigned(struct division *d)
{
	u64 dividend = d->high << (8 * d->size % 64) | d->low;

	if (d->high >= d->divisor)
		return false;
	if (d->size == 8) {
		/* High is below the divisor, so it cannot fault here. */
		asm("divq %4"
		    : "=a"(d->quotient), "=d"(d->remainder)
		    : "a"(d->low), "d"(d->high), "rm"(d->divisor)
		    : "cc");
		return true;
	}
	d->quotient = dividend / d->divisor;
	d->remainder = dividend % d->divisor;
	return true;
}

static void negate_dividend(struct division *d)
{
	u64 mask = alu_mask(d->size);

	d->low = -d->low & mask;
	d->high = (~d->high + (d->low == 0)) & mask;
}

/* By magnitudes. The remainder has the dividend's sign. */
static bool divide_signed(struct division *d)
{
	u64 mask = alu_mask(d->size), top = mask ^ mask >> 1;
	bool minus = d->high & top, minus_divisor = d->divisor & top;

	if (minus)
		negate_dividend(d);
	if (minus_divisor)
		d->divisor = -d->divisor & mask;
	if (!divide_unsigned(d))
		return false;
	if (d->quotient > (minus != minus_divisor ? top : top - 1))
		return false;
	if (minus != minus_divisor)
		d->quotient = -d->quotient;
	if (minus)
		d->remainder = -d->remainder;
	return true;
}

enum interp_result interp_divide(struct interp *in)
{
	unsigned int size = insn_pair_size(&in->insn);
	u64 *gpr = in->regs->gpr;
	struct division d = {
		.size = size,
		.low = gpr[GPR_RAX] & alu_mask(size),
		.high = (size == 1 ? gpr[GPR_RAX] >> 8 : gpr[GPR_RDX]) & alu_mask(size),
	};
	enum interp_result result = interp_get_rm(in, size, &d.divisor, 0);

	if (result)
		return result;
	if (!(interp_digit(in) == 7 ? divide_signed(&d) : divide_unsigned(&d)))
		return interp_fault(in, VECTOR_DE);
	reg_merge(&gpr[GPR_RAX], size, d.quotient);
	set_high(in, size, d.remainder);
	return INTERP_DONE;
}

/* SF, ZF and PF of AL, which is also stored; OF is undefined, and clear. */
static void set_al(struct interp *in, u64 value, u64 carries)
{
	u64 al = alu_execute(ALU_OR, 1, value, 0, &in->regs->rflags);

	in->regs->rflags |= carries;
	reg_merge(&in->regs->gpr[GPR_RAX], 1, al);
}

/* DAA, DAS */
enum interp_result interp_daa_das(struct interp *in)
{
	u64 al = in->regs->gpr[GPR_RAX] & 0xff, flags = in->regs->rflags, carries = 0, by = 0;
	bool subtract = in->insn.opcode & 8;

	if ((al & 0xf) > 9 || flags & RFLAGS_AF) {
		by = 6;
		carries |= RFLAGS_AF;
		/* DAS borrows from what is not there. */
		if (subtract && al < 6)
			carries |= RFLAGS_CF;
	}
	if (al > 0x99 || flags & RFLAGS_CF) {
		by += 0x60;
		carries |= RFLAGS_CF;
	}
	set_al(in, subtract ? al - by : al + by, carries);
	return INTERP_DONE;
}

/* AAA, AAS: AX as a whole is moved by 0x106. */
enum interp_result interp_aaa_aas(struct interp *in)
{
	u64 *rax = &in->regs->gpr[GPR_RAX], *flags = &in->regs->rflags;
	u64 by = in->insn.opcode & 8 ? -0x106ull : 0x106;
	bool adjust = (*rax & 0xf) > 9 || *flags & RFLAGS_AF;

	*flags &= ~(u64)(RFLAGS_AF | RFLAGS_CF);
	if (adjust) {
		reg_merge(rax, 2, *rax + by);
		*flags |= RFLAGS_AF | RFLAGS_CF;
	}
	*rax &= ~0xf0ull;
	return INTERP_DONE;
}

enum interp_result interp_aam(struct interp *in)
{
	u64 *rax = &in->regs->gpr[GPR_RAX], base = in->insn.imm & 0xff, al = *rax & 0xff;

	if (!base)
		return interp_fault(in, VECTOR_DE);
	reg_merge(rax, 2, al / base << 8);
	set_al(in, al % base, 0);
	return INTERP_DONE;
}

enum interp_result interp_aad(struct interp *in)
{
	u64 *rax = &in->regs->gpr[GPR_RAX], al = *rax + (*rax >> 8 & 0xff) * (in->insn.imm & 0xff);

	reg_merge(rax, 2, al & 0xff);
	set_al(in, al, 0);
	return INTERP_DONE;
}
