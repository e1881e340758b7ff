/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integer arithmetic with x86 flags, for the emulator. Pure. Sizes are 1, 2, 4 or 8 bytes;
 * operands may have anything above their size, results have zeros there.
 */
#pragma once

#include "vm/regs.h"

/* In the encoding's order: bits 5:3 of the opcode, or ModRM.reg. */
enum alu_op { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

/* All ones in the low size bytes. */
static inline u64 alu_mask(unsigned int size)
{
	return ~0ull >> (64 - 8 * size);
}

/* The low size bytes of value, sign-extended. */
static inline u64 alu_sign_extend(u64 value, unsigned int size)
{
	unsigned int unused = 64 - 8 * size;

	return (u64)((s64)(value << unused) >> unused);
}

/*
 * a op b. The six status flags in *rflags are set as the CPU does; AF is clear where it
 * is undefined. The result of ALU_CMP is a - b, which CMP does not store.
 */
u64 alu_execute(enum alu_op op, unsigned int size, u64 a, u64 b, u64 *rflags);

/* INC (ALU_ADD) and DEC (ALU_SUB): CF stays. */
u64 alu_step(enum alu_op op, unsigned int size, u64 a, u64 *rflags);

/* In the encoding's order: bits 4:3 of the opcode, or the low ones of ModRM.reg. */
enum alu_bit_op { ALU_BT, ALU_BTS, ALU_BTR, ALU_BTC };

/* What becomes of a by the one bit set in bit, whose old value goes to CF. */
static inline u64 alu_bit(enum alu_bit_op op, u64 a, u64 bit, u64 *rflags)
{
	*rflags = (*rflags & ~(u64)RFLAGS_CF) | (a & bit ? RFLAGS_CF : 0);
	if (op == ALU_BT)
		return a;
	return op == ALU_BTS ? a | bit : op == ALU_BTR ? a & ~bit : a ^ bit;
}
