/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integer arithmetic with x86 flags: see emulate_alu.h.
 */
#include "vm/emulate_alu.h"

static u64 flag_if(bool condition, u64 flag)
{
	return condition ? flag : 0;
}

/* PF, ZF, SF: what depends on the result only. */
static u64 result_flags(u64 result, u64 top)
{
	/* Bit n of the constant: has n an even number of ones? PF looks at one byte. */
	unsigned int nibbles = (unsigned int)(result ^ result >> 4) & 0xf;

	return flag_if(0x9669u >> nibbles & 1, RFLAGS_PF) | flag_if(result == 0, RFLAGS_ZF) |
	       flag_if(result & top, RFLAGS_SF);
}

u64 alu_execute(enum alu_op op, unsigned int size, u64 a, u64 b, u64 *rflags)
{
	u64 mask = alu_mask(size), top = mask ^ mask >> 1;
	u64 carry_in = *rflags & RFLAGS_CF, carries = 0, overflow = 0, result;

	a &= mask;
	b &= mask;
	switch (op) {
	case ALU_OR:
		result = a | b;
		break;
	case ALU_AND:
		result = a & b;
		break;
	case ALU_XOR:
		result = a ^ b;
		break;
	case ALU_ADD:
	case ALU_ADC:
		result = (a + b + (op == ALU_ADC ? carry_in : 0)) & mask;
		/* Out of which bits was there a carry? */
		carries = (a & b) | ((a | b) & ~result);
		overflow = (a ^ result) & (b ^ result);
		break;
	default: /* ALU_SUB, ALU_SBB, ALU_CMP */
		result = (a - b - (op == ALU_SBB ? carry_in : 0)) & mask;
		/* Out of which bits was there a borrow? */
		carries = (~a & b) | ((~a | b) & result);
		overflow = (a ^ b) & (a ^ result);
		break;
	}
	*rflags = (*rflags & ~RFLAGS_STATUS) | result_flags(result, top) |
		  flag_if(carries & top, RFLAGS_CF) | flag_if(carries & 8, RFLAGS_AF) |
		  flag_if(overflow & top, RFLAGS_OF);
	return result;
}

u64 alu_step(enum alu_op op, unsigned int size, u64 a, u64 *rflags)
{
	u64 carry = *rflags & RFLAGS_CF;
	u64 result = alu_execute(op, size, a, 1, rflags);

	*rflags = (*rflags & ~(u64)RFLAGS_CF) | carry;
	return result;
}
