/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer queue of one VM: a sorted list under the queue's own lock, and the earliest
 * deadline once more in an atomic word, so that the run loop reads it without a lock.
 * A VM has a handful of timers, so a list beats anything cleverer.
 */
#include "vm/timer.h"

/* Caller holds the lock. */
static void publish_next(struct timer_queue *queue)
{
	u64 next = TIMER_NEVER;

	if (!list_empty(&queue->timers))
		next = list_first(&queue->timers, struct timer, node)->deadline;
	atomic_store(&queue->next, next);
}

void timer_queue_init(struct timer_queue *queue)
{
	spin_init(&queue->lock, LOCK_TIMERS);
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

	spin_lock(&queue->lock);
	timer->deadline = deadline;
	/* Often it is there already, and the only one. */
	if (queue->timers.next == &timer->node && queue->timers.prev == &timer->node) {
		atomic_store(&queue->next, deadline);
		spin_unlock(&queue->lock);
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
	spin_unlock(&queue->lock);
}

void timer_cancel(struct timer *timer)
{
	struct timer_queue *queue = timer->queue;

	spin_lock(&queue->lock);
	list_remove(&timer->node);
	publish_next(queue);
	spin_unlock(&queue->lock);
}

bool timer_armed(const struct timer *timer)
{
	struct timer_queue *queue = timer->queue;
	bool armed;

	spin_lock(&queue->lock);
	armed = !list_empty(&timer->node);
	spin_unlock(&queue->lock);
	return armed;
}

/* Take the first one, if it has expired. Caller holds the lock. */
static struct timer *take_expired(struct timer_queue *queue, u64 now)
{
	struct timer *first;

	if (queue->next > now)
		return NULL;
	first = list_first(&queue->timers, struct timer, node);
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

	for (; timer; timer = take_expired(queue, now))
		list_push_back(&expired, &timer->node);
	while (!list_empty(&expired)) {
		timer = list_first(&expired, struct timer, node);
		list_remove(&timer->node);
		spin_unlock(&queue->lock);
		timer->fn(timer);
		spin_lock(&queue->lock);
	}
	spin_unlock(&queue->lock);
}

void timer_queue_run(struct timer_queue *queue, u64 now)
{
	struct timer *timer;

	if (timer_queue_next(queue) > now)
		return;
	spin_lock(&queue->lock);
	timer = take_expired(queue, now);
	if (queue->next <= now) {
		run_several(queue, timer, now);
		return;
	}
	spin_unlock(&queue->lock);
	if (likely(timer))
		timer->fn(timer);
}
