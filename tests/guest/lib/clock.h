/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time by the ACPI PM timer: 24 bits at 3.579545 MHz.
 */
#pragma once

#include "tests/guest/lib/x86.h"

#define PM_TIMER_HZ 3579545u
#define PM_TIMER_MASK 0xffffffu

static inline u32 pm_timer(void)
{
	return inl(PORT_PM_TIMER) & PM_TIMER_MASK;
}

/* Ticks since start; right for less than 4.6 seconds. */
static inline u32 pm_timer_since(u32 start)
{
	return (pm_timer() - start) & PM_TIMER_MASK;
}

/* Up to 4 million microseconds; 1 us is 3.58 ticks. */
static inline u32 pm_timer_ticks(u32 us)
{
	return us / 100 * 358 + us % 100 * 358 / 100;
}

static inline void clock_wait_us(u32 us)
{
	u32 start = pm_timer();

	while (pm_timer_since(start) < pm_timer_ticks(us))
		asm volatile("pause");
}

/*
 * Poll until condition, for up to two seconds: what a device does by itself can come late when
 * the host is busy. The condition's last value.
 */
#define WAIT_FOR(condition)                                                               \
	({                                                                                \
		u32 _start = pm_timer();                                                  \
		bool _met;                                                                \
                                                                                          \
		while (!(_met = (condition)) && pm_timer_since(_start) < 2 * PM_TIMER_HZ) \
			asm volatile("pause");                                            \
		_met;                                                                     \
	})
