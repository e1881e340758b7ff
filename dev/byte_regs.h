/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices with registers of one byte: a wider access is taken apart into bytes, lowest
 * first, as the ISA bus does it; what lies past the device's registers reads all-ones.
 */
#pragma once

#include "lib/types.h"

static inline u64 byte_regs_read(u8 (*read)(void *dev, u32 reg), void *dev, u32 regs, u64 offset,
				 unsigned int size)
{
	u64 value = 0;

	for (unsigned int i = 0; i < size && i < sizeof(value); i++) {
		u8 byte = offset < regs && offset + i < regs ? read(dev, (u32)offset + i) : 0xff;

		value |= (u64)byte << (8 * i);
	}
	return value;
}

static inline void byte_regs_write(void (*write)(void *dev, u32 reg, u8 value), void *dev, u32 regs,
				   u64 offset, unsigned int size, u64 value)
{
	for (unsigned int i = 0; i < size && i < sizeof(value); i++) {
		if (offset < regs && offset + i < regs)
			write(dev, (u32)offset + i, (u8)(value >> (8 * i)));
	}
}
