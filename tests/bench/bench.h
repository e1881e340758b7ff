/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the files of the bench guest measure: a sample is a number of TSC ticks, a line of the
 * output the median of many.
 */
#pragma once

#include "lib/types.h"

#define SAMPLES 401u

extern u32 samples[SAMPLES];

/* The low half: no operation takes 2^32 ticks. */
static inline u32 ticks(void)
{
	u32 low;

	asm volatile("rdtsc" : "=a"(low) : : "edx", "memory");
	return low;
}

/* Prints the median of the first count samples. */
void report(const char *name, u32 count);

#define BENCH(name, operation)                          \
	do {                                            \
		for (u32 _i = 0; _i < SAMPLES; _i++) {  \
			u32 _start = ticks();           \
                                                        \
			operation;                      \
			samples[_i] = ticks() - _start; \
		}                                       \
		report(name, SAMPLES);                  \
	} while (0)

/* bench_wake.c: a timer's interrupt after its time; an IPI to another vCPU. In x2APIC mode. */
void bench_timer(void);
void bench_other_vcpu(void);
