/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timers that one vCPU's CPU runs: a sorted list, and the earliest deadline once more in an
 * atomic word, so that the run loop reads it without a lock. There is a handful of timers, so a list
 * beats anything cleverer.
 */
#include "vm/timer.h"

static void publish_next(struct timer_queue *queue)
{
	u64 next = TIMER_NEVER;

	if (!list_empty(&queue->timers))
		next = list_first(&queue->timers, struct timer, node)->deadline;
	atomic_store(&queue->next, next);
}

void timer_queue_init(struct timer_queue *queue)
{
	list_init(&queue->timers);
	queue->next = TIMER_NEVER;
}

void timer_init(struct timer *timer, struct timer_queue *queue, void (*fn)(struct timer *))
{
	timer->queue = queue;
	timer->fn = fn;
	timer->deadline = TIMER_NEVER;
	list_init(&timer->node);
}

void timer_arm(struct timer *timer, u64 deadline)
{
	struct timer_queue *queue = timer->queue;
	struct timer *later;

	timer->deadline = deadline;
	/* Often it is there already, and the only one. */
	if (queue->timers.next == &timer->node && queue->timers.prev == &timer->node) {
		atomic_store(&queue->next, deadline);
		return;
	}
	list_remove(&timer->node);
	/* Behind its equals, so that timers with one deadline run in the order they were armed. */
	list_for_each(later, &queue->timers, node) {
		if (later->deadline > deadline)
			break;
	}
	list_insert_before(&later->node, &timer->node);
	publish_next(queue);
}

void timer_cancel(struct timer *timer)
{
	if (!timer_armed(timer))
		return;
	list_remove(&timer->node);
	publish_next(timer->queue);
}

static struct timer *take_first(struct timer_queue *queue)
{
	struct timer *first = list_first(&queue->timers, struct timer, node);

	list_remove(&first->node);
	publish_next(queue);
	return first;
}

/*
 * Each timer runs once at most: one that arms itself again in the past waits for the
 * next run, or a device with a short period could keep its CPU here for ever. While they
 * wait on the private list timers still count as armed, and can be cancelled or moved by
 * the functions of those before them.
 */
static void run_several(struct timer_queue *queue, struct timer *timer, u64 now)
{
	struct list expired = LIST_INIT(expired);

	list_push_back(&expired, &timer->node);
	while (queue->next <= now)
		list_push_back(&expired, &take_first(queue)->node);
	while (!list_empty(&expired)) {
		timer = list_first(&expired, struct timer, node);
		list_remove(&timer->node);
		timer->fn(timer);
	}
}

void timer_queue_run(struct timer_queue *queue, u64 now)
{
	struct timer *timer;

	if (queue->next > now)
		return;
	timer = take_first(queue);
	if (queue->next > now)
		timer->fn(timer);
	else
		run_several(queue, timer, now);
}
