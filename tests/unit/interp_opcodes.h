/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For test_interp_random.c: which opcodes are compared with Unicorn, and what of their results.
 */
#pragma once

#include "interp_fixture.h"

static bool is_string(const struct insn *insn)
{
	return insn->map == 0 && insn->opcode >= 0xa4 && insn->opcode <= 0xaf &&
	       (insn->opcode & 0xfe) != 0xa8;
}

static u64 shift_undefined(const struct insn *insn, u64 count)
{
	u64 width = insn->map ? insn->opsize * 8u : insn->opcode & 1 ? insn->opsize * 8u : 8;
	u64 undefined = insn->map || (insn->reg & 7) >= 4 ? RFLAGS_AF : 0;

	count &= width == 64 ? 63 : 31;
	if (!count)
		return 0;
	if (count > 1)
		undefined |= RFLAGS_OF;
	if (count > width || (count == width && insn->map))
		undefined |= RFLAGS_CF;
	return undefined;
}

/* Flags that the manuals leave undefined. */
static u64 undefined_flags(const struct insn *insn, u64 cl)
{
	u8 op = insn->opcode, digit = insn->reg & 7;
	u64 no_carry = RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF;
	u64 logic = 1 << 1 | 1 << 4 | 1 << 6;

	if (insn->map == 1) {
		if (op == 0xa3 || op == 0xab || op == 0xb3 || op == 0xba || op == 0xbb)
			return RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
		if (op == 0xbc || op == 0xbd)
			return RFLAGS_STATUS & ~(u64)RFLAGS_ZF &
			       ~(insn->prefixes & INSN_PFX_REP ? (u64)RFLAGS_CF : 0);
		if (op == 0xa4 || op == 0xac)
			return shift_undefined(insn, insn->imm);
		if (op == 0xa5 || op == 0xad)
			return shift_undefined(insn, cl);
		return op == 0xaf ? no_carry : 0;
	}
	if (op < 0x40 && (op & 7) < 6)
		return logic >> (op >> 3) & 1 ? RFLAGS_AF : 0;
	if (op >= 0x80 && op <= 0x83)
		return logic >> digit & 1 ? RFLAGS_AF : 0;
	if (op == 0x84 || op == 0x85 || op == 0xa8 || op == 0xa9)
		return RFLAGS_AF;
	if (op == 0x27 || op == 0x2f)
		return RFLAGS_OF;
	if (op == 0x37 || op == 0x3f)
		return RFLAGS_OF | RFLAGS_SF | RFLAGS_ZF | RFLAGS_PF;
	if (op == 0xd4 || op == 0xd5)
		return RFLAGS_OF | RFLAGS_AF | RFLAGS_CF;
	if (op == 0x69 || op == 0x6b)
		return no_carry;
	if ((op & 0xfe) == 0xf6)
		return digit < 2 ? RFLAGS_AF : digit < 4 ? 0 : digit < 6 ? no_carry : RFLAGS_STATUS;
	if ((op & 0xfe) == 0xc0)
		return shift_undefined(insn, insn->imm);
	if (op >= 0xd0 && op <= 0xd3)
		return shift_undefined(insn, op & 2 ? cl : 1);
	return 0;
}

/* In which mode is an opcode compared? What is in neither list is tested in test_interp.c. */
#define IN_REAL 1u
#define IN_FLAT 2u
#define IN_LONG 4u
#define IN_ALL (IN_REAL | IN_FLAT | IN_LONG)

static u32 where0(u32 op)
{
	static const u8 nowhere[] = { 0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0x6c,
				      0x6d, 0x6e, 0x6f, 0x9b, 0xcc, 0xcd, 0xce, 0xd8, 0xd9, 0xda,
				      0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe4, 0xe5, 0xe6, 0xe7, 0xec,
				      0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4 };
	static const u8 real_only[] = { 0x07, 0x17, 0x1f, 0x8e, 0x9a, 0xc4,
					0xc5, 0xca, 0xcb, 0xcf, 0xea };
	static const u8 not64[] = { 0x06, 0x0e, 0x16, 0x1e, 0x27, 0x2f, 0x37, 0x3f,
				    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
				    0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f,
				    0x60, 0x61, 0x62, 0x82, 0xd4, 0xd5, 0xd6 };

	if (memchr(nowhere, (int)op, sizeof(nowhere)))
		return 0;
	if (op == 0x63)
		return IN_FLAT | IN_LONG;
	if (memchr(real_only, (int)op, sizeof(real_only)))
		return IN_REAL;
	return memchr(not64, (int)op, sizeof(not64)) ? IN_REAL | IN_FLAT : IN_ALL;
}

static u32 where1(u32 op)
{
	static const u8 all[] = { 0x0d, 0x18, 0x1f, 0xa0, 0xa8, 0xa3, 0xa4, 0xa5, 0xab,
				  0xac, 0xad, 0xaf, 0xb0, 0xb1, 0xb3, 0xb6, 0xb7, 0xba,
				  0xbb, 0xbc, 0xbd, 0xbe, 0xbf, 0xc0, 0xc1, 0xc7, 0xc3 };
	static const u8 real_only[] = { 0xa1, 0xa9, 0xb2, 0xb4, 0xb5 };

	if ((op >= 0x40 && op < 0x50) || (op >= 0x80 && op < 0xa0) || (op >= 0xc8 && op < 0xd0) ||
	    is_vector_opcode(1, op))
		return IN_ALL;
	if (op == 0x02 || op == 0x03)
		return IN_FLAT;
	if (memchr(all, (int)op, sizeof(all)))
		return IN_ALL;
	return memchr(real_only, (int)op, sizeof(real_only)) ? IN_REAL : 0;
}

/* By map and opcode: 0x1a3 is 0F A3. */
static u32 where(u32 which)
{
	u32 op = which & 0xff;

	if (which < 0x200)
		return which < 0x100 ? where0(op) : where1(op);
	return is_vector_opcode(2, op) ? IN_ALL : 0;
}
#define WHICH_END 0x300u

/*
 * What Unicorn 2.0 cannot judge. It refuses prefetches of registers and MOV of an immediate with
 * REX.R, which CPUs ignore; does not know the second encoding of TEST, has the flags of a locked NEG
 * wrong, takes the count of RET as signed; its ENTER sets as much of rBP as the stack is wide; its
 * LAHF and SAHF behind REX use SPL; to it 66 wins over F2 and F3, and a SHLD or SHRD by an immediate
 * ends before that where RIP counts; its CMPXCHG clears upper halves of what it has not written. Its CPU has neither MOVBE nor POPCNT, whatever model it is told
 * to be. What BSWAP makes of 16 bits is undefined, and so is a register's upper half when BSF and BSR
 * have found nothing.
 */
static bool unicorn_lacks(const struct insn *insn, enum insn_mode mode)
{
	u8 op = insn->opcode, rep = INSN_PFX_REP | INSN_PFX_REPNE;

	if (is_vector_opcode(insn->map, op))
		return insn->prefixes & INSN_PFX_OPSIZE && insn->prefixes & rep;
	if (insn->map == 1)
		return (op >= 0xc8 && op <= 0xcf && insn->opsize == 2) ||
		       ((op == 0xa4 || op == 0xac) && insn->rip_relative) ||
		       (op == 0xb1 && insn->opsize == 4 && mode == INSN_64) ||
		       ((op == 0xbc || op == 0xbd) && insn->opsize == 4 && mode == INSN_64) ||
		       ((op == 0x0d || op == 0x18) && !insn->mem);
	if (op == 0x9e || op == 0x9f)
		return insn->rex;
	if (op == 0xc8)
		return insn->opsize != 2 << mode;
	if (op == 0xc2 || op == 0xca)
		return insn->imm >= 0x8000;
	if ((op & 0xfe) == 0xc6)
		return insn->reg == 8;
	if ((op & 0xfe) == 0xf6)
		return insn->prefixes & INSN_PFX_LOCK || (insn->reg & 7) == 1;
	return false;
}
