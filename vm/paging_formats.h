/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formats of guest page tables as data, for the one walker in paging.c.
 *
 *	          level 5     4     3     2     1    entries   large leaves
 *	32-bit                           10    10    4 bytes   4 MiB with CR4.PSE, 40-bit addresses
 *	PAE                         2     9     9    8 bytes   2 MiB
 *	4-level             9       9     9     9    8 bytes   2 MiB, 1 GiB
 *	5-level     9       9       9     9     9    8 bytes   2 MiB, 1 GiB
 */
#pragma once

#include "lib/addr.h"

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_PS BIT(7)
#define PTE_NX BIT(63)

#define ADDR_MASK BITS(51, 12)
#define MAX_DEPTH 5u

struct pt_level {
	u8 shift; /* of the index in the address, and so log2 of what an entry maps */
	u64 stop; /* P, and what makes an entry more than a plain one when set: PS, reserved bits */
	u64 large; /* the bit that makes an entry a leaf at this level, or 0 */
	u64 large_rsvd; /* what such a leaf reserves besides */
	u64 implied; /* rights that entries of this level do not have, and do not take away */
};

struct pt_format {
	u8 depth, entry_size;
	u16 index_mask;
	u64 gva_mask; /* narrower addresses wrap around */
	u64 root_mask; /* the part of CR3 that is the root's address */
	u64 pse36; /* bits of a large leaf that are bits 39:32 of its address, or 0 */
	struct pt_level level[MAX_DEPTH]; /* [0] is level 1 */
};

/* Levels of 64-bit formats, named after their tables; a page is 2^size_bits bytes. */
/* clang-format off */
#define LEVEL_LARGE(size_bits) \
	{ .shift = (size_bits), .stop = PTE_P | PTE_PS, .large = PTE_PS, \
	  .large_rsvd = BITS((size_bits) - 1, 13) }
#define LEVEL_PT { .shift = 12, .stop = PTE_P }
#define LEVEL_PD LEVEL_LARGE(21)
#define LEVEL_PDPT LEVEL_LARGE(30)
#define LEVEL_PML4 { .shift = 39, .stop = PTE_P | PTE_PS }
#define LEVEL_PML5 { .shift = 48, .stop = PTE_P | PTE_PS }
/* clang-format on */

static const struct pt_format format_4level = {
	.depth = 4,
	.entry_size = 8,
	.index_mask = 511,
	.gva_mask = ~0ull,
	.root_mask = ADDR_MASK,
	.level = { LEVEL_PT, LEVEL_PD, LEVEL_PDPT, LEVEL_PML4 },
};

static const struct pt_format format_5level = {
	.depth = 5,
	.entry_size = 8,
	.index_mask = 511,
	.gva_mask = ~0ull,
	.root_mask = ADDR_MASK,
	.level = { LEVEL_PT, LEVEL_PD, LEVEL_PDPT, LEVEL_PML4, LEVEL_PML5 },
};

/* gva_mask leaves two bits for the index into the root, which is 32-byte aligned. */
#define PAE_RSVD BITS(62, 52)
static const struct pt_format format_pae = {
	.depth = 3,
	.entry_size = 8,
	.index_mask = 511,
	.gva_mask = BITS(31, 0),
	.root_mask = BITS(31, 5),
	.level = {
		{ .shift = 12, .stop = PTE_P | PAE_RSVD },
		{ .shift = 21, .stop = PTE_P | PTE_PS | PAE_RSVD, .large = PTE_PS,
		  .large_rsvd = BITS(20, 13) },
		/* Bit 5 is reserved too, but CPUs have been seen to set it, as "accessed". */
		{ .shift = 30, .stop = PTE_P | BITS(2, 1) | BITS(8, 6) | PTE_NX | PAE_RSVD,
		  .implied = PTE_W | PTE_U },
	},
};

static const struct pt_format format_32bit = {
	.depth = 2,
	.entry_size = 4,
	.index_mask = 1023,
	.gva_mask = BITS(31, 0),
	.root_mask = BITS(31, 12),
	.level = { LEVEL_PT, { .shift = 22, .stop = PTE_P } },
};

static const struct pt_format format_32bit_pse = {
	.depth = 2,
	.entry_size = 4,
	.index_mask = 1023,
	.gva_mask = BITS(31, 0),
	.root_mask = BITS(31, 12),
	.pse36 = BITS(20, 13),
	.level = {
		LEVEL_PT,
		{ .shift = 22, .stop = PTE_P | PTE_PS, .large = PTE_PS, .large_rsvd = BIT(21) },
	},
};
