/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's arithmetic and logic, but for shifts, multiplication and decimals.
 */
#include "vm/interp_insns.h"

#define LEAF1_ECX_CX16 BIT(13)
#define LEAF1_ECX_POPCNT BIT(23)
#define LEAF7_EBX_BMI1 BIT(3)
#define EXT1_ECX_ABM BIT(5)

/* r/m op= value, LOCK or not; CMP only sets flags. */
static enum interp_result alu_to_rm(struct interp *in, enum alu_op op, u64 value)
{
	unsigned int size = insn_pair_size(&in->insn);
	unsigned int how = op == ALU_CMP ? 0 : INTERP_WILL_WRITE;
	u64 old;
	enum interp_result result = interp_get_rm(in, size, &old, how);

	if (result)
		return result;
	value = alu_execute(op, size, old, value, &in->regs->rflags);
	return op == ALU_CMP ? INTERP_DONE : interp_set_rm(in, size, value);
}

/* 00 to 3B: opcode bits 5:3 are the operation, bit 1 the direction. */
enum interp_result interp_alu(struct interp *in)
{
	enum alu_op op = (enum alu_op)(in->insn.opcode >> 3);
	unsigned int size = insn_pair_size(&in->insn);
	u64 reg = interp_get_reg(in, size), value;
	enum interp_result result;

	if (!(in->insn.opcode & 2))
		return alu_to_rm(in, op, reg);
	result = interp_get_rm(in, size, &value, 0);
	if (result)
		return result;
	value = alu_execute(op, size, reg, value, &in->regs->rflags);
	if (op != ALU_CMP)
		interp_set_reg(in, size, value);
	return INTERP_DONE;
}

/* 04 to 3D: the accumulator and an immediate. */
enum interp_result interp_alu_rax(struct interp *in)
{
	enum alu_op op = (enum alu_op)(in->insn.opcode >> 3);
	unsigned int size = insn_pair_size(&in->insn);
	u64 *rax = &in->regs->gpr[GPR_RAX];
	u64 value = alu_execute(op, size, *rax, in->insn.imm, &in->regs->rflags);

	if (op != ALU_CMP)
		reg_merge(rax, size, value);
	return INTERP_DONE;
}

enum interp_result interp_alu_imm(struct interp *in)
{
	return alu_to_rm(in, (enum alu_op)interp_digit(in), in->insn.imm);
}

enum interp_result interp_test(struct interp *in)
{
	unsigned int size = insn_pair_size(&in->insn);
	u64 value;
	enum interp_result result = interp_get_rm(in, size, &value, 0);

	if (!result)
		alu_execute(ALU_AND, size, value, interp_get_reg(in, size), &in->regs->rflags);
	return result;
}

enum interp_result interp_test_rax(struct interp *in)
{
	alu_execute(ALU_AND, insn_pair_size(&in->insn), in->regs->gpr[GPR_RAX], in->insn.imm,
		    &in->regs->rflags);
	return INTERP_DONE;
}

static enum interp_result test_imm(struct interp *in)
{
	unsigned int size = insn_pair_size(&in->insn);
	u64 value;
	enum interp_result result = interp_get_rm(in, size, &value, 0);

	if (!result)
		alu_execute(ALU_AND, size, value, in->insn.imm, &in->regs->rflags);
	return result;
}

static enum interp_result negate(struct interp *in)
{
	unsigned int size = insn_pair_size(&in->insn);
	u64 value;
	enum interp_result result = interp_get_rm(in, size, &value, INTERP_WILL_WRITE);

	if (result)
		return result;
	if (interp_digit(in) == 2)
		value = ~value;
	else
		value = alu_execute(ALU_SUB, size, 0, value, &in->regs->rflags);
	return interp_set_rm(in, size, value);
}

/* F6, F7: TEST, TEST, NOT, NEG, MUL, IMUL, DIV, IDIV */
enum interp_result interp_group3(struct interp *in)
{
	switch (interp_digit(in)) {
	case 0:
	case 1:
		return test_imm(in);
	case 2:
	case 3:
		return negate(in);
	case 4:
	case 5:
		return interp_multiply(in);
	default:
		return interp_divide(in);
	}
}

/* INC and DEC of r/m; the wider group's other members are elsewhere. */
enum interp_result interp_inc_dec(struct interp *in)
{
	unsigned int size = insn_pair_size(&in->insn);
	u64 value;
	enum interp_result result = interp_get_rm(in, size, &value, INTERP_WILL_WRITE);

	if (result)
		return result;
	value = alu_step(interp_digit(in) ? ALU_SUB : ALU_ADD, size, value, &in->regs->rflags);
	return interp_set_rm(in, size, value);
}

/* 40 to 4F */
enum interp_result interp_inc_dec_opcode(struct interp *in)
{
	u64 *reg = &in->regs->gpr[interp_opcode_reg(in)];
	enum alu_op op = in->insn.opcode & 8 ? ALU_SUB : ALU_ADD;

	reg_merge(reg, in->insn.opsize, alu_step(op, in->insn.opsize, *reg, &in->regs->rflags));
	return INTERP_DONE;
}

enum interp_result interp_xadd(struct interp *in)
{
	unsigned int size = insn_pair_size(&in->insn);
	u64 reg = interp_get_reg(in, size), old, sum;
	enum interp_result result = interp_get_rm(in, size, &old, INTERP_WILL_WRITE);

	if (result)
		return result;
	sum = alu_execute(ALU_ADD, size, old, reg, &in->regs->rflags);
	/* The register may be part of the address; or both may be the same register. */
	if (in->insn.mem)
		result = interp_set_rm(in, size, sum);
	interp_set_reg(in, size, old);
	return in->insn.mem ? result : interp_set_rm(in, size, sum);
}

/* Writes memory in any case. */
enum interp_result interp_cmpxchg(struct interp *in)
{
	unsigned int size = insn_pair_size(&in->insn);
	u64 reg = interp_get_reg(in, size), *rax = &in->regs->gpr[GPR_RAX], old;
	enum interp_result result = interp_get_rm(in, size, &old, INTERP_WILL_WRITE);
	bool same;

	if (result)
		return result;
	same = alu_execute(ALU_CMP, size, *rax, old, &in->regs->rflags) == 0;
	/* A register that is not exchanged stays as it is, upper half and all. */
	if (same || in->insn.mem)
		result = interp_set_rm(in, size, same ? reg : old);
	if (!result && !same)
		reg_merge(rax, size, old);
	return result;
}

static void set_zf(struct interp *in, bool set)
{
	in->regs->rflags &= ~(u64)RFLAGS_ZF;
	if (set)
		in->regs->rflags |= RFLAGS_ZF;
}

static enum interp_result cmpxchg16b(struct interp *in)
{
	u64 *gpr = in->regs->gpr;
	u64 old[2] = { gpr[GPR_RAX], gpr[GPR_RDX] }, new[2] = { gpr[GPR_RBX], gpr[GPR_RCX] };
	bool same;
	enum interp_result result;

	if (!(in->leaf1_ecx & LEAF1_ECX_CX16))
		return interp_ud(in);
	if (interp_operand_linear(in) & 15)
		return interp_gp0(in);
	result = interp_replace_pair(in, old, new, &same);
	if (result)
		return result;
	set_zf(in, same);
	gpr[GPR_RAX] = old[0];
	gpr[GPR_RDX] = old[1];
	return INTERP_DONE;
}

/* 0F C7: CMPXCHG8B; with REX.W it has 16 bytes, and others are in the group. */
enum interp_result interp_cmpxchg8b(struct interp *in)
{
	u64 *gpr = in->regs->gpr, old, new = gpr[GPR_RCX] << 32 | (u32)gpr[GPR_RBX];
	u64 expected = gpr[GPR_RDX] << 32 | (u32)gpr[GPR_RAX];
	enum interp_result result;

	if (!in->insn.mem || interp_digit(in) != 1)
		return INTERP_UNSUPPORTED;
	if (in->insn.opsize == 8)
		return cmpxchg16b(in);
	result = interp_get_rm(in, 8, &old, INTERP_WILL_WRITE);
	if (!result)
		result = interp_set_rm(in, 8, old == expected ? new : old);
	if (result)
		return result;
	set_zf(in, old == expected);
	if (old != expected) {
		gpr[GPR_RAX] = (u32)old;
		gpr[GPR_RDX] = old >> 32;
	}
	return INTERP_DONE;
}

static enum interp_result change_bit(struct interp *in, enum alu_bit_op op, u64 number,
				     u64 displace)
{
	unsigned int size = in->insn.opsize, how = op == ALU_BT ? 0 : INTERP_WILL_WRITE;
	u64 offset = interp_offset(in, displace), value;
	enum interp_result result;

	if (in->insn.mem)
		result = interp_read(in, in->insn.seg, offset, size, &value, how);
	else
		result = interp_get_rm(in, size, &value, how);
	if (result)
		return result;
	value = alu_bit(op, value, BIT(number % (8 * size)), &in->regs->rflags);
	if (op == ALU_BT)
		return INTERP_DONE;
	if (in->insn.mem)
		return interp_write(in, in->insn.seg, offset, size, value);
	return interp_set_rm(in, size, value);
}

/* A bit number in a register is signed and reaches far beyond the operand's own address. */
enum interp_result interp_bit(struct interp *in)
{
	u64 number = interp_get_reg(in, in->insn.opsize);

	return change_bit(in, (enum alu_bit_op)(in->insn.opcode >> 3 & 3), number,
			  insn_bit_displace(number, in->insn.opsize));
}

enum interp_result interp_bit_imm(struct interp *in)
{
	return change_bit(in, (enum alu_bit_op)(interp_digit(in) & 3), in->insn.imm, 0);
}

/* TZCNT and LZCNT, which have an answer for 0, too. */
static enum interp_result count_zeros(struct interp *in, unsigned int size, bool leading)
{
	u64 value, count = 8 * size;
	enum interp_result result = interp_get_rm(in, size, &value, 0);

	if (result)
		return result;
	in->regs->rflags &= ~RFLAGS_STATUS;
	if (!value)
		in->regs->rflags |= RFLAGS_CF;
	else
		count = (u64)(leading ? __builtin_clzll(value << (64 - 8 * size))
				      : __builtin_ctzll(value));
	set_zf(in, count == 0);
	interp_set_reg(in, size, count);
	return INTERP_DONE;
}

/* BSF and BSR. With F3 they are TZCNT and LZCNT, if the CPU has these. */
enum interp_result interp_bit_scan(struct interp *in)
{
	unsigned int size = in->insn.opsize;
	bool reverse = in->insn.opcode & 1;
	u64 value;
	enum interp_result result;

	if (insn_pp(&in->insn) == INSN_PP_F3 &&
	    (reverse ? in->ext1_ecx & EXT1_ECX_ABM : in->leaf7_ebx & LEAF7_EBX_BMI1))
		return count_zeros(in, size, reverse);
	result = interp_get_rm(in, size, &value, 0);
	if (result)
		return result;
	in->regs->rflags &= ~RFLAGS_STATUS;
	if (!value)
		in->regs->rflags |= RFLAGS_ZF;
	else
		interp_set_reg(in, size,
			       (u64)(reverse ? 63 - __builtin_clzll(value)
					     : __builtin_ctzll(value)));
	return INTERP_DONE;
}

enum interp_result interp_popcnt(struct interp *in)
{
	unsigned int size = in->insn.opsize;
	u64 value, count = 0;
	enum interp_result result;

	if (!(in->leaf1_ecx & LEAF1_ECX_POPCNT))
		return interp_ud(in);
	result = interp_get_rm(in, size, &value, 0);
	if (result)
		return result;
	for (; value; value &= value - 1)
		count++;
	in->regs->rflags &= ~RFLAGS_STATUS;
	set_zf(in, count == 0);
	interp_set_reg(in, size, count);
	return INTERP_DONE;
}
