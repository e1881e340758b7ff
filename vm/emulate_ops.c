/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulated instructions, but for string instructions: one function per kind, and a table of
 * opcodes. Each reads all it needs, writes memory, and only then changes registers and flags.
 */
#include "vm/emulate_ops.h"

#include "lib/err.h"
#include "vm/operand.h"

static u64 get_reg(const struct emu *emu, const struct insn *insn, unsigned int size)
{
	return reg_get(emu->regs, insn, insn->reg, size);
}

static void set_reg(struct emu *emu, const struct insn *insn, unsigned int size, u64 value)
{
	reg_set(emu->regs, insn, insn->reg, size, value);
}

static int exec_load(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn_pair_size(insn);
	u64 value;
	int err = emu_load(emu, emu_linear(emu, insn), size, &value);

	if (!err)
		set_reg(emu, insn, size, value);
	return err;
}

static int exec_store(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn_pair_size(insn);

	return emu_store(emu, emu_linear(emu, insn), size, get_reg(emu, insn, size));
}

static int exec_store_imm(struct emu *emu, const struct insn *insn)
{
	return emu_store(emu, emu_linear(emu, insn), insn_pair_size(insn), insn->imm);
}

/* MOVZX and MOVSX: opcode bit 3 says which, bit 0 how wide the memory is. */
static int exec_extend(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn->opcode & 1 ? 2 : 1;
	u64 value;
	int err = emu_load(emu, emu_linear(emu, insn), size, &value);

	if (!err)
		set_reg(emu, insn, insn->opsize,
			insn->opcode & 8 ? alu_sign_extend(value, size) : value);
	return err;
}

/* MOVSXD: 32 bits of memory, but 16 where the register has no more. Not 64-bit mode: ARPL. */
static int exec_movsxd(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn->opsize == 2 ? 2 : 4;
	u64 value;
	int err;

	if (emu->mode != INSN_64)
		return E_UNSUPPORTED;
	err = emu_load(emu, emu_linear(emu, insn), size, &value);
	if (!err)
		set_reg(emu, insn, insn->opsize, alu_sign_extend(value, size));
	return err;
}

/* memory op= value; CMP only sets flags. */
static int alu_to_memory(struct emu *emu, const struct insn *insn, enum alu_op op, u64 value)
{
	unsigned int size = insn_pair_size(insn);
	u64 linear = emu_linear(emu, insn), flags = emu->regs->rflags, result;
	int err = emu_load(emu, linear, size, &result);

	if (err)
		return err;
	result = alu_execute(op, size, result, value, &flags);
	if (op != ALU_CMP)
		err = emu_store(emu, linear, size, result);
	if (!err)
		emu->regs->rflags = flags;
	return err;
}

/* Opcode bits 5:3 are the operation, bit 1 the direction. */
static int exec_alu(struct emu *emu, const struct insn *insn)
{
	enum alu_op op = (enum alu_op)(insn->opcode >> 3);
	unsigned int size = insn_pair_size(insn);
	u64 reg = get_reg(emu, insn, size), value;
	int err;

	if (!(insn->opcode & 2))
		return alu_to_memory(emu, insn, op, reg);
	err = emu_load(emu, emu_linear(emu, insn), size, &value);
	if (err)
		return err;
	value = alu_execute(op, size, reg, value, &emu->regs->rflags);
	if (op != ALU_CMP)
		set_reg(emu, insn, size, value);
	return 0;
}

static int exec_alu_imm(struct emu *emu, const struct insn *insn)
{
	return alu_to_memory(emu, insn, (enum alu_op)(insn->reg & 7), insn->imm);
}

static int test_memory(struct emu *emu, const struct insn *insn, u64 with)
{
	unsigned int size = insn_pair_size(insn);
	u64 value;
	int err = emu_load(emu, emu_linear(emu, insn), size, &value);

	if (!err)
		alu_execute(ALU_AND, size, value, with, &emu->regs->rflags);
	return err;
}

static int exec_test(struct emu *emu, const struct insn *insn)
{
	return test_memory(emu, insn, get_reg(emu, insn, insn_pair_size(insn)));
}

/* TEST, NOT, NEG; the rest of the group multiplies and divides. */
static int exec_unary(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn_pair_size(insn), digit = insn->reg & 7;
	u64 linear = emu_linear(emu, insn), flags = emu->regs->rflags, value;
	int err;

	if (digit < 2)
		return test_memory(emu, insn, insn->imm);
	if (digit > 3)
		return E_UNSUPPORTED;
	err = emu_load(emu, linear, size, &value);
	if (err)
		return err;
	value = digit == 2 ? ~value : alu_execute(ALU_SUB, size, 0, value, &flags);
	err = emu_store(emu, linear, size, value);
	if (!err)
		emu->regs->rflags = flags;
	return err;
}

/* INC, DEC; the rest of the group jumps, calls and pushes. */
static int exec_step(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn_pair_size(insn), digit = insn->reg & 7;
	u64 linear = emu_linear(emu, insn), flags = emu->regs->rflags, value;
	int err;

	if (digit > 1)
		return E_UNSUPPORTED;
	err = emu_load(emu, linear, size, &value);
	if (err)
		return err;
	value = alu_step(digit ? ALU_SUB : ALU_ADD, size, value, &flags);
	err = emu_store(emu, linear, size, value);
	if (!err)
		emu->regs->rflags = flags;
	return err;
}

static int exec_xchg(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn_pair_size(insn);
	u64 linear = emu_linear(emu, insn), value;
	int err = emu_load(emu, linear, size, &value);

	if (!err)
		err = emu_store(emu, linear, size, get_reg(emu, insn, size));
	if (!err)
		set_reg(emu, insn, size, value);
	return err;
}

static int change_bit(struct emu *emu, u64 linear, unsigned int size, enum alu_bit_op op, u64 bit)
{
	u64 flags = emu->regs->rflags, value;
	int err = emu_load(emu, linear, size, &value);

	if (err)
		return err;
	value = alu_bit(op, value, bit, &flags);
	if (op != ALU_BT)
		err = emu_store(emu, linear, size, value);
	if (!err)
		emu->regs->rflags = flags;
	return err;
}

/* A bit number in a register is signed and reaches far beyond the operand's own address. */
static int exec_bit(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn->opsize, width = 8 * size;
	u64 number = get_reg(emu, insn, size);
	u64 address = emu_offset(emu, insn, insn_bit_displace(number, size));

	return change_bit(emu, emu_to_linear(emu, insn->seg, address), size,
			  (enum alu_bit_op)(insn->opcode >> 3 & 3), BIT(number % width));
}

static int exec_bit_imm(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn->opsize;

	return change_bit(emu, emu_linear(emu, insn), size, (enum alu_bit_op)(insn->reg & 3),
			  BIT(insn->imm % (8 * size)));
}

/* The operation, its direction to memory and back; CMP writes nothing that LOCK could protect. */
#define ALU_OPS(opcode, lock_mask)                                                    \
	[opcode] = { exec_alu, lock_mask }, [(opcode) + 1] = { exec_alu, lock_mask }, \
	[(opcode) + 2] = { exec_alu, 0 }, [(opcode) + 3] = { exec_alu, 0 }

static const struct emu_op map0_ops[256] = {
	ALU_OPS(0x00, 0xff),
	ALU_OPS(0x08, 0xff),
	ALU_OPS(0x10, 0xff),
	ALU_OPS(0x18, 0xff),
	ALU_OPS(0x20, 0xff),
	ALU_OPS(0x28, 0xff),
	ALU_OPS(0x30, 0xff),
	ALU_OPS(0x38, 0),
	[0x63] = { exec_movsxd, 0 },
	[0x80 ... 0x83] = { exec_alu_imm, 0x7f },
	[0x84 ... 0x85] = { exec_test, 0 },
	[0x86 ... 0x87] = { exec_xchg, 0xff },
	[0x88 ... 0x89] = { exec_store, 0 },
	[0x8a ... 0x8b] = { exec_load, 0 },
	[0xa0 ... 0xa1] = { exec_load, 0 }, /* moffs: reg is 0, rAX */
	[0xa2 ... 0xa3] = { exec_store, 0 },
	[0xc6 ... 0xc7] = { exec_store_imm, 0 },
	[0xf6 ... 0xf7] = { exec_unary, BIT(2) | BIT(3) },
	[0xfe ... 0xff] = { exec_step, BIT(0) | BIT(1) },
};

static const struct emu_op map1_ops[256] = {
	[0xa3] = { exec_bit, 0 },
	[0xab] = { exec_bit, 0xff },
	[0xb3] = { exec_bit, 0xff },
	[0xb6 ... 0xb7] = { exec_extend, 0 },
	[0xba] = { exec_bit_imm, BIT(5) | BIT(6) | BIT(7) },
	[0xbb] = { exec_bit, 0xff },
	[0xbe ... 0xbf] = { exec_extend, 0 },
};

const struct emu_op *emu_find_op(const struct insn *insn)
{
	const struct emu_op *op;

	if (insn->vex || insn->map > 1)
		return NULL;
	op = insn->map ? &map1_ops[insn->opcode] : &map0_ops[insn->opcode];
	return op->exec ? op : NULL;
}
