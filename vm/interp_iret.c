/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IRET in the interpreter, from and to all modes but 64-bit mode.
 */
#include "vm/interp_far.h"
#include "vm/interp_insns.h"

/* Offset, selector and flags, as they were popped. */
struct frame {
	u64 offset, selector, flags;
};

static enum interp_result pop_frame(struct interp *in, struct frame *frame)
{
	unsigned int size = in->insn.opsize;
	enum interp_result result = interp_pop(in, size, &frame->offset);

	if (!result)
		result = interp_pop(in, size, &frame->selector);
	if (!result)
		result = interp_pop(in, size, &frame->flags);
	frame->selector &= 0xffff;
	return result;
}

/* cpl and iopl are those before the IRET. */
static void set_flags(struct interp *in, u64 value, unsigned int cpl, unsigned int iopl)
{
	u64 change = RFLAGS_STATUS | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC |
		     RFLAGS_ID;
	u64 *flags = &in->regs->rflags;

	if (cpl <= iopl)
		change |= RFLAGS_IF;
	if (cpl == 0)
		change |= RFLAGS_IOPL;
	if (cpl == 0 && interp_protected(in))
		change |= RFLAGS_VIF | RFLAGS_VIP;
	change &= alu_mask(in->insn.opsize);
	*flags = (*flags & ~change) | (value & change);
}

static enum interp_result iret_real(struct interp *in, const struct frame *frame)
{
	unsigned int cpl = interp_cpl(in), iopl = interp_iopl(in);
	enum interp_result result = interp_go_real(in, (u32)frame->selector, frame->offset);

	if (!result)
		set_flags(in, frame->flags, cpl, iopl);
	return result;
}

/* All six segments, and the stack pointer, were pushed when virtual-8086 mode was left. */
static enum interp_result iret_to_v8086(struct interp *in, const struct frame *frame)
{
	static const u8 order[] = { SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	u64 rsp, selectors[ARRAY_SIZE(order)];
	enum interp_result result = interp_pop(in, 4, &rsp);

	for (unsigned int i = 0; !result && i < ARRAY_SIZE(order); i++)
		result = interp_pop(in, 4, &selectors[i]);
	if (result)
		return result;
	in->regs->rflags = (frame->flags & RFLAGS_LOADABLE) | RFLAGS_FIXED;
	for (unsigned int i = 0; i < ARRAY_SIZE(order); i++)
		interp_set_seg_real(in, order[i], selectors[i] & 0xffff);
	in->regs->gpr[GPR_RSP] = (u32)rsp;
	return interp_go_real(in, (u32)frame->selector, frame->offset & 0xffff);
}

static enum interp_result iret_protected(struct interp *in, const struct frame *frame)
{
	unsigned int cpl = interp_cpl(in), iopl = interp_iopl(in);
	struct far_return to = {
		.selector = (u32)frame->selector,
		.offset = frame->offset,
		.size = in->insn.opsize,
	};
	enum interp_result result;

	if (in->insn.opsize == 4 && frame->flags & RFLAGS_VM && cpl == 0)
		return iret_to_v8086(in, frame);
	result = interp_return_code(in, &to);
	if (!result)
		set_flags(in, frame->flags, cpl, iopl);
	return result;
}

enum interp_result interp_iret(struct interp *in)
{
	struct frame frame;
	enum interp_result result;

	in->iret = true;
	if (interp_long(in))
		return INTERP_UNSUPPORTED;
	if (interp_v8086(in) && interp_iopl(in) < 3)
		return in->cr4 & CR4_VME ? INTERP_UNSUPPORTED : interp_gp0(in);
	/* A nested task returns by a task switch. */
	if (interp_protected(in) && in->regs->rflags & RFLAGS_NT)
		return INTERP_UNSUPPORTED;
	result = pop_frame(in, &frame);
	if (result)
		return result;
	return interp_protected(in) ? iret_protected(in, &frame) : iret_real(in, &frame);
}
