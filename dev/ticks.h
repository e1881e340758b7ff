/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between clock_ns() time and the ticks of a device's clock, exactly, for any u64 time: a
 * device that derives its counter from the absolute time never drifts. hz is a constant
 * of at most some GHz; the products below stay within 64 bits.
 */
#pragma once

#include "arch/clock.h"

/* Ticks completed at time ns. */
static inline u64 ns_to_ticks(u64 ns, u64 hz)
{
	return ns / NS_PER_SEC * hz + ns % NS_PER_SEC * hz / NS_PER_SEC;
}

/* The first time at which ns_to_ticks() gives ticks. */
static inline u64 ticks_to_ns(u64 ticks, u64 hz)
{
	return ticks / hz * NS_PER_SEC + (ticks % hz * NS_PER_SEC + hz - 1) / hz;
}

/* Time gone by since start; 0 when another CPU's clock, ahead of this one's, set start. */
static inline u64 ticks_since(u64 now, u64 start)
{
	return (s64)(now - start) > 0 ? now - start : 0;
}
