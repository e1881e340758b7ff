/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time: nanoseconds since start-up, from the TSC, which is calibrated against
 * a clock of known frequency. Host tests provide their own clock_ns().
 */
#pragma once

#include "arch/clock_sources.h"
#include "lib/types.h"

#define NS_PER_SEC 1000000000ull
#define NS_PER_MS 1000000ull

/*
 * Nanoseconds since clock_init(); monotonic on each CPU, and the same on all of them
 * (tsc_sync.h).
 */
u64 clock_ns(void);

/* What clock_ns() is, was or will be when the boot CPU's TSC is tsc. */
u64 clock_ns_at(u64 tsc);

/* Nanoseconds per TSC tick, with 32 fraction bits. */
u64 clock_ns_scale(void);

/* What clock_ns() gives at the earliest when this CPU's TSC has come to tsc; saturates. */
u64 clock_ns_deadline(u64 tsc);

/* TSC ticks per millisecond. */
u64 clock_tsc_khz(void);

/* Seconds since 1970-01-01 as the machine's RTC told at start-up. */
u64 clock_boot_epoch(void);

/*
 * Calibrate the TSC and the local APIC timer over 10 ms by the wanted source, or by the first
 * one that counts. Which that was is left in *used. False: none does.
 */
bool clock_init(enum clock_source wanted, const struct clock_hardware *hardware,
		enum clock_source *used);

/* Wait, for start-up protocols only. */
void clock_delay_us(u64 us);
