/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes the instructions that drivers use on device memory nearly always: moves between a
 * register, or an immediate, and one operand in memory. A short cut: all others are for the
 * interpreter, which has these as well. A guest can change its code between the exit and our fetch,
 * so the instruction need not be the one that exited. Owns no state; the caller's vCPU does not run
 * meanwhile.
 */
#include "vm/emulate.h"

#include "lib/err.h"
#include "vm/operand.h"

u64 emu_linear(const struct emu *emu, const struct insn *insn)
{
	u64 displace = insn->rip_relative ? emu->regs->rip + insn->len : 0;
	u64 linear = emu->seg_base[insn->seg] + insn_offset(emu->regs, insn, displace);

	return emu->mode == INSN_64 ? linear : (u32)linear;
}

static int load(const struct emu *emu, const struct insn *insn, unsigned int size, u64 *value)
{
	int err = emu->read(emu->ctx, emu_linear(emu, insn), size, value);

	if (!err)
		*value &= alu_mask(size);
	return err;
}

static int exec_load(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn_pair_size(insn);
	u64 value;
	int err = load(emu, insn, size, &value);

	if (!err)
		reg_set(emu->regs, insn, insn->reg, size, value);
	return err;
}

static int exec_store(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn_pair_size(insn);

	return emu->write(emu->ctx, emu_linear(emu, insn), size,
			  reg_get(emu->regs, insn, insn->reg, size));
}

static int exec_store_imm(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn_pair_size(insn);

	return emu->write(emu->ctx, emu_linear(emu, insn), size, insn->imm & alu_mask(size));
}

/* MOVZX and MOVSX: opcode bit 3 says which, bit 0 how wide the memory is. */
static int exec_extend(struct emu *emu, const struct insn *insn)
{
	unsigned int size = insn->opcode & 1 ? 2 : 1;
	u64 value;
	int err = load(emu, insn, size, &value);

	if (!err)
		reg_set(emu->regs, insn, insn->reg, insn->opsize,
			insn->opcode & 8 ? alu_sign_extend(value, size) : value);
	return err;
}

typedef int exec_fn(struct emu *emu, const struct insn *insn);

static exec_fn *find(const struct insn *insn)
{
	static exec_fn *const map0[256] = {
		[0x88 ... 0x89] = exec_store, [0x8a ... 0x8b] = exec_load,
		[0xa0 ... 0xa1] = exec_load, /* moffs: reg is 0, rAX */
		[0xa2 ... 0xa3] = exec_store, [0xc6 ... 0xc7] = exec_store_imm,
	};

	if (unlikely(insn->vex || !insn->mem || insn->prefixes & INSN_PFX_LOCK))
		return NULL;
	if (likely(insn->map == 0))
		return map0[insn->opcode];
	/* B6, B7, BE, BF */
	return insn->map == 1 && (insn->opcode & 0xf6) == 0xb6 ? exec_extend : NULL;
}

int emu_execute(struct emu *emu, const struct insn *insn)
{
	exec_fn *exec = find(insn);
	u64 rip = emu->regs->rip + insn->len;
	int err;

	if (!exec)
		return E_UNSUPPORTED;
	err = exec(emu, insn);
	if (!err)
		emu->regs->rip = emu->mode == INSN_64 ? rip : (u32)rip;
	return err;
}
