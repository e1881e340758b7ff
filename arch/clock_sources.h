/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the TSC can be calibrated by, in the order in which it is tried.
 */
#pragma once

#include "arch/cpu.h"
#include "lib/types.h"

enum clock_source {
	CLOCK_AUTO,
	CLOCK_PM_TIMER,
	CLOCK_HPET,
	CLOCK_CPUID, /* the frequency that leaf 15h gives */
	CLOCK_PIT,
	CLOCK_SOURCES
};

/* As the word clock= has them. */
extern const char *const clock_source_names[CLOCK_SOURCES];

/* Where they are. */
struct clock_hardware {
	u16 pm_timer; /* I/O port, 0: none */
	volatile u32 *hpet; /* registers, NULL: none */
};

/* The TSC's frequency as leaf 15h of CPUID has it; 0 when it is incomplete or makes no sense. */
u64 clock_cpuid_hz(const struct cpuid *leaf15);

/* How many ticks of TSC and local APIC timer so many nanoseconds have. */
struct clock_ratio {
	u64 ns, tsc_ticks;
	u32 apic_ticks;
};

/* Measure by one source, over 10 ms. False: it is not there, or does not count. */
bool clock_calibrate(enum clock_source source, const struct clock_hardware *hardware,
		     struct clock_ratio *ratio);
