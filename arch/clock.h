/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time: nanoseconds since start-up, from the TSC, which is calibrated against the
 * ACPI PM timer or the PIT. Host tests provide their own clock_ns().
 */
#pragma once

#include "lib/types.h"

#define NS_PER_SEC 1000000000ull
#define NS_PER_MS 1000000ull

/* Nanoseconds since clock_init(); monotonic on each CPU. */
u64 clock_ns(void);

/* TSC ticks per millisecond. */
u64 clock_tsc_khz(void);

/* Seconds since 1970-01-01 as the machine's RTC told at start-up. */
u64 clock_boot_epoch(void);

/*
 * Calibrate the TSC and the local APIC timer, over 10 ms, against the ACPI PM timer at
 * pm_timer_port, or against the PIT when that is 0. Returns what was used, for the boot log;
 * NULL when neither counts.
 */
const char *clock_init(u16 pm_timer_port);

/* Wait, for start-up protocols only. */
void clock_delay_us(u64 us);
