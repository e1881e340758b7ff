/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of device models: port and register access, a recorded interrupt line, time that
 * runs from deadline to deadline, and a guest that does anything at all.
 */
#pragma once

#include "host.h"

#include "vm/io.h"
#include "vm/timer.h"

static inline u64 dev_read(const struct io_ops *ops, void *dev, u64 offset, unsigned int size)
{
	u64 value = ops->read(dev, offset, size);

	if (size < 8)
		assert_int_equal(value >> (8 * size), 0);
	return value;
}

static inline u8 in8(const struct io_ops *ops, void *dev, u64 offset)
{
	return (u8)dev_read(ops, dev, offset, 1);
}

static inline void out8(const struct io_ops *ops, void *dev, u64 offset, unsigned int value)
{
	ops->write(dev, offset, 1, value & 0xff);
}

/* What a device does to its line. */
struct line_probe {
	bool level;
	unsigned int rises;
	unsigned int pin;
};

static inline void line_probe_set(void *ctx, unsigned int pin, bool level)
{
	struct line_probe *probe = ctx;

	if (level && !probe->level)
		probe->rises++;
	probe->level = level;
	probe->pin = pin;
}

static inline struct irq_line line_probe_init(struct line_probe *probe, unsigned int pin)
{
	*probe = (struct line_probe){ 0 };
	return (struct irq_line){ .set = line_probe_set, .ctx = probe, .pin = pin };
}

/* Let time pass up to when, and each timer run at its deadline. How often some did. */
static inline u64 run_until(struct timer_queue *queue, u64 when)
{
	u64 runs = 0;

	while (timer_queue_next(queue) <= when) {
		if (timer_queue_next(queue) > host_clock_ns)
			host_clock_ns = timer_queue_next(queue);
		timer_queue_run(queue, host_clock_ns);
		runs++;
	}
	if (when > host_clock_ns)
		host_clock_ns = when;
	return runs;
}

static inline u64 test_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/*
 * A hostile guest: count random accesses of all sizes in and around a range of len, while time
 * passes in steps short and long, now and then backwards as between two CPUs.
 */
static inline void hammer(const struct io_ops *ops, void *dev, u64 len, struct timer_queue *queue,
			  u64 *random, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		u64 r = test_random(random), offset = (r >> 8) % len;
		unsigned int size = 1u << (r & 3);
		u64 value = test_random(random) >> (r >> 58);

		if ((r >> 40) % 4)
			ops->write(dev, offset, size, value);
		else
			dev_read(ops, dev, offset, size);
		if ((r >> 42) % 16 == 0)
			dev_read(ops, dev, test_random(random), size);
		if ((r >> 42) % 16 == 1)
			ops->write(dev, test_random(random), size, value);
		if ((r >> 46) % 8 == 0 && host_clock_ns > 1000)
			host_clock_ns -= (r >> 50) % 500;
		else
			host_clock_ns += test_random(random) % (1ull << (r >> 49) % 36);
		if (queue && (r >> 56) % 2)
			timer_queue_run(queue, host_clock_ns);
	}
}
