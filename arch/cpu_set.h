/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of CPUs, by their index.
 */
#pragma once

#include "arch/percpu.h"

struct cpu_set {
	u64 bits[MAX_CPUS / 64];
};

static inline void cpu_set_add(struct cpu_set *set, u32 cpu)
{
	set->bits[cpu / 64] |= 1ull << cpu % 64;
}

static inline void cpu_set_remove(struct cpu_set *set, u32 cpu)
{
	set->bits[cpu / 64] &= ~(1ull << cpu % 64);
}

static inline bool cpu_set_has(const struct cpu_set *set, u32 cpu)
{
	return set->bits[cpu / 64] >> cpu % 64 & 1;
}

static inline void cpu_set_fill(struct cpu_set *set)
{
	for (u32 i = 0; i < MAX_CPUS / 64; i++)
		set->bits[i] = ~0ull;
}

/* The first in it from cpu on, or MAX_CPUS. */
static inline u32 cpu_set_next(const struct cpu_set *set, u32 cpu)
{
	while (cpu < MAX_CPUS && !cpu_set_has(set, cpu))
		cpu++;
	return cpu;
}
