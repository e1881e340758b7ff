/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment registers in the interpreter: descriptors and what may be loaded from them, but for code
 * segments, which control transfers load.
 */
#include "vm/interp_insns.h"

#define DESC_RIGHTS_BYTE 5u

enum interp_result interp_read_desc(struct interp *in, u32 selector, u8 vector,
				    struct interp_desc *desc)
{
	u64 base = in->gdtr.base, at = SELECTOR_INDEX(selector & 0xffff);
	u32 limit = in->gdtr.limit;
	bool there = true;

	if (selector & SELECTOR_LDT) {
		base = in->seg[SEG_LDTR].base;
		limit = in->seg[SEG_LDTR].limit;
		there = in->seg[SEG_LDTR].attr & SEG_ATTR_P;
	}
	if (!there || at + 7 > limit || SELECTOR_IS_NULL(selector))
		return interp_fault_selector(in, vector, selector);
	desc->selector = selector & 0xffff;
	desc->linear = interp_table_linear(in, base + at);
	return interp_read_linear(in, desc->linear, 8, &desc->raw, INTERP_SUPERVISOR);
}

enum interp_result interp_mark_desc(struct interp *in, struct interp_desc *desc, u64 bits)
{
	unsigned int shift = 8 * DESC_RIGHTS_BYTE;

	if ((desc->raw & bits) == bits)
		return INTERP_DONE;
	desc->raw |= bits;
	return interp_write_linear(in, interp_table_linear(in, desc->linear + DESC_RIGHTS_BYTE), 1,
				   desc->raw >> shift, INTERP_SUPERVISOR);
}

static void replace(struct interp *in, enum insn_seg seg, struct segment value)
{
	in->seg[seg] = value;
	in->seg_changed |= (u8)BIT(seg);
}

enum interp_result interp_set_seg(struct interp *in, enum insn_seg seg, struct interp_desc *desc)
{
	enum interp_result result = interp_mark_desc(in, desc, DESC_ACCESSED);

	if (!result)
		replace(in, seg, desc_unpack(desc->raw, desc->selector));
	return result;
}

void interp_set_seg_null(struct interp *in, enum insn_seg seg, u32 selector)
{
	replace(in, seg, (struct segment){ .selector = (u16)selector });
}

void interp_set_seg_real(struct interp *in, enum insn_seg seg, u32 selector)
{
	struct segment value = in->seg[seg];

	value.selector = (u16)selector;
	value.base = selector_real_base(selector);
	if (interp_v8086(in)) {
		value.limit = SEG_V8086_LIMIT;
		value.attr = SEG_V8086_ATTR;
	}
	replace(in, seg, value);
}

/* Is it a data segment that can be written? */
static bool is_stack(u64 desc)
{
	return (desc & DESC_S) &&
	       (DESC_TYPE(desc) & (TYPE_CODE | TYPE_WRITE_OR_READ)) == TYPE_WRITE_OR_READ;
}

enum interp_result interp_load_stack(struct interp *in, u32 selector, unsigned int cpl, u8 vector)
{
	struct interp_desc desc;
	enum interp_result result;

	/* 64-bit mode does without one, but at CPL 3. The privilege level is in it all the same. */
	if (SELECTOR_IS_NULL(selector) && interp_mode(in) == INSN_64 && cpl < 3 &&
	    (selector & SELECTOR_RPL) == cpl) {
		replace(in, SEG_SS,
			(struct segment){ .selector = (u16)selector, .attr = (u16)(cpl << 5) });
		return INTERP_DONE;
	}
	result = interp_read_desc(in, selector, vector, &desc);
	if (result)
		return result;
	if ((selector & SELECTOR_RPL) != cpl || !is_stack(desc.raw) || DESC_DPL(desc.raw) != cpl)
		return interp_fault_selector(in, vector, selector);
	if (!(desc.raw & DESC_P))
		return interp_fault_selector(in, VECTOR_SS, selector);
	return interp_set_seg(in, SEG_SS, &desc);
}

static enum interp_result load_data(struct interp *in, enum insn_seg seg, u32 selector)
{
	u32 rpl = selector & SELECTOR_RPL, type;
	struct interp_desc desc;
	enum interp_result result;

	if (SELECTOR_IS_NULL(selector)) {
		interp_set_seg_null(in, seg, selector);
		return INTERP_DONE;
	}
	result = interp_read_desc(in, selector, VECTOR_GP, &desc);
	if (result)
		return result;
	type = DESC_TYPE(desc.raw);
	if (!(desc.raw & DESC_S) || (type & TYPE_CODE && !(type & TYPE_WRITE_OR_READ)))
		return interp_fault_selector(in, VECTOR_GP, selector);
	/* Of conforming code privilege does not matter. */
	if ((type & (TYPE_CODE | TYPE_CONFORMING)) != (TYPE_CODE | TYPE_CONFORMING) &&
	    DESC_DPL(desc.raw) < MAX(rpl, interp_cpl(in)))
		return interp_fault_selector(in, VECTOR_GP, selector);
	if (!(desc.raw & DESC_P))
		return interp_fault_selector(in, VECTOR_NP, selector);
	return interp_set_seg(in, seg, &desc);
}

enum interp_result interp_load_seg(struct interp *in, enum insn_seg seg, u32 selector)
{
	enum interp_result result = INTERP_DONE;

	if (!interp_protected(in))
		interp_set_seg_real(in, seg, selector);
	else if (seg == SEG_SS)
		result = interp_load_stack(in, selector, interp_cpl(in), VECTOR_GP);
	else
		result = load_data(in, seg, selector);
	/* An ESP is about to follow. LSS brings it along. */
	if (!result && seg == SEG_SS && in->insn.map == 0)
		in->shadow = in->blocks_debug = true;
	return result;
}

/* Memory gets the 16 bits, a register of any size gets zeros above them. */
enum interp_result interp_mov_from_seg(struct interp *in)
{
	return interp_set_rm(in, in->insn.mem ? 2 : in->insn.opsize,
			     in->seg[interp_digit(in)].selector);
}

enum interp_result interp_mov_to_seg(struct interp *in)
{
	u64 selector;
	enum interp_result result = interp_get_rm(in, 2, &selector, 0);

	if (result)
		return result;
	return interp_load_seg(in, (enum insn_seg)interp_digit(in), (u32)selector);
}

/* C4, C5: LES, LDS; 0F B2, B4, B5: LSS, LFS, LGS */
enum interp_result interp_load_far_pointer(struct interp *in)
{
	unsigned int size = in->insn.opsize;
	u64 offset, selector, selector_at = interp_offset(in, size);
	enum insn_seg seg;
	enum interp_result result;

	/* Not all vendors' CPUs take more than 4 bytes of offset. */
	if (size == 8)
		return INTERP_UNSUPPORTED;
	result = interp_get_rm(in, size, &offset, 0);
	if (!result)
		result = interp_read(in, in->insn.seg, selector_at, 2, &selector, 0);
	if (result)
		return result;
	if (in->insn.map)
		seg = (enum insn_seg)(in->insn.opcode & 7);
	else
		seg = in->insn.opcode & 1 ? SEG_DS : SEG_ES;
	result = interp_load_seg(in, seg, (u32)selector);
	if (!result)
		interp_set_reg(in, size, offset);
	return result;
}
