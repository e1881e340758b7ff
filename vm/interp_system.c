/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's system instructions: descriptor-table registers, LDTR and TR, questions about
 * selectors, the interrupt flag; and those that are the caller's.
 */
#include "vm/interp_insns.h"

/* Privilege has been checked by the table's flags. */
enum interp_result interp_system(struct interp *in __unused)
{
	return INTERP_SYSTEM;
}

/* CR4.UMIP keeps programs from looking at system registers. */
static bool hidden(const struct interp *in)
{
	return in->cr4 & CR4_UMIP && interp_cpl(in) != 0;
}

static enum interp_result load_ldtr(struct interp *in, u32 selector)
{
	struct interp_desc desc;
	enum interp_result result;

	if (SELECTOR_IS_NULL(selector)) {
		interp_set_seg_null(in, SEG_LDTR, selector);
		return INTERP_DONE;
	}
	if (selector & SELECTOR_LDT)
		return interp_fault_selector(in, VECTOR_GP, selector);
	result = interp_read_desc(in, selector, VECTOR_GP, &desc);
	if (result)
		return result;
	if (desc.raw & DESC_S || DESC_TYPE(desc.raw) != TYPE_LDT)
		return interp_fault_selector(in, VECTOR_GP, selector);
	if (!(desc.raw & DESC_P))
		return interp_fault_selector(in, VECTOR_NP, selector);
	in->seg[SEG_LDTR] = desc_unpack(desc.raw, selector);
	in->seg_changed |= (u8)BIT(SEG_LDTR);
	return INTERP_DONE;
}

static enum interp_result load_tr(struct interp *in, u32 selector)
{
	struct interp_desc desc;
	enum interp_result result;

	if (selector & SELECTOR_LDT)
		return interp_fault_selector(in, VECTOR_GP, selector);
	result = interp_read_desc(in, selector, VECTOR_GP, &desc);
	if (result)
		return result;
	if (desc.raw & DESC_S ||
	    (DESC_TYPE(desc.raw) != TYPE_TSS16 && DESC_TYPE(desc.raw) != TYPE_TSS32))
		return interp_fault_selector(in, VECTOR_GP, selector);
	if (!(desc.raw & DESC_P))
		return interp_fault_selector(in, VECTOR_NP, selector);
	result = interp_mark_desc(in, &desc, DESC_BUSY);
	if (result)
		return result;
	in->seg[SEG_TR] = desc_unpack(desc.raw, selector);
	in->seg_changed |= (u8)BIT(SEG_TR);
	return INTERP_DONE;
}

static void set_zf(struct interp *in, bool set)
{
	in->regs->rflags &= ~(u64)RFLAGS_ZF;
	if (set)
		in->regs->rflags |= RFLAGS_ZF;
}

/* LAR, LSL, VERR, VERW: may the program see this descriptor? DONE with *visible; or ABORT. */
static enum interp_result look_up(struct interp *in, u32 selector, struct interp_desc *desc,
				  bool *visible)
{
	bool conforming;
	enum interp_result result;

	*visible = false;
	if (SELECTOR_IS_NULL(selector))
		return INTERP_DONE;
	result = interp_read_desc(in, selector, VECTOR_GP, desc);
	if (result)
		return result == INTERP_FAULT ? INTERP_DONE : result;
	conforming = desc->raw & DESC_S && DESC_TYPE(desc->raw) & TYPE_CODE &&
		     DESC_TYPE(desc->raw) & TYPE_CONFORMING;
	*visible = conforming ||
		   DESC_DPL(desc->raw) >= MAX(selector & SELECTOR_RPL, interp_cpl(in));
	return INTERP_DONE;
}

static enum interp_result verify(struct interp *in, u32 selector, bool write)
{
	struct interp_desc desc;
	u32 type;
	bool visible;
	enum interp_result result = look_up(in, selector, &desc, &visible);

	if (result)
		return result;
	type = visible ? DESC_TYPE(desc.raw) : 0;
	visible = visible && desc.raw & DESC_S;
	if (write)
		visible = visible && !(type & TYPE_CODE) && type & TYPE_WRITE_OR_READ;
	else
		visible = visible && (!(type & TYPE_CODE) || type & TYPE_WRITE_OR_READ);
	set_zf(in, visible);
	return INTERP_DONE;
}

/* 0F 00: SLDT, STR, LLDT, LTR, VERR, VERW */
enum interp_result interp_group6(struct interp *in)
{
	unsigned int digit = interp_digit(in);
	enum insn_seg seg = digit & 1 ? SEG_TR : SEG_LDTR;
	u64 selector;
	enum interp_result result;

	if (digit < 2 && hidden(in))
		return interp_gp0(in);
	if (digit < 2)
		return interp_set_rm(in, in->insn.mem ? 2 : in->insn.opsize, in->seg[seg].selector);
	if (digit < 4 && interp_cpl(in) != 0)
		return interp_gp0(in);
	/* Their descriptors have 16 bytes there. */
	if (digit < 4 && interp_long(in))
		return INTERP_UNSUPPORTED;
	result = interp_get_rm(in, 2, &selector, 0);
	if (result)
		return result;
	if (digit == 2)
		return load_ldtr(in, (u32)selector);
	if (digit == 3)
		return load_tr(in, (u32)selector);
	return verify(in, (u32)selector, digit & 1);
}

/* System descriptors that LAR and LSL know; a gate has no limit. */
static bool has_type(u64 desc, bool limit)
{
	u64 with_limit = BIT(TYPE_TSS16) | BIT(TYPE_LDT) | BIT(TYPE_TSS16 | TYPE_BUSY) |
			 BIT(TYPE_TSS32) | BIT(TYPE_TSS32 | TYPE_BUSY);
	u64 gates = BIT(TYPE_CALL_GATE16) | BIT(TYPE_TASK_GATE) | BIT(TYPE_CALL_GATE32);

	if (desc & DESC_S)
		return true;
	return (limit ? with_limit : with_limit | gates) >> DESC_TYPE(desc) & 1;
}

/* 0F 02, 03 */
enum interp_result interp_lar_lsl(struct interp *in)
{
	bool limit = in->insn.opcode & 1, visible;
	struct interp_desc desc;
	u64 selector;
	enum interp_result result = interp_get_rm(in, 2, &selector, 0);

	if (!result)
		result = look_up(in, (u32)selector, &desc, &visible);
	if (result)
		return result;
	visible = visible && has_type(desc.raw, limit);
	set_zf(in, visible);
	if (visible)
		interp_set_reg(in, in->insn.opsize,
			       limit ? desc_unpack(desc.raw, 0).limit : desc.raw >> 32 & 0xf0ff00);
	return INTERP_DONE;
}

/* 32 bits, but 16 where the register has no more. */
static enum interp_result movsxd(struct interp *in)
{
	unsigned int size = in->insn.opsize == 2 ? 2 : 4;
	u64 value;
	enum interp_result result = interp_get_rm(in, size, &value, 0);

	if (!result)
		interp_set_reg(in, in->insn.opsize, alu_sign_extend(value, size));
	return result;
}

/* The RPL of r/m becomes at least that of the register. */
static enum interp_result arpl(struct interp *in)
{
	u64 rpl = interp_get_reg(in, 2) & SELECTOR_RPL, value;
	enum interp_result result = interp_get_rm(in, 2, &value, INTERP_WILL_WRITE);
	bool lower = !result && (value & SELECTOR_RPL) < rpl;

	if (result)
		return result;
	set_zf(in, lower);
	return lower ? interp_set_rm(in, 2, (value & ~(u64)SELECTOR_RPL) | rpl) : INTERP_DONE;
}

/* 63 */
enum interp_result interp_arpl_movsxd(struct interp *in)
{
	if (interp_mode(in) == INSN_64)
		return movsxd(in);
	return interp_protected(in) ? arpl(in) : interp_ud(in);
}

/* SGDT and SIDT, LGDT and LIDT: with 16-bit operands a base has 24 bits, in 64-bit mode always 64. */
static enum interp_result table_register(struct interp *in)
{
	unsigned int digit = interp_digit(in);
	struct interp_table *table = digit & 1 ? &in->idtr : &in->gdtr;
	unsigned int size = interp_mode(in) == INSN_64 ? 8 : 4;
	u64 mask = size == 4 && in->insn.opsize == 2 ? 0xffffff : alu_mask(size);
	u64 limit = table->limit;
	u64 base = table->base & mask, base_at = interp_offset(in, 2);
	enum interp_result result;

	if (digit < 2) {
		/* Both or none, as far as the segment goes. */
		result = interp_check(in, in->insn.seg, base_at, size, INTERP_WILL_WRITE);
		if (!result)
			result = interp_set_rm(in, 2, limit);
		return result ? result : interp_write(in, in->insn.seg, base_at, size, base);
	}
	result = interp_get_rm(in, 2, &limit, 0);
	if (!result)
		result = interp_read(in, in->insn.seg, base_at, size, &base, 0);
	if (result)
		return result;
	if (size == 8 && !interp_is_canonical(base))
		return interp_gp0(in);
	*table = (struct interp_table){ .base = base & mask, .limit = (u16)limit };
	if (digit & 1)
		in->idtr_changed = true;
	else
		in->gdtr_changed = true;
	return INTERP_DONE;
}

/* With a register operand, by the whole ModRM byte. */
static bool only_cpl0(u8 modrm)
{
	/* XSETBV; VMRUN to INVLPGA but VMMCALL; SWAPGS */
	return modrm == 0xd1 || (modrm >= 0xd8 && modrm <= 0xdf && modrm != 0xd9) || modrm == 0xf8;
}

/* 0F 01: SGDT, SIDT, LGDT, LIDT, SMSW, -, LMSW, INVLPG; and many without an operand. */
enum interp_result interp_group7(struct interp *in)
{
	unsigned int digit = interp_digit(in);

	if (digit == 4) {
		if (hidden(in))
			return interp_gp0(in);
		return interp_set_rm(in, in->insn.mem ? 2 : in->insn.opsize, in->cr0);
	}
	if (!in->insn.mem && digit != 6) {
		if (only_cpl0(in->insn.modrm) && interp_cpl(in) != 0)
			return interp_gp0(in);
		return INTERP_SYSTEM;
	}
	if (digit == 5)
		return interp_ud(in);
	if (digit < 2 ? hidden(in) : interp_cpl(in) != 0)
		return interp_gp0(in);
	if (digit >= 6)
		return INTERP_SYSTEM;
	return table_register(in);
}

enum interp_result interp_cli_sti(struct interp *in)
{
	bool set = in->insn.opcode & 1;

	if (interp_cpl(in) > interp_iopl(in) || (interp_v8086(in) && interp_iopl(in) < 3)) {
		u64 virtual_flag = interp_v8086(in) ? CR4_VME : CR4_PVI;

		return in->cr4 & virtual_flag && interp_cpl(in) == 3 ? INTERP_UNSUPPORTED
								     : interp_gp0(in);
	}
	in->shadow = set && !(in->regs->rflags & RFLAGS_IF);
	if (set)
		in->regs->rflags |= RFLAGS_IF;
	else
		in->regs->rflags &= ~(u64)RFLAGS_IF;
	return INTERP_DONE;
}

/* SYSCALL and SYSRET, which are there when they have been turned on: and then not ours. */
enum interp_result interp_syscall(struct interp *in)
{
	return in->efer & EFER_SCE ? INTERP_UNSUPPORTED : interp_ud(in);
}
