/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the TSC can be calibrated by: the names, and the one that needs no measuring. Pure
 * functions; the ones that measure are in clock_calibrate.c.
 */
#include "arch/clock_sources.h"

/* No TSC is slower or faster: what says so is not believed. */
#define MIN_TSC_HZ 100000000ull
#define MAX_TSC_HZ 20000000000ull

const char *const clock_source_names[CLOCK_SOURCES] = {
	[CLOCK_AUTO] = "auto",   [CLOCK_PM_TIMER] = "pm-timer", [CLOCK_HPET] = "hpet",
	[CLOCK_CPUID] = "cpuid", [CLOCK_PIT] = "pit",
};

u64 clock_cpuid_hz(const struct cpuid *leaf15)
{
	u64 hz;

	if (!leaf15->eax || !leaf15->ebx || !leaf15->ecx)
		return 0;
	/* Both factors have 32 bits: no overflow. */
	hz = (u64)leaf15->ecx * leaf15->ebx / leaf15->eax;
	return hz >= MIN_TSC_HZ && hz <= MAX_TSC_HZ ? hz : 0;
}
