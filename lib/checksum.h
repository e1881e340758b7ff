/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checksum of firmware tables: the sum of all bytes, which is 0 in a sound table.
 */
#pragma once

#include "lib/types.h"

static inline u8 checksum_bytes(const void *data, u64 len)
{
	const u8 *bytes = data;
	u8 sum = 0;

	for (u64 i = 0; i < len; i++)
		sum = (u8)(sum + bytes[i]);
	return sum;
}
