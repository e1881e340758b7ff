/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Weighted fair queueing by used time. See runq.h.
 */
#include "vm/runq.h"

#include "lib/atomic.h"

/* Positive: a has used more than b. */
static s64 ahead(u64 a, u64 b)
{
	return (s64)(a - b);
}

static u64 least_of(u64 a, u64 b)
{
	return ahead(a, b) > 0 ? b : a;
}

static u64 most_of(u64 a, u64 b)
{
	return ahead(a, b) > 0 ? a : b;
}

static struct share *share_of(struct list *node)
{
	return container_of(node, struct share, node);
}

void runq_init(struct runq *runq)
{
	list_init(&runq->shares);
	runq->count = 0;
	runq->floor = 0;
}

void share_init(struct share *share, struct vm_share *vm)
{
	*share = (struct share){ .vm = vm };
	list_init(&share->node);
}

void runq_enter(const struct runq *runq, struct share *share)
{
	share->used = share->vm->used = runq->floor;
}

void share_pay(struct share *share, u64 ns)
{
	u64 used = ns * WEIGHT_DEFAULT / share->vm->weight;

	share->used += used;
	atomic_fetch_add(&share->vm->used, used);
}

u64 runq_least(const struct runq *runq, const struct share *running)
{
	const struct share *first = runq_first(runq);

	return first ? least_of(running->used, first->used) : running->used;
}

void runq_charge(struct runq *runq, struct share *running, u64 now)
{
	struct vm_share *vm = running->vm;
	u64 used;

	/* Two CPUs' clocks may differ by a little. */
	if (now <= running->paid)
		return;
	used = (now - running->paid) * WEIGHT_DEFAULT / vm->weight;
	running->used += used * MAX(atomic_load(&vm->active), 1u);
	atomic_fetch_add(&vm->used, used);
	running->paid = now;
	runq_catch_up(runq, runq_least(runq, running));
}

void runq_put(struct runq *runq, struct share *share, u64 now)
{
	struct list *at;

	/* From the end: who comes has mostly used the most. Behind its equals. */
	for (at = runq->shares.prev; at != &runq->shares; at = at->prev) {
		if (ahead(share_of(at)->used, share->used) <= 0)
			break;
	}
	list_insert_before(at->next, &share->node);
	share->began = now;
	atomic_store(&runq->count, runq->count + 1);
}

void runq_credit(const struct runq *runq, struct share *share)
{
	struct vm_share *vm = share->vm;

	atomic_store(&vm->used, most_of(atomic_load(&vm->used), runq->floor - SLEEPER_NS));
	/* What its VM has had on other CPUs must not keep it from this one for long. */
	share->used = most_of(share->used, least_of(atomic_load(&vm->used), runq->floor + TURN_NS));
}

void runq_wake(struct runq *runq, struct share *share, u64 now)
{
	runq_credit(runq, share);
	runq_put(runq, share, now);
}

void runq_arrive(struct runq *runq, struct share *share, u64 now)
{
	share->used = most_of(share->used, runq->floor - MOVED_NS);
	runq_put(runq, share, now);
}

void runq_take(struct runq *runq, struct share *share, u64 now)
{
	list_remove(&share->node);
	atomic_store(&runq->count, runq->count - 1);
	if (now > share->began)
		share->waited += now - share->began;
}

void runq_yield(const struct runq *runq, struct share *running)
{
	running->used = most_of(running->used, runq_first(runq)->used);
}

bool runq_turn_is_over(struct runq *runq, struct share *running, u64 now)
{
	const struct share *first = runq_first(runq);
	s64 lead;

	if (!first || now < running->began + TURN_MIN_NS)
		return false;
	lead = ahead(running->used, first->used);
	if (now < running->began + TURN_NS)
		return lead >= (s64)LEAD_NS;
	if (lead > 0)
		return true;
	running->began = now;
	return false;
}

u64 runq_turn_end(const struct runq *runq, const struct share *running)
{
	const struct vm_share *vm = running->vm;
	s64 lead = ahead(running->used, runq_first(runq)->used);
	u64 earliest = running->began + TURN_MIN_NS, latest = running->began + TURN_NS;
	u64 rivals = MAX(atomic_load(&vm->active), 1u), end;

	if (lead >= (s64)LEAD_NS)
		return earliest;
	/* How long until it has used as much more. */
	end = running->paid + 1 +
	      (u64)((s64)LEAD_NS - lead) * vm->weight / (WEIGHT_DEFAULT * rivals);
	end = MIN(end, latest);
	return MAX(end, earliest);
}

bool share_is_behind(const struct share *share, u64 least)
{
	return ahead(least, share->used) > (s64)TURN_NS;
}
