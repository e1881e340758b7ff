/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The opcode maps as data. Rows are sixteen opcodes; the four-letter words below name an
 * attribute word each, so that a map can be compared with the one in the manual by eye.
 * The 0F38 and 0F3A maps need no table: all of 0F38 has a ModRM byte, all of 0F3A has a
 * ModRM byte and an 8-bit immediate.
 */
#include "vm/insn_tables.h"

#define ____ 0 /* no operand bytes */
#define M___ INSN_MODRM
#define M_S8 (INSN_MODRM | IMM_S8)
#define M_U8 (INSN_MODRM | IMM_U8)
#define M__Z (INSN_MODRM | IMM_Z)
#define M_T8 (INSN_MODRM | IMM_TEST8)
#define M_TZ (INSN_MODRM | IMM_TESTZ)
#define MN__ (INSN_MODRM | INSN_NATIVE)
#define MNS4 (INSN_MODRM | INSN_NATIVE | IMM_SSE4A)
#define MREP (INSN_MODRM | INSN_REP_ONLY)
#define M82_ (INSN_MODRM | INSN_NOT64 | IMM_S8)
#define CRDR (INSN_MODRM | INSN_NATIVE | INSN_REGFORM)
#define G___ (INSN_MODRM | INSN_GROUP)
#define G_S8 (INSN_MODRM | INSN_GROUP | IMM_S8)
#define G_U8 (INSN_MODRM | INSN_GROUP | IMM_U8)
#define G__Z (INSN_MODRM | INSN_GROUP | IMM_Z)
#define GVEX (INSN_MODRM | INSN_GROUP | INSN_VEX)
#define I_S8 IMM_S8
#define I_U8 IMM_U8
#define I16D (IMM_U16 | INSN_DEF64)
#define I_16 IMM_U16
#define I__Z IMM_Z
#define I__V IMM_V
#define IS8D (IMM_S8 | INSN_DEF64)
#define I_ZD (IMM_Z | INSN_DEF64)
#define REL_ (IMM_REL | INSN_DEF64)
#define ENTR (IMM_ENTER | INSN_DEF64)
#define MOFF IMM_MOFFS
#define DEF_ INSN_DEF64
#define NOT_ INSN_NOT64
#define N_U8 (INSN_NOT64 | IMM_U8)
#define N_S8 (INSN_NOT64 | IMM_S8)
#define NFAR (INSN_NOT64 | IMM_FAR)
#define PFX_ INSN_PREFIX
#define BAD_ INSN_INVALID
#define ESC_ INSN_ESCAPE

/* clang-format off */
const u16 insn_map0[256] = {
	/* 00 */ M___, M___, M___, M___, I_S8, I__Z, NOT_, NOT_,
	/* 08 */ M___, M___, M___, M___, I_S8, I__Z, NOT_, BAD_, /* 0F: the escape to map 1 */
	/* 10 */ M___, M___, M___, M___, I_S8, I__Z, NOT_, NOT_,
	/* 18 */ M___, M___, M___, M___, I_S8, I__Z, NOT_, NOT_,
	/* 20 */ M___, M___, M___, M___, I_S8, I__Z, PFX_, NOT_,
	/* 28 */ M___, M___, M___, M___, I_S8, I__Z, PFX_, NOT_,
	/* 30 */ M___, M___, M___, M___, I_S8, I__Z, PFX_, NOT_,
	/* 38 */ M___, M___, M___, M___, I_S8, I__Z, PFX_, NOT_,
	/* 40 */ PFX_, PFX_, PFX_, PFX_, PFX_, PFX_, PFX_, PFX_,
	/* 48 */ PFX_, PFX_, PFX_, PFX_, PFX_, PFX_, PFX_, PFX_,
	/* 50 */ DEF_, DEF_, DEF_, DEF_, DEF_, DEF_, DEF_, DEF_,
	/* 58 */ DEF_, DEF_, DEF_, DEF_, DEF_, DEF_, DEF_, DEF_,
	/* 60 */ NOT_, NOT_, GVEX, M___, PFX_, PFX_, PFX_, PFX_,
	/* 68 */ I_ZD, M__Z, IS8D, M_S8, ____, ____, ____, ____,
	/* 70 */ IS8D, IS8D, IS8D, IS8D, IS8D, IS8D, IS8D, IS8D,
	/* 78 */ IS8D, IS8D, IS8D, IS8D, IS8D, IS8D, IS8D, IS8D,
	/* 80 */ M_S8, M__Z, M82_, M_S8, M___, M___, M___, M___,
	/* 88 */ M___, M___, M___, M___, G___, G___, G___, G___,
	/* 90 */ ____, ____, ____, ____, ____, ____, ____, ____,
	/* 98 */ ____, ____, NFAR, ____, DEF_, DEF_, ____, ____,
	/* a0 */ MOFF, MOFF, MOFF, MOFF, ____, ____, ____, ____,
	/* a8 */ I_S8, I__Z, ____, ____, ____, ____, ____, ____,
	/* b0 */ I_S8, I_S8, I_S8, I_S8, I_S8, I_S8, I_S8, I_S8,
	/* b8 */ I__V, I__V, I__V, I__V, I__V, I__V, I__V, I__V,
	/* c0 */ M_U8, M_U8, I16D, DEF_, GVEX, GVEX, G_S8, G__Z,
	/* c8 */ ENTR, DEF_, I_16, ____, ____, I_U8, NOT_, ____,
	/* d0 */ M___, M___, M___, M___, N_U8, N_S8, NOT_, ____,
	/* d8 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* e0 */ IS8D, IS8D, IS8D, IS8D, I_U8, I_U8, I_U8, I_U8,
	/* e8 */ REL_, REL_, NFAR, IS8D, ____, ____, ____, ____,
	/* f0 */ PFX_, ____, PFX_, PFX_, ____, ____, M_T8, M_TZ,
	/* f8 */ ____, ____, ____, ____, ____, ____, G___, G___,
};

const u16 insn_map1[256] = {
	/* 00 */ G___, M___, M___, M___, BAD_, DEF_, ____, ____,
	/* 08 */ ____, ____, BAD_, ____, BAD_, M___, ____, M_U8, /* 0F: 3DNow!, opcode last */
	/* 10 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* 18 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* 20 */ CRDR, CRDR, CRDR, CRDR, BAD_, BAD_, BAD_, BAD_,
	/* 28 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* 30 */ ____, ____, ____, ____, ____, ____, BAD_, ____,
	/* 38 */ ESC_, BAD_, ESC_, BAD_, BAD_, BAD_, BAD_, BAD_,
	/* 40 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* 48 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* 50 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* 58 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* 60 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* 68 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* 70 */ M_U8, G_U8, G_U8, G_U8, M___, M___, M___, ____,
	/* 78 */ MNS4, MN__, BAD_, BAD_, M___, M___, M___, M___,
	/* 80 */ REL_, REL_, REL_, REL_, REL_, REL_, REL_, REL_,
	/* 88 */ REL_, REL_, REL_, REL_, REL_, REL_, REL_, REL_,
	/* 90 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* 98 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* a0 */ DEF_, DEF_, ____, M___, M_U8, M___, G___, G___, /* A6, A7: PadLock */
	/* a8 */ DEF_, DEF_, ____, M___, M_U8, M___, M___, M___,
	/* b0 */ M___, M___, G___, M___, G___, G___, M___, M___,
	/* b8 */ MREP, M___, G_U8, M___, M___, M___, M___, M___,
	/* c0 */ M___, M___, M_U8, M___, M_U8, M_U8, M_U8, G___,
	/* c8 */ ____, ____, ____, ____, ____, ____, ____, ____,
	/* d0 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* d8 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* e0 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* e8 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* f0 */ M___, M___, M___, M___, M___, M___, M___, M___,
	/* f8 */ M___, M___, M___, M___, M___, M___, M___, M___,
};
/* clang-format on */

/* Searched from the start: what guests use on device memory comes first. */
const struct insn_group insn_groups[] = {
	{ .map = 0, .opcode = 0xc7, .mem = 0x01, .reg = 0x81 }, /* MOV, XBEGIN */
	{ .map = 0, .opcode = 0xc6, .mem = 0x01, .reg = 0x81 }, /* MOV, XABORT */
	{ .map = 0, .opcode = 0xff, .mem = 0x7f, .reg = 0x57, .def64 = 0x54 },
	{ .map = 1, .opcode = 0xba, .mem = 0xf0, .reg = 0xf0 }, /* BT, BTS, BTR, BTC */
	{ .map = 1, .opcode = 0xc7, .mem = 0xfa, .reg = 0xc0 }, /* CMPXCHG8B, RDRAND ... */
	{ .map = 0, .opcode = 0x62, .mem = 0xff }, /* BOUND */
	{ .map = 0, .opcode = 0x8c, .mem = 0x3f, .reg = 0x3f }, /* MOV from Sreg: six of them */
	{ .map = 0, .opcode = 0x8d, .mem = 0xff }, /* LEA */
	{ .map = 0, .opcode = 0x8e, .mem = 0x3d, .reg = 0x3d }, /* MOV to Sreg: not to CS */
	{ .map = 0, .opcode = 0x8f, .mem = 0x01, .reg = 0x01, .def64 = 0x01 }, /* POP; XOP */
	{ .map = 0, .opcode = 0xc4, .mem = 0xff }, /* LES */
	{ .map = 0, .opcode = 0xc5, .mem = 0xff }, /* LDS */
	{ .map = 0, .opcode = 0xfe, .mem = 0x03, .reg = 0x03 }, /* INC, DEC */
	{ .map = 1, .opcode = 0x00, .mem = 0x3f, .reg = 0x3f },
	{ .map = 1, .opcode = 0x71, .reg = 0x54 }, /* vector shifts */
	{ .map = 1, .opcode = 0x72, .reg = 0x54 },
	{ .map = 1, .opcode = 0x73, .reg = 0xcc },
	{ .map = 1, .opcode = 0xa6, .reg = 0x07 },
	{ .map = 1, .opcode = 0xa7, .reg = 0x3f },
	{ .map = 1, .opcode = 0xb2, .mem = 0xff }, /* LSS */
	{ .map = 1, .opcode = 0xb4, .mem = 0xff }, /* LFS */
	{ .map = 1, .opcode = 0xb5, .mem = 0xff }, /* LGS */
};

const unsigned int insn_group_count = ARRAY_SIZE(insn_groups);
