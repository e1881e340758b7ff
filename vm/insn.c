/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction decoder: prefixes, opcode, ModRM, displacement and immediate, driven by
 * the attribute words of insn_tables.c. Pure: no state, no guest access, no allocation. The
 * length is what must never be wrong, or the guest goes on in the middle of an instruction;
 * so what CPU vendors disagree about is refused. An undefined opcode is refused where the
 * tables know it; beyond that a valid length does not promise that a CPU would not raise #UD.
 *
 *	[prefixes] [REX] opcode [ModRM [SIB] [disp]] [imm]        opcode: op, 0F op, 0F 38 op, 0F 3A op
 *	           VEX or EVEX  opcode ModRM [SIB] [disp] [imm8]
 */
#include "vm/insn.h"

#include "lib/err.h"
#include "vm/insn_operands.h"
#include "vm/insn_tables.h"

/* Prefixes that make an instruction invalid before VEX and EVEX. */
#define PFX_NOT_VEX (INSN_PFX_OPSIZE | INSN_PFX_LOCK | INSN_PFX_REP | INSN_PFX_REPNE)

/* What an instruction is before its first byte has been seen. */
/* clang-format off */
#define START(op_size, address_size) \
	{ .opsize = (op_size), .addrsize = (address_size), .base = -1, .index = -1, .scale = 1, \
	  .seg = SEG_DS }
/* clang-format on */
static const struct insn insn_start[] = {
	[INSN_16] = START(2, 2),
	[INSN_32] = START(4, 4),
	[INSN_64] = START(4, 8),
};

static void take_segment(struct insn *insn, u8 byte, enum insn_mode mode)
{
	/* 26 2E 36 3E are ES CS SS DS, 64 65 are FS GS; 64-bit mode ignores the first four. */
	u8 seg = byte < 0x64 ? (u8)(byte >> 3 & 3) : (u8)(byte - 0x64 + SEG_FS);

	if (mode == INSN_64 && seg < SEG_FS)
		return;
	insn->seg = seg;
	insn->prefixes |= INSN_PFX_SEG;
}

static void take_prefix(struct insn *insn, u8 byte, enum insn_mode mode)
{
	u8 rep = INSN_PFX_REP | INSN_PFX_REPNE;

	insn->rex = 0; /* a REX that is not the last prefix does nothing */
	switch (byte) {
	case 0x66:
		insn->prefixes |= INSN_PFX_OPSIZE;
		break;
	case 0x67:
		insn->prefixes |= INSN_PFX_ADDRSIZE;
		break;
	case 0xf0:
		insn->prefixes |= INSN_PFX_LOCK;
		break;
	case 0xf2:
		insn->prefixes = (u8)((insn->prefixes & ~rep) | INSN_PFX_REPNE);
		break;
	case 0xf3:
		insn->prefixes = (u8)((insn->prefixes & ~rep) | INSN_PFX_REP);
		break;
	default:
		take_segment(insn, byte, mode);
	}
}

/* The offset of the first byte that is no prefix, which may be the end. */
static int decode_prefixes(struct insn *insn, struct insn_cursor cur)
{
	int at = 0;

	for (; at < cur.end; at++) {
		u8 byte = cur.bytes[at];

		if (!(insn_map0[byte] & INSN_PREFIX))
			break;
		if ((byte & 0xf0) != 0x40) {
			take_prefix(insn, byte, cur.mode);
			continue;
		}
		if (cur.mode != INSN_64)
			break; /* INC and DEC */
		insn->rex = byte;
	}
	if (insn->prefixes & INSN_PFX_OPSIZE)
		insn->opsize = insn->opsize == 2 ? 4 : 2;
	if (insn->rex & INSN_REX_W)
		insn->opsize = 8;
	if (insn->prefixes & INSN_PFX_ADDRSIZE)
		insn->addrsize = insn->addrsize == 4 ? 2 : 4;
	return at;
}

/*
 * The attributes of an opcode of the 0F map behind VEX or EVEX; pp stands for a 66, F3 or F2. The
 * vector instructions moved there as they were, with a ModRM byte and perhaps imm8.
 */
static u16 vex_attr_0f(u8 opcode, bool evex, u8 pp)
{
	u16 attr = insn_map1[opcode];

	if (!evex) {
		if (opcode == 0x77)
			return 0; /* VZEROUPPER, VZEROALL */
		if (!(attr & INSN_MODRM))
			return INSN_INVALID;
		/* Byte compares need pp = 66; without, one CPU family had jumps here. */
		if ((opcode & 0xfe) == 0x74 && !pp)
			return INSN_INVALID;
	}
	return (attr & INSN_IMM) == IMM_U8 ? INSN_MODRM | IMM_U8 : INSN_MODRM;
}

/* As vex_attr_0f, for any map. INSN_INVALID: no such map. */
static u16 vex_attr(const struct insn *insn, bool evex, u8 pp)
{
	switch (insn->map) {
	case 1:
		return vex_attr_0f(insn->opcode, evex, pp);
	case 2:
		return INSN_MODRM;
	case 3:
		return INSN_MODRM | IMM_U8;
	case 5:
	case 6:
		return evex ? INSN_MODRM : INSN_INVALID;
	default:
		return INSN_INVALID;
	}
}

/*
 * What VEX says besides the map: rxb has R X B in its upper bits, last is W vvvv L pp. Registers are
 * inverted, and those beyond the eighth are there in 64-bit mode only.
 */
static void take_vex(struct insn *insn, u8 rxb, u8 last, enum insn_mode mode)
{
	insn->wide = last & 4;
	insn->vvvv = (u8)(~last >> 3 & 15);
	if (mode == INSN_64)
		insn->rex = (u8)(0x40 | (last & 0x80) >> 4 | (~rxb >> 5 & 7));
	else
		insn->vvvv &= 7;
}

/* at is behind the C4, C5 or 62 that begins the prefix. */
static int decode_vex(struct insn *insn, struct insn_cursor cur, int at)
{
	u8 first = cur.bytes[at - 1], payload;
	int size = first == 0xc5 ? 1 : first == 0xc4 ? 2 : 3;
	u16 attr;

	if (insn->prefixes & PFX_NOT_VEX || insn->rex)
		return E_INVAL;
	if (cur.end - at <= size)
		return E_RANGE;
	payload = cur.bytes[at];
	insn->vex = true;
	insn->map = first == 0xc5 ? 1 : payload & 0x1f;
	if (first == 0x62) {
		insn->map = payload & 7;
		/* One bit is always 0, one always 1. */
		if (payload & 0x08 || !(cur.bytes[at + 1] & 0x04))
			return E_INVAL;
	}
	insn->opcode = cur.bytes[at + size];
	/* pp is in the low bits of the last payload byte of VEX, of the middle one of EVEX. */
	insn->pp = cur.bytes[at + (size > 1)] & 3;
	insn->evex = size == 3;
	attr = vex_attr(insn, insn->evex, insn->pp);
	if (attr & INSN_INVALID)
		return E_INVAL;
	/* C5 has R where C4 has W, and none of the others. */
	if (size == 1)
		take_vex(insn, payload | 0x60, payload & 0x7f, cur.mode);
	else if (size == 2)
		take_vex(insn, payload, cur.bytes[at + 1], cur.mode);
	return insn_decode_operands(insn, cur, at + size + 1, attr);
}

/* An instruction with more to it than its opcode. */
static int decode_rest(struct insn *insn, struct insn_cursor cur, int at, u16 attr)
{
	if (attr & INSN_VEX) {
		if (cur.mode != INSN_64 && at >= cur.end)
			return E_RANGE;
		if (cur.mode == INSN_64 || INSN_MODRM_MOD(cur.bytes[at]) == 3)
			return decode_vex(insn, cur, at);
	}
	if (attr & INSN_INVALID || (attr & INSN_NOT64 && cur.mode == INSN_64))
		return E_INVAL;
	if (attr & INSN_REP_ONLY && !(insn->prefixes & INSN_PFX_REP))
		return E_INVAL;
	return insn_decode_operands(insn, cur, at, attr);
}

/* As decode_opcode, at the escape byte 38 or 3A of the 0F map. */
static int decode_escape(struct insn *insn, struct insn_cursor cur, int at, u16 *attr)
{
	if (at >= cur.end)
		return E_RANGE;
	insn->map = cur.bytes[at - 1] == 0x38 ? 2 : 3;
	insn->opcode = cur.bytes[at];
	*attr = insn->map == 2 ? INSN_MODRM : INSN_MODRM | IMM_U8;
	return at + 1;
}

/* The offset behind the opcode, whose attributes are in *attr. */
static int decode_opcode(struct insn *insn, struct insn_cursor cur, int at, u16 *attr)
{
	u8 opcode;

	if (unlikely(at >= cur.end))
		return E_RANGE;
	opcode = cur.bytes[at++];
	*attr = insn_map0[opcode];
	if (opcode == 0x0f) {
		if (unlikely(at >= cur.end))
			return E_RANGE;
		insn->map = 1;
		opcode = cur.bytes[at++];
		*attr = insn_map1[opcode];
		if (unlikely(*attr & INSN_ESCAPE))
			return decode_escape(insn, cur, at, attr);
	}
	insn->opcode = opcode;
	return at;
}

int insn_decode(struct insn *insn, const u8 *bytes, size_t len, enum insn_mode mode)
{
	struct insn_cursor cur = {
		.bytes = bytes,
		.end = len < INSN_MAX_LEN ? (int)len : (int)INSN_MAX_LEN,
		.mode = mode,
	};
	u16 attr = 0;
	int at = 0;

	*insn = insn_start[mode];
	if (likely(cur.end) && insn_map0[bytes[0]] & INSN_PREFIX)
		at = decode_prefixes(insn, cur);
	at = decode_opcode(insn, cur, at, &attr);
	if (at < 0)
		return at;
	/* INC and DEC of the modes without REX look like prefixes in the table. */
	if (attr & ~INSN_PREFIX) {
		at = decode_rest(insn, cur, at, attr);
		if (at < 0)
			return at;
	}
	insn->len = (u8)at;
	return 0;
}
