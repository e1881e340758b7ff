/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers of one VM's devices: a queue sorted by deadline. The CPU that runs the
 * VM programs its own timer to the earliest deadline and runs what has expired.
 */
#pragma once

#include "arch/lock.h"
#include "lib/list.h"

#define TIMER_NEVER (~0ull)

struct timer_queue {
	struct spinlock lock;
	struct list timers; /* [lock] armed timers, earliest first */
	u64 next; /* [atomic] the earliest deadline, or TIMER_NEVER */
};

struct timer {
	struct timer_queue *queue; /* [const] */
	void (*fn)(struct timer *timer); /* [const] called without the queue's lock */
	u64 deadline; /* [queue] in clock_ns() time */
	struct list node; /* [queue] */
};

void timer_queue_init(struct timer_queue *queue);
void timer_init(struct timer *timer, struct timer_queue *queue, void (*fn)(struct timer *));

/* Arm, or move, to an absolute clock_ns() deadline; one in the past expires at the next run. */
void timer_arm(struct timer *timer, u64 deadline);
void timer_cancel(struct timer *timer);
bool timer_armed(const struct timer *timer);

/* The earliest deadline, TIMER_NEVER when nothing is armed. Needs no lock. */
static inline u64 timer_queue_next(const struct timer_queue *queue)
{
	return atomic_load(&queue->next);
}

/* Disarm and call each timer whose deadline is at or before now, earliest first. */
void timer_queue_run(struct timer_queue *queue, u64 now);
