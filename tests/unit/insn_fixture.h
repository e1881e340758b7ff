/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For test_insn.c: one byte string decoded by vm/insn.c and by Zydis, and the results compared.
 * Only refuse_on_purpose() may be refused here and accepted there; the other way round is allowed
 * (see insn.c).
 */
#pragma once

#include "host.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "vm/insn.h"

#define MODES 3
#define ANY_LEN INSN_MAX_LEN

static ZydisDecoder decoders[MODES];
static u64 compared, refused, only_ours;

#define FAIL(bytes, mode, what, ours, theirs)                                                     \
	fail_msg("%s: %s: ours %lld, Zydis %lld", describe(bytes, mode), what, (long long)(ours), \
		 (long long)(theirs))

static const char *describe(const u8 *bytes, int mode)
{
	static char text[80];
	int used = snprintf(text, sizeof(text), "%d-bit", 16 << mode);

	for (int i = 0; i < (int)INSN_MAX_LEN; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, " %02x", bytes[i]);
	return text;
}

/*
 * The whole list of what Zydis decodes and we do not:
 * - a near branch with a 66 prefix in 64-bit mode: Intel and AMD disagree about its length;
 * - XOP: an encoding of four families of CPUs, not announced to guests;
 * - MVEX and the VEX jumps JKZD, JKNZD: of Knights Corner, which cannot virtualize.
 */
static bool refuse_on_purpose(const ZydisDecodedInstruction *z, int mode)
{
	bool opsize = false;

	if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_XOP ||
	    z->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX || z->mnemonic == ZYDIS_MNEMONIC_JKZD ||
	    z->mnemonic == ZYDIS_MNEMONIC_JKNZD)
		return true;
	for (int i = 0; i < z->raw.prefix_count; i++)
		opsize |= z->raw.prefixes[i].value == 0x66;
	return mode == INSN_64 && opsize && !z->raw.rex.W && z->raw.imm[0].is_relative &&
	       z->raw.imm[0].size == 32;
}

static void compare_prefixes(const struct insn *insn, const ZydisDecodedInstruction *z,
			     const u8 *bytes, int mode)
{
	u8 expected = 0;

	for (int i = 0; i < z->raw.prefix_count; i++) {
		u8 byte = z->raw.prefixes[i].value;

		if (byte == 0x66)
			expected |= INSN_PFX_OPSIZE;
		else if (byte == 0x67)
			expected |= INSN_PFX_ADDRSIZE;
		else if (byte == 0xf0)
			expected |= INSN_PFX_LOCK;
		else if (byte == 0xf3 || byte == 0xf2)
			expected = (u8)((expected & ~(INSN_PFX_REP | INSN_PFX_REPNE)) |
					(byte == 0xf3 ? INSN_PFX_REP : INSN_PFX_REPNE));
		else if ((byte & 0xe7) == 0x26 && mode != INSN_64)
			expected |= INSN_PFX_SEG;
		else if (byte == 0x64 || byte == 0x65)
			expected |= INSN_PFX_SEG;
	}
	if (insn->prefixes != expected)
		FAIL(bytes, mode, "prefixes", insn->prefixes, expected);
}

static s64 reg_id(ZydisRegister reg)
{
	return reg == ZYDIS_REGISTER_NONE ? -1 : ZydisRegisterGetId(reg);
}

/*
 * Where Zydis 4.0 tells another operand: it takes REX.B for a base register in a SIB byte that says
 * "no base" when addresses are 32 bits wide (the manuals: REX.B is not decoded there).
 */
static bool zydis_errs(const ZydisDecodedInstruction *z)
{
	return z->address_width == 32 && z->machine_mode == ZYDIS_MACHINE_MODE_LONG_64 &&
	       z->raw.modrm.mod == 0 && z->raw.modrm.rm == 4 && z->raw.sib.base == 5 &&
	       z->raw.rex.B;
}

static void compare_mem(const struct insn *insn, const ZydisDecodedInstruction *z,
			const ZydisDecodedOperand *op, const u8 *bytes, int mode)
{
	bool rip = op->mem.base == ZYDIS_REGISTER_RIP || op->mem.base == ZYDIS_REGISTER_EIP;
	s64 base = rip ? -1 : reg_id(op->mem.base), index = reg_id(op->mem.index);
	s64 disp = op->mem.disp.has_displacement ? op->mem.disp.value : 0;
	u64 width = BITS(z->address_width - 1, 0);

	if (!insn->mem)
		FAIL(bytes, mode, "memory", insn->mem, 1);
	if (insn->rip_relative != rip)
		FAIL(bytes, mode, "rip", insn->rip_relative, rip);
	if (insn->base != base)
		FAIL(bytes, mode, "base", insn->base, base);
	if (insn->index != index)
		FAIL(bytes, mode, "index", insn->index, index);
	if (index >= 0 && insn->scale != op->mem.scale)
		FAIL(bytes, mode, "scale", insn->scale, op->mem.scale);
	if (((u64)insn->disp ^ (u64)disp) & width)
		FAIL(bytes, mode, "disp", insn->disp, disp);
	/* Of LEA Zydis tells none, and of 3E before an indirect branch that it means NOTRACK. */
	if (op->mem.type != ZYDIS_MEMOP_TYPE_AGEN && !(z->attributes & ZYDIS_ATTRIB_HAS_NOTRACK) &&
	    insn->seg != reg_id(op->mem.segment))
		FAIL(bytes, mode, "seg", insn->seg, reg_id(op->mem.segment));
	if (insn->addrsize * 8 != z->address_width)
		FAIL(bytes, mode, "addrsize", insn->addrsize * 8, z->address_width);
}

/*
 * Is the operand size the same thing in both? Vector instructions have 66 as part of the opcode;
 * Zydis says what Intel CPUs make of near branches with 66; ports are at most 4 bytes wide.
 */
static bool has_opsize(const ZydisDecodedInstruction *z)
{
	u8 op = z->opcode;

	if (z->operand_width == 8)
		return false;
	if (z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
		return z->meta.category != ZYDIS_CATEGORY_UNCOND_BR &&
		       z->meta.category != ZYDIS_CATEGORY_COND_BR &&
		       z->meta.category != ZYDIS_CATEGORY_CALL &&
		       z->meta.category != ZYDIS_CATEGORY_RET && op != 0xe5 && op != 0xe7 &&
		       op != 0xed && op != 0xef;
	return z->opcode_map == ZYDIS_OPCODE_MAP_0F &&
	       ((op >= 0x20 && op <= 0x23) || (op & 0xf0) == 0x40 || op == 0xa3 || op == 0xab ||
		op == 0xb3 || (op >= 0xba && op <= 0xbf) || op == 0xb6 || op == 0xb7);
}

static void compare_legacy(const struct insn *insn, const ZydisDecodedInstruction *z,
			   const ZydisDecodedOperand *ops, const u8 *bytes, int mode)
{
	u64 imm_mask = z->raw.imm[0].size ? BITS(z->raw.imm[0].size - 1, 0) : 0;

	compare_prefixes(insn, z, bytes, mode);
	if (insn->map != (int)z->opcode_map)
		FAIL(bytes, mode, "map", insn->map, z->opcode_map);
	if (insn->opcode != z->opcode)
		FAIL(bytes, mode, "opcode", insn->opcode, z->opcode);
	if (insn->has_modrm != !!(z->attributes & ZYDIS_ATTRIB_HAS_MODRM))
		FAIL(bytes, mode, "modrm", insn->has_modrm, !insn->has_modrm);
	if (z->attributes & ZYDIS_ATTRIB_HAS_REX &&
	    insn->reg != (insn->has_modrm ? z->raw.modrm.reg + 8 * z->raw.rex.R : 0))
		FAIL(bytes, mode, "reg", insn->reg, z->raw.modrm.reg + 8 * z->raw.rex.R);
	if (insn->has_modrm && !insn->mem && insn->rm != z->raw.modrm.rm + 8 * z->raw.rex.B)
		FAIL(bytes, mode, "rm", insn->rm, z->raw.modrm.rm + 8 * z->raw.rex.B);
	if (has_opsize(z) && insn->opsize * 8 != z->operand_width)
		FAIL(bytes, mode, "opsize", insn->opsize * 8, z->operand_width);
	if (z->raw.imm[0].size && (insn->imm ^ z->raw.imm[0].value.u) & imm_mask)
		FAIL(bytes, mode, "imm", insn->imm, z->raw.imm[0].value.u);
	for (int i = 0; i < z->operand_count_visible; i++) {
		/* MPX ignores 67. */
		if (ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY && !zydis_errs(z) &&
		    ops[i].visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT &&
		    z->meta.category != ZYDIS_CATEGORY_MPX)
			compare_mem(insn, z, &ops[i], bytes, mode);
	}
}

/* Outside of 64-bit mode the registers beyond the eighth are not there, nor W where it is ignored. */
static void compare_vex(const struct insn *insn, const ZydisDecodedInstruction *z,
			const ZydisDecodedOperand *ops, const u8 *bytes, int mode)
{
	int r = mode == INSN_64 ? 8 * !z->raw.vex.R : 0, mask = mode == INSN_64 ? 15 : 7;

	if (insn->map != (int)z->opcode_map || insn->opcode != z->opcode)
		FAIL(bytes, mode, "opcode", insn->opcode, z->opcode);
	if (insn->pp != z->raw.vex.pp)
		FAIL(bytes, mode, "pp", insn->pp, z->raw.vex.pp);
	if (insn->wide != z->raw.vex.L)
		FAIL(bytes, mode, "L", insn->wide, z->raw.vex.L);
	if (insn->vvvv != (~z->raw.vex.vvvv & mask))
		FAIL(bytes, mode, "vvvv", insn->vvvv, ~z->raw.vex.vvvv & mask);
	if (mode == INSN_64 && !!(insn->rex & INSN_REX_W) != z->raw.vex.W)
		FAIL(bytes, mode, "W", insn->rex, z->raw.vex.W);
	if (insn->has_modrm && insn->reg != z->raw.modrm.reg + r)
		FAIL(bytes, mode, "reg", insn->reg, z->raw.modrm.reg + r);
	for (int i = 0; i < z->operand_count_visible; i++) {
		if (ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    ops[i].mem.type == ZYDIS_MEMOP_TYPE_MEM && !zydis_errs(z))
			compare_mem(insn, z, &ops[i], bytes, mode);
	}
}

/* Every shorter buffer must be told from a whole instruction; on the heap for the sanitizer. */
static void check_truncated(const u8 *bytes, unsigned int len, int mode)
{
	struct insn insn;

	for (unsigned int n = 0; n < len; n++) {
		u8 *copy = malloc(n ? n : 1);

		memcpy(copy, bytes, n);
		if (insn_decode(&insn, copy, n, (enum insn_mode)mode) != E_RANGE)
			FAIL(bytes, mode, "truncated", n, len);
		free(copy);
	}
}

static void compare(const u8 *bytes, int mode)
{
	ZydisDecodedInstruction z;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	struct insn insn;
	int err = insn_decode(&insn, bytes, ANY_LEN, (enum insn_mode)mode);
	ZyanStatus status = ZydisDecoderDecodeFull(&decoders[mode], bytes, ANY_LEN, &z, ops);

	compared++;
	if (!ZYAN_SUCCESS(status)) {
		only_ours += err == 0;
		if (status == ZYDIS_STATUS_NO_MORE_DATA && !err)
			FAIL(bytes, mode, "length where Zydis wants more", insn.len, 0);
		return;
	}
	if (refuse_on_purpose(&z, mode)) {
		refused++;
		if (err != E_INVAL)
			FAIL(bytes, mode, "not refused", err, 0);
		return;
	}
	if (err)
		FAIL(bytes, mode, "refused", err, z.length);
	if (insn.len != z.length)
		FAIL(bytes, mode, "length", insn.len, z.length);
	if (insn.vex != (z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX ||
			 z.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX))
		FAIL(bytes, mode, "vex", insn.vex, z.encoding);
	if (z.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		compare_legacy(&insn, &z, ops, bytes, mode);
	if (z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX)
		compare_vex(&insn, &z, ops, bytes, mode);
	if (insn.evex != (z.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX))
		FAIL(bytes, mode, "evex", insn.evex, z.encoding);
	if (compared % 16 == 0)
		check_truncated(bytes, insn.len, mode);
}
