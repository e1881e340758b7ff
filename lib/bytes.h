/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A view of bytes that somebody else wrote, and little-endian fields read from it. A
 * field that is not wholly inside reads as 0, so a parser that forgets a check gets a
 * wrong value at worst, never another object's memory. Owns nothing.
 */
#pragma once

#include "lib/types.h"

struct bytes {
	const u8 *data;
	u64 len;
};

/* Are the len bytes at offset all inside? */
static inline bool bytes_has(struct bytes view, u64 offset, u64 len)
{
	return offset <= view.len && len <= view.len - offset;
}

/* len bytes at offset as a view of their own; an empty one when they are not all inside. */
static inline struct bytes bytes_slice(struct bytes view, u64 offset, u64 len)
{
	if (!bytes_has(view, offset, len))
		return (struct bytes){ .data = view.data, .len = 0 };
	return (struct bytes){ .data = view.data + offset, .len = len };
}

/* The little-endian number in the size (1..8) bytes at offset. */
static inline u64 bytes_get(struct bytes view, u64 offset, unsigned int size)
{
	u64 value = 0;

	if (!bytes_has(view, offset, size))
		return 0;
	for (unsigned int i = 0; i < size; i++)
		value |= (u64)view.data[offset + i] << (8 * i);
	return value;
}

static inline u8 bytes_u8(struct bytes view, u64 offset)
{
	return (u8)bytes_get(view, offset, 1);
}

static inline u16 bytes_u16(struct bytes view, u64 offset)
{
	return (u16)bytes_get(view, offset, 2);
}

static inline u32 bytes_u32(struct bytes view, u64 offset)
{
	return (u32)bytes_get(view, offset, 4);
}

static inline u64 bytes_u64(struct bytes view, u64 offset)
{
	return bytes_get(view, offset, 8);
}
