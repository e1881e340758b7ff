/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second half of the instruction decoder: ModRM, SIB, displacement and immediate, and
 * those opcodes that ModRM extends. Pure, as insn.c.
 */
#include "vm/insn_operands.h"

#include "lib/err.h"
#include "vm/insn_tables.h"
#include "vm/regs.h"

/* size (1 to 8) bytes, which must be there, sign-extended; in one load where there is one. */
static s64 load_signed(const u8 *bytes, int size)
{
	u64 value = 0;
	s32 dword;
	s16 word;

	switch (size) {
	case 1:
		return (s8)bytes[0];
	case 2:
		__builtin_memcpy(&word, bytes, sizeof(word));
		return word;
	case 4:
		__builtin_memcpy(&dword, bytes, sizeof(dword));
		return dword;
	}
	for (int i = size; i-- > 0;)
		value = value << 8 | bytes[i];
	return (s64)(value << (64 - 8 * size)) >> (64 - 8 * size);
}

static int decode_disp(struct insn *insn, struct insn_cursor cur, int at, int size)
{
	if (size > cur.end - at)
		return E_RANGE;
	if (size)
		insn->disp = load_signed(cur.bytes + at, size);
	return at + size;
}

/* Bytes of displacement by ModRM.mod, with 16-bit and with wider addresses. */
static const u8 disp_size16[3] = { 0, 1, 2 };
static const u8 disp_size32[3] = { 0, 1, 4 };

static int decode_mem16(struct insn *insn, struct insn_cursor cur, int at)
{
	static const struct {
		s8 base, index;
	} forms[8] = {
		{ GPR_RBX, GPR_RSI }, { GPR_RBX, GPR_RDI }, { GPR_RBP, GPR_RSI },
		{ GPR_RBP, GPR_RDI }, { GPR_RSI, -1 },      { GPR_RDI, -1 },
		{ GPR_RBP, -1 },      { GPR_RBX, -1 },
	};
	unsigned int mod = INSN_MODRM_MOD(insn->modrm), rm = INSN_MODRM_RM(insn->modrm);

	if (mod == 0 && rm == 6)
		return decode_disp(insn, cur, at, 2);
	insn->base = forms[rm].base;
	insn->index = forms[rm].index;
	if (insn->base == GPR_RBP && !(insn->prefixes & INSN_PFX_SEG))
		insn->seg = SEG_SS;
	return decode_disp(insn, cur, at, disp_size16[mod]);
}

static int decode_mem32(struct insn *insn, struct insn_cursor cur, int at)
{
	unsigned int mod = INSN_MODRM_MOD(insn->modrm), base = INSN_MODRM_RM(insn->modrm);
	bool sib = base == 4;

	if (sib) {
		unsigned int index;

		if (at >= cur.end)
			return E_RANGE;
		base = INSN_MODRM_RM(cur.bytes[at]);
		index = INSN_MODRM_REG(cur.bytes[at]) | (insn->rex & INSN_REX_X) << 2;
		insn->scale = (u8)(1u << INSN_MODRM_MOD(cur.bytes[at]));
		if (index != 4) /* 4 says none, but r12 is an index */
			insn->index = (s8)index;
		at++;
	}
	if (mod == 0 && base == 5) {
		insn->rip_relative = !sib && cur.mode == INSN_64;
		return decode_disp(insn, cur, at, 4);
	}
	base |= (insn->rex & INSN_REX_B) << 3;
	insn->base = (s8)base;
	if ((base == GPR_RSP || base == GPR_RBP) && !(insn->prefixes & INSN_PFX_SEG))
		insn->seg = SEG_SS;
	return decode_disp(insn, cur, at, disp_size32[mod]);
}

static int decode_modrm(struct insn *insn, struct insn_cursor cur, int at, u16 attr)
{
	u8 modrm;

	if (at >= cur.end)
		return E_RANGE;
	modrm = cur.bytes[at++];
	insn->has_modrm = true;
	insn->modrm = modrm;
	insn->reg = (u8)(INSN_MODRM_REG(modrm) | (insn->rex & INSN_REX_R) << 1);
	if (INSN_MODRM_MOD(modrm) == 3 || attr & INSN_REGFORM) {
		insn->rm = (u8)(INSN_MODRM_RM(modrm) | (insn->rex & INSN_REX_B) << 3);
		return at;
	}
	insn->mem = true;
	return insn->addrsize == 2 ? decode_mem16(insn, cur, at) : decode_mem32(insn, cur, at);
}

/* Is this ModRM one of the opcode's? Also settles the operand size where ModRM decides it. */
static bool group_allows(struct insn *insn, u16 *attr)
{
	for (unsigned int i = 0; i < insn_group_count; i++) {
		const struct insn_group *group = &insn_groups[i];
		u32 digit = 1u << INSN_MODRM_REG(insn->modrm);

		if (group->map != insn->map || group->opcode != insn->opcode)
			continue;
		if (group->def64 & digit)
			*attr |= INSN_DEF64;
		return (insn->mem ? group->mem : group->reg) & digit;
	}
	return false;
}

/* The size of the immediate, or E_INVAL. */
static int imm_size(const struct insn *insn, u16 attr, enum insn_mode mode)
{
	int z = insn->opsize == 2 ? 2 : 4;
	bool test = INSN_MODRM_REG(insn->modrm) < 2;

	switch ((enum insn_imm)(attr & INSN_IMM)) {
	case IMM_S8:
	case IMM_U8:
		return 1;
	case IMM_U16:
		return 2;
	case IMM_Z:
		return z;
	case IMM_V:
		return insn->opsize;
	case IMM_REL:
		/* Intel ignores 66 here and reads 4 bytes, AMD obeys it and reads 2. */
		return mode == INSN_64 && insn->opsize == 2 ? E_INVAL : z;
	case IMM_FAR:
		return z + 2;
	case IMM_ENTER:
		return 3;
	case IMM_TEST8:
		return test ? 1 : 0;
	case IMM_TESTZ:
		return test ? z : 0;
	case IMM_SSE4A:
		return insn->prefixes & (INSN_PFX_OPSIZE | INSN_PFX_REPNE) ? 2 : 0;
	case IMM_MOFFS:
	case IMM_NONE:
		break;
	}
	return 0;
}

/* In two parts (IMM_FAR, IMM_ENTER, IMM_SSE4A) the first is in the low bits of imm. */
static int decode_imm(struct insn *insn, struct insn_cursor cur, int at, u16 attr)
{
	int size = imm_size(insn, attr, cur.mode);

	if (size < 0)
		return size;
	if (size > cur.end - at)
		return E_RANGE;
	if (size) {
		unsigned int kind = attr & INSN_IMM;

		insn->imm = (u64)load_signed(cur.bytes + at, size);
		if (kind == IMM_U8)
			insn->imm &= 0xff;
		else if (kind == IMM_U16)
			insn->imm &= 0xffff;
	}
	return at + size;
}

/* MOV between rAX and an address in the instruction. */
static int decode_moffs(struct insn *insn, struct insn_cursor cur, int at)
{
	int next = decode_disp(insn, cur, at, insn->addrsize);

	insn->mem = true;
	if (insn->addrsize < 8)
		insn->disp &= (s64)BITS(8 * insn->addrsize - 1, 0);
	return next;
}

int insn_decode_operands(struct insn *insn, struct insn_cursor cur, int at, u16 attr)
{
	if (attr & INSN_MODRM) {
		at = decode_modrm(insn, cur, at, attr);
		if (at < 0)
			return at;
	}
	if (!(attr & ~INSN_MODRM))
		return at;
	if (attr & INSN_GROUP && !group_allows(insn, &attr))
		return E_INVAL;
	if (attr & INSN_NATIVE)
		insn->opsize = cur.mode == INSN_64 ? 8 : 4;
	else if (attr & INSN_DEF64 && cur.mode == INSN_64 && insn->opsize == 4)
		insn->opsize = 8;
	if ((attr & INSN_IMM) == IMM_MOFFS)
		return decode_moffs(insn, cur, at);
	return decode_imm(insn, cur, at, attr);
}
