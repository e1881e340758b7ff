/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's frame: fetch, decode, dispatch, and all or nothing. Every value is the guest's
 * and may be anything, also what the caller's state says of segments. Owns no state.
 */
#include "vm/interp.h"

#include "lib/err.h"
#include "lib/string.h"
#include "vm/interp_core.h"

unsigned int interp_cpl(const struct interp *interp)
{
	if (!(interp->cr0 & CR0_PE))
		return 0;
	if (interp->regs->rflags & RFLAGS_VM)
		return 3;
	return SEG_ATTR_DPL(interp->seg[SEG_SS].attr);
}

enum insn_mode interp_mode(const struct interp *in)
{
	u16 attr = in->seg[SEG_CS].attr;

	if (interp_long(in) && attr & SEG_ATTR_L)
		return INSN_64;
	return attr & SEG_ATTR_DB ? INSN_32 : INSN_16;
}

enum interp_result interp_fault(struct interp *in, u8 vector)
{
	in->fault = (struct vm_event){ .kind = EVENT_EXCEPTION, .vector = vector };
	return INTERP_FAULT;
}

enum interp_result interp_fault_error(struct interp *in, u8 vector, u32 error)
{
	in->fault = (struct vm_event){
		.kind = EVENT_EXCEPTION,
		.vector = vector,
		/* Real mode has none. */
		.has_error = in->cr0 & CR0_PE,
		.error = in->cr0 & CR0_PE ? error | in->external : 0,
	};
	return INTERP_FAULT;
}

enum interp_result interp_fault_selector(struct interp *in, u8 vector, u32 selector)
{
	return interp_fault_error(in, vector, selector & ~SELECTOR_RPL & 0xffff);
}

static void save(struct interp *in)
{
	in->undo.regs = *in->regs;
	memcpy(in->undo.seg, in->seg, sizeof(in->seg));
	in->undo.seg_changed = in->seg_changed;
	in->shadow = in->blocks_debug = in->iret = false;
	in->external = in->delivered = false;
	in->abort = 0;
}

static void restore(struct interp *in)
{
	*in->regs = in->undo.regs;
	memcpy(in->seg, in->undo.seg, sizeof(in->seg));
	in->seg_changed = in->undo.seg_changed;
	in->shadow = in->blocks_debug = in->external = false;
}

static enum interp_result aborted(struct interp *in, int err)
{
	in->abort = err;
	return INTERP_ABORT;
}

/* The instruction does not end in the len bytes that could be had. Why? */
static enum interp_result cut_off(struct interp *in, u64 linear, size_t len, size_t limit)
{
	u8 bytes[INSN_MAX_LEN];
	size_t more = limit - len;
	int err;

	/* Too long, or over the end of the segment. */
	if (len >= limit)
		return interp_gp0(in);
	err = in->ops->fetch(in->ctx, linear + len, bytes, &more);
	/* It cannot be had, or a moment ago it could not: then the guest tries again. */
	return aborted(in, err ? err : E_FAULT);
}

/* How many bytes from RIP on does the code segment have, as far as an instruction goes? */
static size_t bytes_in_segment(const struct interp *in, enum insn_mode mode)
{
	u64 rip = in->regs->rip, limit = in->seg[SEG_CS].limit;

	if (mode == INSN_64)
		return INSN_MAX_LEN;
	return rip > limit ? 0 : (size_t)MIN(limit - rip + 1, (u64)INSN_MAX_LEN);
}

static enum interp_result fetch(struct interp *in)
{
	enum insn_mode mode = interp_mode(in);
	size_t limit = bytes_in_segment(in, mode), len = limit;
	u64 linear = in->regs->rip;
	u8 bytes[INSN_MAX_LEN + 1];
	int err;

	in->insn.len = 0;
	if (!limit)
		return interp_gp0(in);
	if (mode != INSN_64)
		linear = (u32)(linear + in->seg[SEG_CS].base);
	err = in->ops->fetch(in->ctx, linear, bytes, &len);
	if (err)
		return aborted(in, err);
	len = MIN(len, limit);
	err = insn_decode(&in->insn, bytes, len, mode);
	if (!err)
		return INTERP_DONE;
	in->insn.len = 0;
	return err == E_RANGE ? cut_off(in, linear, len, limit) : interp_fault(in, VECTOR_UD);
}

static bool lock_is_fine(const struct interp *in, const struct interp_op *op)
{
	if (!(in->insn.prefixes & INSN_PFX_LOCK) || op->flags & OP_LOCK_ANY)
		return true;
	return in->insn.mem && op->lock >> interp_digit(in) & 1;
}

static enum interp_result execute(struct interp *in)
{
	const struct interp_op *op = interp_find_op(&in->insn);
	enum insn_mode mode = interp_mode(in);
	u64 rip = in->regs->rip + in->insn.len;

	if (!op || (op->flags & OP_NOT64 && mode == INSN_64))
		return INTERP_UNSUPPORTED;
	if (!lock_is_fine(in, op) || (op->flags & OP_PROTECTED && !interp_protected(in)))
		return interp_fault(in, VECTOR_UD);
	if (op->flags & OP_CPL0 && interp_cpl(in) != 0)
		return interp_gp0(in);
	in->regs->rip = mode == INSN_64 ? rip : (u32)rip;
	in->regs->rflags &= ~(u64)RFLAGS_RF;
	return op->exec(in);
}

enum interp_result interp_step(struct interp *interp)
{
	bool trap = interp->regs->rflags & RFLAGS_TF;
	enum interp_result result;

	save(interp);
	result = fetch(interp);
	if (result == INTERP_DONE)
		result = execute(interp);
	if (result != INTERP_DONE) {
		restore(interp);
		return result;
	}
	return trap && !interp->blocks_debug && !interp->delivered ? INTERP_TRAP : INTERP_DONE;
}

enum interp_result interp_deliver(struct interp *interp, const struct vm_event *event)
{
	enum interp_result result;

	save(interp);
	interp->insn.len = 0;
	interp->external = event->kind != EVENT_SOFT_INTR;
	result = interp_deliver_event(interp, event);
	interp->external = false;
	if (result != INTERP_DONE)
		restore(interp);
	return result;
}
