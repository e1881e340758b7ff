/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RTC, and the memory behind its registers.
 */
#pragma once

#include "tests/guest/lib/x86.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define RTC_A 0x0a
#define RTC_B 0x0b
#define RTC_C 0x0c
#define RTC_PERIODIC 0x40 /* in B and C */

static inline u8 cmos_read(u8 index)
{
	outb(CMOS_INDEX, index);
	return inb(CMOS_DATA);
}

static inline void cmos_write(u8 index, u8 value)
{
	outb(CMOS_INDEX, index);
	outb(CMOS_DATA, value);
}
