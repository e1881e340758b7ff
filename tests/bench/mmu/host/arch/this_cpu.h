/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bench's version of arch/this_cpu.h: there is one CPU, found by as many instructions as in the
 * kernel.
 */
#pragma once

struct percpu;

extern struct percpu *bench_cpu;

static inline struct percpu *this_cpu(void)
{
	struct percpu *cpu;

	__asm__("mov bench_cpu, %0" : "=r"(cpu));
	return cpu;
}
