/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes one decoded instruction: addresses, accesses, string instructions and RIP are done
 * here, the rest in emulate_ops.c. A guest can change its code between the exit and our fetch, so
 * the instruction need not be the one that exited: whatever was decoded is done as a CPU would, or
 * refused before its first access. Registers change only when all accesses have succeeded. Owns no
 * state; the caller's vCPU does not run meanwhile.
 */
#include "vm/emulate.h"

#include "lib/err.h"
#include "vm/emulate_ops.h"
#include "vm/operand.h"

int emu_load(const struct emu *emu, u64 linear, unsigned int size, u64 *value)
{
	int err = emu->read(emu->ctx, linear, size, value);

	if (!err)
		*value &= alu_mask(size);
	return err;
}

int emu_store(const struct emu *emu, u64 linear, unsigned int size, u64 value)
{
	return emu->write(emu->ctx, linear, size, value & alu_mask(size));
}

u64 emu_offset(const struct emu *emu, const struct insn *insn, u64 displace)
{
	if (insn->rip_relative)
		displace += emu->regs->rip + insn->len;
	return insn_offset(emu->regs, insn, displace);
}

u64 emu_to_linear(const struct emu *emu, unsigned int seg, u64 offset)
{
	u64 linear = emu->seg_base[seg] + offset;

	return emu->mode == INSN_64 ? linear : (u32)linear;
}

u64 emu_linear(const struct emu *emu, const struct insn *insn)
{
	return emu_to_linear(emu, insn->seg, emu_offset(emu, insn, 0));
}

static void skip(struct emu *emu, const struct insn *insn)
{
	u64 rip = emu->regs->rip + insn->len;

	emu->regs->rip = emu->mode == INSN_64 ? rip : (u32)rip;
}

/* Move rSI or rDI on by one element. */
static void advance(struct emu *emu, const struct insn *insn, enum gpr reg, unsigned int size)
{
	u64 step = emu->regs->rflags & RFLAGS_DF ? -(u64)size : size;

	reg_merge(&emu->regs->gpr[reg], insn->addrsize, emu->regs->gpr[reg] + step);
}

/* One element of MOVS (A4), STOS (AA) or LODS (AC), each with its wider form behind it. */
static int exec_element(struct emu *emu, const struct insn *insn)
{
	u64 *gpr = emu->regs->gpr, mask = alu_mask(insn->addrsize), value = gpr[GPR_RAX];
	u64 from = emu_to_linear(emu, insn->seg, gpr[GPR_RSI] & mask);
	u64 to = emu_to_linear(emu, SEG_ES, gpr[GPR_RDI] & mask);
	unsigned int size = insn_pair_size(insn);
	bool loads = insn->opcode < 0xa6 || insn->opcode > 0xab, stores = insn->opcode < 0xac;
	int err = 0;

	if (loads)
		err = emu_load(emu, from, size, &value);
	if (!err && stores)
		err = emu_store(emu, to, size, value);
	if (err)
		return err;
	if (loads)
		advance(emu, insn, GPR_RSI, size);
	if (stores)
		advance(emu, insn, GPR_RDI, size);
	else
		reg_merge(&gpr[GPR_RAX], size, value);
	return 0;
}

static bool is_string(const struct insn *insn)
{
	u8 opcode = insn->opcode & 0xfe;

	return !insn->vex && insn->map == 0 && (opcode == 0xa4 || opcode == 0xaa || opcode == 0xac);
}

static int exec_string(struct emu *emu, const struct insn *insn)
{
	bool rep = insn->prefixes & (INSN_PFX_REP | INSN_PFX_REPNE);
	u64 *rcx = &emu->regs->gpr[GPR_RCX], left = *rcx & alu_mask(insn->addrsize);
	int err;

	if (insn->prefixes & INSN_PFX_LOCK)
		return E_UNSUPPORTED;
	if (!rep || left) {
		err = exec_element(emu, insn);
		if (err)
			return err;
	}
	if (rep && left)
		reg_merge(rcx, insn->addrsize, --left);
	if (!rep || !left)
		skip(emu, insn);
	return 0;
}

int emu_execute(struct emu *emu, const struct insn *insn)
{
	const struct emu_op *op;
	int err;

	if (is_string(insn))
		return exec_string(emu, insn);
	op = emu_find_op(insn);
	if (!op || !insn->mem)
		return E_UNSUPPORTED;
	if (insn->prefixes & INSN_PFX_LOCK && !(op->lock >> (insn->reg & 7) & 1))
		return E_UNSUPPORTED;
	err = op->exec(emu, insn);
	if (!err)
		skip(emu, insn);
	return err;
}
