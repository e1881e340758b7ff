/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment selectors and the 8-byte descriptors they name, as the manuals draw them.
 */
#pragma once

#include "vm/regs.h"

#define SELECTOR_RPL 3u
#define SELECTOR_LDT 4u
#define SELECTOR_INDEX(selector) ((selector) & ~7u)
#define SELECTOR_IS_NULL(selector) (((selector) & ~SELECTOR_RPL) == 0)

#define DESC_TYPE(desc) ((u32)((desc) >> 40) & 15u)
#define DESC_DPL(desc) ((u32)((desc) >> 45) & 3u)
#define DESC_S BIT(44)
#define DESC_P BIT(47)
#define DESC_G BIT(55)
#define DESC_ACCESSED BIT(40)
#define DESC_BUSY BIT(41)

/* Of code and data (DESC_S): bits of the type. */
#define TYPE_CODE 8u
#define TYPE_CONFORMING 4u /* code */
#define TYPE_EXPAND_DOWN 4u /* data */
#define TYPE_WRITE_OR_READ 2u /* data: writable, code: readable */

/* Of system descriptors. */
#define TYPE_TSS16 1u
#define TYPE_LDT 2u
#define TYPE_BUSY 2u /* added to a TSS's */
#define TYPE_CALL_GATE16 4u
#define TYPE_TASK_GATE 5u
#define TYPE_INTR_GATE16 6u
#define TYPE_TSS32 9u
#define TYPE_CALL_GATE32 12u

/* The hidden part that a CPU loads from desc. */
static inline struct segment desc_unpack(u64 desc, u32 selector)
{
	u32 limit = (u32)(desc & 0xffff) | ((u32)(desc >> 32) & 0xf0000);

	return (struct segment){
		.selector = (u16)selector,
		.attr = (u16)(((desc >> 40) & 0xff) | (desc >> 44 & 0xf00)),
		.limit = desc & DESC_G ? limit << 12 | 0xfff : limit,
		.base = (desc >> 16 & 0xffffff) | (desc >> 32 & 0xff000000),
	};
}

/* Do size bytes from offset (up to 32 bits) on lie within seg? Not for 64-bit mode. */
static inline bool segment_holds(const struct segment *seg, u64 offset, unsigned int size)
{
	u64 last = offset + size - 1;

	if ((seg->attr & (TYPE_CODE | TYPE_EXPAND_DOWN)) == TYPE_EXPAND_DOWN)
		return offset > seg->limit && last <= (seg->attr & SEG_ATTR_DB ? ~0u : 0xffffu);
	return last <= seg->limit;
}

/* In protected mode: may it be read, or written? */
static inline bool segment_allows(const struct segment *seg, bool write)
{
	bool code = seg->attr & TYPE_CODE, bit = seg->attr & TYPE_WRITE_OR_READ;

	if (!(seg->attr & SEG_ATTR_P))
		return false;
	return write ? !code && bit : !code || bit;
}

/* What loading selector makes of a segment register in real and in virtual-8086 mode. */
static inline u64 selector_real_base(u32 selector)
{
	return (u64)(selector & 0xffff) << 4;
}

#define SEG_V8086_LIMIT 0xffffu
#define SEG_V8086_ATTR 0xf3u /* present, DPL 3, writable and accessed data */
