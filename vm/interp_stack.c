/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's instructions on the stack, but for calls.
 */
#include "vm/interp_insns.h"

enum interp_result interp_push_opcode(struct interp *in)
{
	return interp_push(in, in->insn.opsize, in->regs->gpr[interp_opcode_reg(in)]);
}

enum interp_result interp_pop_opcode(struct interp *in)
{
	u64 value;
	enum interp_result result = interp_pop(in, in->insn.opsize, &value);

	if (!result)
		reg_merge(&in->regs->gpr[interp_opcode_reg(in)], in->insn.opsize, value);
	return result;
}

enum interp_result interp_push_imm(struct interp *in)
{
	return interp_push(in, in->insn.opsize, in->insn.imm);
}

enum interp_result interp_push_rm(struct interp *in)
{
	u64 value;
	enum interp_result result = interp_get_rm(in, in->insn.opsize, &value, 0);

	return result ? result : interp_push(in, in->insn.opsize, value);
}

/* The address of the operand is made from the stack pointer after the pop. */
enum interp_result interp_pop_rm(struct interp *in)
{
	u64 value;
	enum interp_result result = interp_pop(in, in->insn.opsize, &value);

	return result ? result : interp_set_rm(in, in->insn.opsize, value);
}

/* 06 to 1F have ES to DS in bits 4:3, 0F A0 to A9 have FS and GS in the same place. */
static enum insn_seg opcode_seg(const struct interp *in)
{
	unsigned int number = in->insn.opcode >> 3 & 3;

	return (enum insn_seg)(in->insn.map ? SEG_FS + (number & 1) : number);
}

enum interp_result interp_push_seg(struct interp *in)
{
	return interp_push(in, in->insn.opsize, in->seg[opcode_seg(in)].selector);
}

enum interp_result interp_pop_seg(struct interp *in)
{
	u64 value;
	enum interp_result result = interp_pop(in, in->insn.opsize, &value);

	return result ? result : interp_load_seg(in, opcode_seg(in), value & 0xffff);
}

enum interp_result interp_push_all(struct interp *in)
{
	u64 rsp = in->regs->gpr[GPR_RSP];
	unsigned int size = in->insn.opsize;
	enum interp_result result = interp_check_push(in, size, 8);

	for (unsigned int i = GPR_RAX; !result && i <= GPR_RDI; i++)
		result = interp_push(in, size, i == GPR_RSP ? rsp : in->regs->gpr[i]);
	return result;
}

enum interp_result interp_pop_all(struct interp *in)
{
	enum interp_result result = INTERP_DONE;

	for (unsigned int i = GPR_RDI + 1; !result && i-- > GPR_RAX;) {
		u64 value = 0;

		result = interp_pop(in, in->insn.opsize, &value);
		if (!result && i != GPR_RSP)
			reg_merge(&in->regs->gpr[i], in->insn.opsize, value);
	}
	return result;
}

/* Virtual-8086 mode leaves the flags to programs only with IOPL 3. */
static enum interp_result check_flags_access(struct interp *in)
{
	if (!interp_v8086(in) || interp_iopl(in) == 3)
		return INTERP_DONE;
	return in->cr4 & CR4_VME ? INTERP_UNSUPPORTED : interp_gp0(in);
}

enum interp_result interp_push_flags(struct interp *in)
{
	enum interp_result result = check_flags_access(in);

	if (result)
		return result;
	return interp_push(in, in->insn.opsize, in->regs->rflags & ~(u64)(RFLAGS_RF | RFLAGS_VM));
}

enum interp_result interp_pop_flags(struct interp *in)
{
	u64 change = RFLAGS_STATUS | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID;
	u64 *flags = &in->regs->rflags, value;
	enum interp_result result = check_flags_access(in);

	if (!result)
		result = interp_pop(in, in->insn.opsize, &value);
	if (result)
		return result;
	if (interp_cpl(in) <= interp_iopl(in))
		change |= RFLAGS_IF;
	if (interp_cpl(in) == 0)
		change |= RFLAGS_IOPL;
	change &= alu_mask(in->insn.opsize);
	*flags = (*flags & ~change) | (value & change);
	if (in->insn.opsize > 2 && !interp_v8086(in))
		*flags &= ~(u64)(RFLAGS_VIF | RFLAGS_VIP);
	return INTERP_DONE;
}

/* The older frames' pointers, from the display that rBP points behind. */
static enum interp_result copy_display(struct interp *in, unsigned int count)
{
	unsigned int size = in->insn.opsize, width = interp_stack_size(in);
	u64 *rbp = &in->regs->gpr[GPR_RBP], value = 0;
	enum interp_result result = INTERP_DONE;

	while (!result && count--) {
		reg_merge(rbp, width, *rbp - size);
		result = interp_read(in, SEG_SS, *rbp & alu_mask(width), size, &value, 0);
		if (!result)
			result = interp_push(in, size, value);
	}
	return result;
}

enum interp_result interp_enter(struct interp *in)
{
	unsigned int size = in->insn.opsize, level = in->insn.imm >> 16 & 31;
	u64 *gpr = in->regs->gpr, old_rbp = gpr[GPR_RBP], frame;
	enum interp_result result = interp_push(in, size, gpr[GPR_RBP]);

	if (result)
		return result;
	frame = gpr[GPR_RSP];
	if (level) {
		result = copy_display(in, level - 1);
		if (!result)
			result = interp_push(in, size, frame);
	}
	if (result)
		return result;
	gpr[GPR_RBP] = old_rbp;
	reg_merge(&gpr[GPR_RBP], size, frame);
	interp_stack_move(in, -(in->insn.imm & 0xffff));
	return interp_check(in, SEG_SS, gpr[GPR_RSP] & alu_mask(interp_stack_size(in)), size,
			    INTERP_WILL_WRITE);
}

enum interp_result interp_leave(struct interp *in)
{
	u64 *gpr = in->regs->gpr, value;
	enum interp_result result;

	reg_merge(&gpr[GPR_RSP], interp_stack_size(in), gpr[GPR_RBP]);
	result = interp_pop(in, in->insn.opsize, &value);
	if (!result)
		reg_merge(&gpr[GPR_RBP], in->insn.opsize, value);
	return result;
}
