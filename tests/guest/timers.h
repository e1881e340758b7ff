/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the files of the guest that tests the 8254 and the RTC by their interrupts and outputs.
 */
#pragma once

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/x86.h"

/* So many interrupts, which *irqs counts, have come; interrupts are on meanwhile. */
static inline bool wait_irqs(const volatile u32 *irqs, u32 count)
{
	bool met;

	irq_enable();
	met = WAIT_FOR(*irqs >= count);
	irq_disable();
	return met;
}

void test_channel2(void);
void test_latches(void);
void test_rtc(void);
