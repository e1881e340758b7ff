/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers of one VM's devices: a queue sorted by deadline for each vCPU, whose CPU programs its own
 * timer to the earliest one and runs what has expired. All this is under the VM's dev_lock;
 * timer_queue_next() alone needs no lock.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/list.h"

#define TIMER_NEVER (~0ull)

struct timer_queue {
	struct list timers; /* armed timers, earliest first */
	u64 next; /* [atomic] the earliest deadline, or TIMER_NEVER */
};

struct timer {
	struct timer_queue *queue; /* [const] */
	void (*fn)(struct timer *timer); /* [const] */
	u64 deadline; /* in clock_ns() time */
	struct list node;
};

void timer_queue_init(struct timer_queue *queue);
void timer_init(struct timer *timer, struct timer_queue *queue, void (*fn)(struct timer *));

/* Arm, or move, to an absolute clock_ns() deadline; one in the past expires at the next run. */
void timer_arm(struct timer *timer, u64 deadline);
void timer_cancel(struct timer *timer);

static inline bool timer_armed(const struct timer *timer)
{
	return !list_empty(&timer->node);
}

/* The earliest deadline, TIMER_NEVER when nothing is armed. */
static inline u64 timer_queue_next(const struct timer_queue *queue)
{
	return atomic_load(&queue->next);
}

/* Disarm and call each timer whose deadline is at or before now, earliest first. */
void timer_queue_run(struct timer_queue *queue, u64 now);
