/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86 instruction decoding: the length of any instruction, and the operands of those that
 * guests use on device memory and in intercepts. Works on a byte buffer; no guest state.
 */
#pragma once

#include "lib/types.h"

#define INSN_MAX_LEN 15u

enum insn_mode { INSN_16, INSN_32, INSN_64 }; /* CS default size; 64: CS.L in long mode */

enum insn_seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR };

/* Prefixes seen, as a mask. */
#define INSN_PFX_OPSIZE 0x01u
#define INSN_PFX_ADDRSIZE 0x02u
#define INSN_PFX_LOCK 0x04u
#define INSN_PFX_REP 0x08u /* F3 */
#define INSN_PFX_REPNE 0x10u /* F2; of F2 and F3 only the last one counts and is kept */
#define INSN_PFX_SEG 0x20u /* a segment override that counts in this mode: seg is it */

/* What tells vector instructions of one opcode apart, in VEX's order. */
enum insn_pp { INSN_PP_NONE, INSN_PP_66, INSN_PP_F3, INSN_PP_F2 };

/* Bits of rex. */
#define INSN_REX_W 0x08u
#define INSN_REX_R 0x04u
#define INSN_REX_X 0x02u
#define INSN_REX_B 0x01u

struct insn {
	u8 len; /* whole instruction, prefixes included: 1..15 */
	u8 map; /* opcode map: 0 one byte, 1 0F, 2 0F38, 3 0F3A */
	u8 opcode; /* last opcode byte */
	u8 prefixes;
	u8 rex; /* the REX byte, or 0; of VEX in 64-bit mode the REX that says the same */
	u8 opsize, addrsize; /* effective, in bytes: 2, 4, 8 (also with REX.W on IN and OUT: 4) */
	bool vex; /* VEX or EVEX encoded */
	bool evex; /* length only */
	bool wide; /* VEX.L: 32 bytes, not 16 */
	u8 vvvv; /* VEX.vvvv: a register; 0 also when there is none to be (all ones in the encoding) */
	u8 pp; /* VEX.pp: see insn_pp() */
	bool has_modrm;
	u8 modrm;
	u8 reg; /* ModRM.reg extended by REX.R (also for /digit opcodes: low 3 bits) */
	bool mem; /* the r/m operand is memory: the fields below say where */
	u8 rm; /* r/m register extended by REX.B, when !mem */
	s8 base, index; /* GPR numbers or -1 */
	u8 scale; /* 1, 2, 4, 8 */
	bool rip_relative;
	u8 seg; /* enum insn_seg, override or default */
	s64 disp; /* sign-extended; for moffs forms the whole address */
	u64 imm; /* immediate, sign-extended to 64 bits as the instruction uses it */
};

/*
 * Decode the first instruction of len bytes. 0; E_INVAL: not a valid instruction;
 * E_RANGE: cut off: more bytes are needed (or longer than 15).
 */
int __must_check insn_decode(struct insn *insn, const u8 *bytes, size_t len, enum insn_mode mode);
