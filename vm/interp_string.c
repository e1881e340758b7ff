/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's string instructions: MOVS, CMPS, STOS, LODS and SCAS with their prefixes. A REP is done in
 * portions, and what has been done stays done when an element faults.
 */
#include "lib/string.h"
#include "vm/interp_insns.h"

#define OP_MOVS 0xa4u
#define OP_CMPS 0xa6u
#define OP_LODS 0xacu
#define OP_SCAS 0xaeu

static void advance(struct interp *in, enum gpr reg)
{
	unsigned int size = insn_pair_size(&in->insn);
	u64 *at = &in->regs->gpr[reg];

	reg_merge(at, in->insn.addrsize, *at + (in->regs->rflags & RFLAGS_DF ? -(u64)size : size));
}

/* The element at rSI, or at ES:rDI, for which no other segment can be given. */
static enum interp_result read_element(struct interp *in, enum gpr reg, u64 *value)
{
	u64 offset = in->regs->gpr[reg] & alu_mask(in->insn.addrsize);

	return interp_read(in, reg == GPR_RDI ? SEG_ES : in->insn.seg, offset,
			   insn_pair_size(&in->insn), value, 0);
}

static enum interp_result write_element(struct interp *in, u64 value)
{
	u64 offset = in->regs->gpr[GPR_RDI] & alu_mask(in->insn.addrsize);

	return interp_write(in, SEG_ES, offset, insn_pair_size(&in->insn), value);
}

static enum interp_result compare(struct interp *in, u64 a)
{
	u64 b;
	enum interp_result result = read_element(in, GPR_RDI, &b);

	if (!result)
		alu_execute(ALU_CMP, insn_pair_size(&in->insn), a, b, &in->regs->rflags);
	return result;
}

static enum interp_result element(struct interp *in)
{
	unsigned int op = in->insn.opcode & 0xfe;
	bool from_rsi = op == OP_MOVS || op == OP_CMPS || op == OP_LODS;
	u64 *rax = &in->regs->gpr[GPR_RAX], value = *rax;
	enum interp_result result = INTERP_DONE;

	if (from_rsi)
		result = read_element(in, GPR_RSI, &value);
	if (result)
		return result;
	if (op == OP_LODS)
		reg_merge(rax, insn_pair_size(&in->insn), value);
	else if (op == OP_CMPS || op == OP_SCAS)
		result = compare(in, value);
	else
		result = write_element(in, value);
	if (result)
		return result;
	if (from_rsi)
		advance(in, GPR_RSI);
	if (op != OP_LODS)
		advance(in, GPR_RDI);
	return INTERP_DONE;
}

/* Has REPE or REPNE found what ends it? */
static bool found(const struct interp *in)
{
	unsigned int op = in->insn.opcode & 0xfe;
	bool equal = in->regs->rflags & RFLAGS_ZF;

	if (op != OP_CMPS && op != OP_SCAS)
		return false;
	return equal != !!(in->insn.prefixes & INSN_PFX_REP);
}

static enum interp_result repeat(struct interp *in)
{
	u64 *rcx = &in->regs->gpr[GPR_RCX], mask = alu_mask(in->insn.addrsize);
	u64 start = in->undo.regs.rip, next = in->regs->rip;
	unsigned int max = in->regs->rflags & RFLAGS_TF ? 1 : INTERP_REP_MAX;

	if (!(*rcx & mask))
		return INTERP_DONE;
	for (unsigned int i = 0; i < max; i++) {
		enum interp_result result = element(in);

		if (result)
			return result;
		reg_merge(rcx, in->insn.addrsize, *rcx - 1);
		if (!(*rcx & mask) || found(in))
			return INTERP_DONE;
		/* A later element that fails goes back to here. */
		in->regs->rip = start;
		in->undo.regs = *in->regs;
		in->regs->rip = next;
	}
	in->regs->rip = start;
	return INTERP_DONE;
}

enum interp_result interp_string(struct interp *in)
{
	if (in->insn.prefixes & (INSN_PFX_REP | INSN_PFX_REPNE))
		return repeat(in);
	return element(in);
}
