/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register operands and effective addresses of decoded instructions, for all that executes them.
 * Pure.
 */
#pragma once

#include "vm/emulate_alu.h"
#include "vm/insn.h"
#include "vm/regs.h"

/* Write a register of size bytes: 4 clear the upper half, 1 and 2 leave the rest alone. */
static inline void reg_merge(u64 *reg, unsigned int size, u64 value)
{
	u64 mask = size == 4 ? ~0ull : alu_mask(size);

	*reg = (*reg & ~mask) | (value & alu_mask(size));
}

/* Registers are bytes in pairs where no REX prefix says otherwise: AH to BH are numbers 4 to 7. */
static inline bool reg_is_high_byte(const struct insn *insn, unsigned int reg, unsigned int size)
{
	return size == 1 && !insn->rex && reg >= 4;
}

/* The size low bytes of register number reg (0..15) as insn names it. */
static inline u64 reg_get(const struct vcpu_regs *regs, const struct insn *insn, unsigned int reg,
			  unsigned int size)
{
	if (reg_is_high_byte(insn, reg, size))
		return regs->gpr[reg - 4] >> 8 & 0xff;
	return regs->gpr[reg] & alu_mask(size);
}

static inline void reg_set(struct vcpu_regs *regs, const struct insn *insn, unsigned int reg,
			   unsigned int size, u64 value)
{
	u64 *gpr = regs->gpr;

	if (reg_is_high_byte(insn, reg, size))
		gpr[reg - 4] = (gpr[reg - 4] & ~0xff00ull) | (value & 0xff) << 8;
	else
		reg_merge(&gpr[reg], size, value);
}

/*
 * The offset of insn's memory operand in its segment; displace comes on top before it wraps
 * around. Of a RIP-relative one displace includes the address behind the instruction.
 */
static inline u64 insn_offset(const struct vcpu_regs *regs, const struct insn *insn, u64 displace)
{
	u64 offset = (u64)insn->disp + displace;

	if (insn->base >= 0)
		offset += regs->gpr[insn->base];
	if (insn->index >= 0)
		offset += regs->gpr[insn->index] * insn->scale;
	return offset & alu_mask(insn->addrsize);
}

/* Of opcodes that come in pairs: bytes, and the operand size. */
static inline unsigned int insn_pair_size(const struct insn *insn)
{
	return insn->opcode & 1 ? insn->opsize : 1;
}

/* Without VEX it is a prefix; F2 and F3 win over 66. */
static inline enum insn_pp insn_pp(const struct insn *insn)
{
	if (insn->vex)
		return (enum insn_pp)insn->pp;
	if (insn->prefixes & (INSN_PFX_REP | INSN_PFX_REPNE))
		return insn->prefixes & INSN_PFX_REP ? INSN_PP_F3 : INSN_PP_F2;
	return insn->prefixes & INSN_PFX_OPSIZE ? INSN_PP_66 : INSN_PP_NONE;
}

/* How far a bit number in a register, which is signed, moves the operand of size bytes. */
static inline u64 insn_bit_displace(u64 number, unsigned int size)
{
	return (u64)((s64)alu_sign_extend(number, size) >> 3) & ~(u64)(size - 1);
}
