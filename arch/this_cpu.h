/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which CPU runs this code. Host tests replace this header by ones that know threads, or
 * simulated CPUs.
 */
#pragma once

struct percpu;

static inline struct percpu *this_cpu(void)
{
	struct percpu *cpu;

	/* Not volatile: the answer never changes on a CPU, so the compiler need not ask twice. */
	asm("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}
