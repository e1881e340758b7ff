/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's moves between a vector register and memory: those of MMX, SSE and AVX that
 * change nothing on the way. Registers are reached through the caller's operations.
 */
#include "vm/interp_insns.h"

#define STORE 0x01u
#define ALIGNED 0x02u /* #GP when the address is no multiple of the size */
#define MMX 0x04u /* a register of MMX; never behind VEX */
#define GENERAL 0x08u /* as wide as a general register: 8 bytes with REX.W */
#define HALF 0x10u /* a load leaves the other half of the register as it was */
#define HIGH 0x20u /* the upper half of the register */
#define WIDE 0x40u /* 32 bytes with VEX.L */
#define ANY_L 0x80u /* VEX.L does not matter; for others without WIDE it must be 0 */

#define NONE BIT(INSN_PP_NONE)
#define P66 BIT(INSN_PP_66)
#define F3 BIT(INSN_PP_F3)
#define F2 BIT(INSN_PP_F2)

struct move {
	u8 map, opcode;
	u8 pps; /* mask of enum insn_pp */
	u8 size; /* in memory */
	u8 flags;
};

static const struct move moves[] = {
	{ 1, 0x10, NONE | P66, 16, WIDE }, /* MOVUPS, MOVUPD */
	{ 1, 0x10, F3, 4, ANY_L }, /* MOVSS */
	{ 1, 0x10, F2, 8, ANY_L }, /* MOVSD */
	{ 1, 0x11, NONE | P66, 16, STORE | WIDE },
	{ 1, 0x11, F3, 4, STORE | ANY_L },
	{ 1, 0x11, F2, 8, STORE | ANY_L },
	{ 1, 0x12, NONE | P66, 8, HALF }, /* MOVLPS, MOVLPD */
	{ 1, 0x13, NONE | P66, 8, STORE | HALF },
	{ 1, 0x16, NONE | P66, 8, HALF | HIGH }, /* MOVHPS, MOVHPD */
	{ 1, 0x17, NONE | P66, 8, STORE | HALF | HIGH },
	{ 1, 0x28, NONE | P66, 16, ALIGNED | WIDE }, /* MOVAPS, MOVAPD */
	{ 1, 0x29, NONE | P66, 16, STORE | ALIGNED | WIDE },
	{ 1, 0x2b, NONE | P66, 16, STORE | ALIGNED | WIDE }, /* MOVNTPS, MOVNTPD */
	{ 1, 0x6e, NONE, 4, MMX | GENERAL }, /* MOVD, MOVQ */
	{ 1, 0x6e, P66, 4, GENERAL },
	{ 1, 0x6f, NONE, 8, MMX }, /* MOVQ */
	{ 1, 0x6f, P66, 16, ALIGNED | WIDE }, /* MOVDQA */
	{ 1, 0x6f, F3, 16, WIDE }, /* MOVDQU */
	{ 1, 0x7e, NONE, 4, STORE | MMX | GENERAL },
	{ 1, 0x7e, P66, 4, STORE | GENERAL },
	{ 1, 0x7e, F3, 8, 0 }, /* MOVQ */
	{ 1, 0x7f, NONE, 8, STORE | MMX },
	{ 1, 0x7f, P66, 16, STORE | ALIGNED | WIDE },
	{ 1, 0x7f, F3, 16, STORE | WIDE },
	{ 1, 0xd6, P66, 8, STORE }, /* MOVQ */
	{ 1, 0xe7, NONE, 8, STORE | MMX }, /* MOVNTQ */
	{ 1, 0xe7, P66, 16, STORE | ALIGNED | WIDE }, /* MOVNTDQ */
	{ 1, 0xf0, F2, 16, WIDE }, /* LDDQU */
	{ 2, 0x2a, P66, 16, ALIGNED | WIDE }, /* MOVNTDQA */
};

#define OP_LDDQU 0xf0
#define LEAF1_ECX_SSE3 BIT(0)
#define LEAF1_ECX_SSE41 BIT(19)
#define LEAF7_EBX_AVX2 BIT(5)

static const struct move *find(const struct insn *insn)
{
	for (u32 i = 0; i < ARRAY_SIZE(moves); i++) {
		if (moves[i].map == insn->map && moves[i].opcode == insn->opcode &&
		    moves[i].pps >> insn_pp(insn) & 1)
			return &moves[i];
	}
	return NULL;
}

/* Has the CPU the instruction, and the guest's kernel turned on what it is part of? */
static bool exists(const struct interp *in, const struct move *move)
{
	const struct insn *insn = &in->insn;
	u64 avx = XCR0_SSE | XCR0_AVX;

	if (insn->vex) {
		if (!interp_protected(in) || !(in->cr4 & CR4_OSXSAVE) || (in->xcr0 & avx) != avx)
			return false;
		if (insn->wide && !(move->flags & (WIDE | ANY_L)))
			return false;
		/* A second source, which must not be named where there is none. */
		if (insn->vvvv && (!(move->flags & HALF) || move->flags & STORE))
			return false;
		return !(move->flags & MMX) &&
		       (insn->map == 1 || !insn->wide || in->leaf7_ebx & LEAF7_EBX_AVX2);
	}
	if (in->cr0 & CR0_EM || (!(move->flags & MMX) && !(in->cr4 & CR4_OSFXSR)))
		return false;
	if (insn->map == 2)
		return in->leaf1_ecx & LEAF1_ECX_SSE41;
	return insn->opcode != OP_LDDQU || in->leaf1_ecx & LEAF1_ECX_SSE3;
}

static unsigned int memory_size(const struct insn *insn, const struct move *move)
{
	if (move->flags & GENERAL && insn->rex & INSN_REX_W)
		return 8;
	return move->flags & WIDE && insn->wide ? 32 : move->size;
}

static enum interp_result load(struct interp *in, const struct move *move, unsigned int size)
{
	const struct insn *insn = &in->insn;
	u64 value[4] = { 0 }, half;
	enum interp_result result = interp_read_wide(in, size, value);

	if (result)
		return result;
	if (move->flags & MMX) {
		in->ops->vector_write(in->ctx, 8, insn->reg & 7, value);
		return INTERP_DONE;
	}
	if (move->flags & HALF) {
		half = value[0];
		in->ops->vector_read(in->ctx, 16, insn->vex ? insn->vvvv : insn->reg, value);
		value[move->flags & HIGH ? 1 : 0] = half;
	}
	/* Behind VEX the rest of the register becomes 0. */
	in->ops->vector_write(in->ctx, insn->vex ? 32 : 16, insn->reg, value);
	return INTERP_DONE;
}

static enum interp_result store(struct interp *in, const struct move *move, unsigned int size)
{
	bool mmx = move->flags & MMX;
	u64 value[4];

	in->ops->vector_read(in->ctx, mmx ? 8 : MAX(size, 16u), in->insn.reg & (mmx ? 7 : 15),
			     value);
	if (move->flags & HIGH)
		value[0] = value[1];
	return interp_write_wide(in, size, value);
}

enum interp_result interp_vector(struct interp *in)
{
	const struct move *move = find(&in->insn);
	unsigned int size;
	enum interp_result result;

	if (!in->insn.mem || !move)
		return INTERP_UNSUPPORTED;
	if (!exists(in, move))
		return interp_fault(in, VECTOR_UD);
	if (in->cr0 & CR0_TS)
		return interp_fault(in, VECTOR_NM);
	if (move->flags & MMX) {
		result = interp_fpu_exception(in);
		if (result)
			return result;
	}
	size = memory_size(&in->insn, move);
	if (move->flags & ALIGNED && interp_operand_linear(in) & (size - 1))
		return interp_gp0(in);
	return move->flags & STORE ? store(in, move, size) : load(in, move, size);
}
