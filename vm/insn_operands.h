/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam between insn.c, which finds the opcode, and insn_operands.c, which reads what
 * follows it. Nobody else includes this.
 */
#pragma once

#include "vm/insn.h"

#define INSN_MODRM_MOD(modrm) ((modrm) >> 6)
#define INSN_MODRM_REG(modrm) ((modrm) >> 3 & 7u)
#define INSN_MODRM_RM(modrm) ((modrm)&7u)

/* What is being decoded, and as what. */
struct insn_cursor {
	const u8 *bytes;
	int end; /* number of bytes there are, at most INSN_MAX_LEN */
	enum insn_mode mode;
};

/*
 * Decode ModRM, SIB, displacement and immediate of an opcode with attributes attr, from offset at,
 * also behind VEX and EVEX. The offset behind the instruction, E_RANGE or E_INVAL.
 */
int __must_check insn_decode_operands(struct insn *insn, struct insn_cursor cur, int at, u16 attr);
