/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PIT under test: its ports as a guest uses them.
 */
#pragma once

#include "dev_fixture.h"

#include <string.h>

#include "dev/pit.h"
#include "dev/ticks.h"

#define COUNT 4773u /* 250 Hz */
#define PERIOD_NS (ticks_to_ns(COUNT, PIT_HZ))

static struct timer_queue queue;
static struct pit pit;

static inline void pit_start(struct irq_line irq, bool (*busy)(void *ctx))
{
	host_clock_ns = 0;
	memset(&pit, 0xa5, sizeof(pit));
	timer_queue_init(&queue);
	pit_init(&pit, irq, busy, &queue);
}

static inline void out(u64 port, unsigned int value)
{
	out8(&pit_io, &pit, port, value);
}

static inline u8 in(u64 port)
{
	return in8(&pit_io, &pit, port);
}

/* Control word for channel with access low-high, and a count; the clock loads it one tick later. */
static inline void program(unsigned int channel, unsigned int mode, unsigned int count)
{
	out(3, channel << 6 | 0x30 | mode << 1);
	out(channel, count & 0xff);
	out(channel, count >> 8 & 0xff);
}

static inline unsigned int latched(unsigned int channel)
{
	unsigned int low;

	out(3, channel << 6);
	low = in(channel);
	return low | (unsigned int)in(channel) << 8;
}

/* Edge number n of a periodic channel programmed with COUNT at time 0. */
static inline u64 edge_ns(u64 n)
{
	return ticks_to_ns(1 + n * COUNT, PIT_HZ);
}

/* Time passes to shortly after edge n. */
static inline u64 past_edge(u64 n)
{
	return run_until(&queue, edge_ns(n) + 1000);
}
