/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What insn.c has to know of each opcode to find its length: one word of attributes per
 * opcode of the one-byte and the 0F map. 0 is the common case and the whole answer: an
 * instruction without ModRM byte and immediate, valid in every mode.
 */
#pragma once

#include "lib/types.h"

/* What follows opcode, ModRM and displacement. */
enum insn_imm {
	IMM_NONE,
	IMM_S8, /* sign-extended */
	IMM_U8, /* a count, a port, a selector of something: zero-extended */
	IMM_U16,
	IMM_Z, /* operand size, 4 bytes for 8 */
	IMM_V, /* operand size */
	IMM_REL, /* near branch: as IMM_Z, where vendors agree */
	IMM_FAR, /* far pointer: 2 or 4 bytes of offset, 2 of selector */
	IMM_ENTER, /* 2 bytes and 1 byte */
	IMM_MOFFS, /* an address: no immediate but the memory operand itself */
	IMM_TEST8, /* IMM_S8 in /0 and /1, none in the rest of the group */
	IMM_TESTZ, /* IMM_Z in /0 and /1 */
	IMM_SSE4A, /* 1 byte and 1 byte under 66 and F2 (EXTRQ, INSERTQ), otherwise none (VMREAD) */
};

#define INSN_IMM 0x000fu /* mask of enum insn_imm */
#define INSN_MODRM 0x0010u
#define INSN_PREFIX 0x0020u /* a prefix, or REX, which is one in 64-bit mode only */
#define INSN_INVALID 0x0040u
#define INSN_NOT64 0x0080u /* invalid in 64-bit mode */
#define INSN_DEF64 0x0100u /* in 64-bit mode the operand size is 8 unless 66 makes it 2 */
#define INSN_NATIVE 0x0200u /* the operand size is 8 in 64-bit mode, otherwise 4 */
#define INSN_REGFORM 0x0400u /* ModRM.mod is ignored: always a register */
#define INSN_GROUP 0x0800u /* not all of ModRM is valid: see insn_groups */
#define INSN_VEX 0x1000u /* VEX or EVEX in 64-bit mode, or when a ModRM byte would say register */
#define INSN_REP_ONLY 0x2000u /* valid after F3 only */
#define INSN_ESCAPE 0x4000u /* one more opcode byte */

extern const u16 insn_map0[256];
extern const u16 insn_map1[256];

/* For INSN_GROUP opcodes: masks of the ModRM.reg values that are valid. */
struct insn_group {
	u8 map, opcode;
	u8 mem, reg; /* with a memory operand, with a register operand */
	u8 def64; /* those with the operand size of INSN_DEF64 */
};

extern const struct insn_group insn_groups[];
extern const unsigned int insn_group_count;
