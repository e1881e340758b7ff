/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose turn it is: the policy of the scheduler, without its mechanics. Those who wait for a CPU
 * stand in its queue by what they have used so far, weighted: time in a CPU, times the vCPUs that
 * their VM has running or waiting, by the VM's weight. So VMs share a CPU by their weights, however
 * many vCPUs each has. Between the queues too: who waits moves to where somebody runs who has used
 * more. Queues that cannot be balanced, because of pinned VMs, drift apart; so nobody is taken to
 * have used much less than those whom he comes to.
 */
#pragma once

#include "arch/clock.h"
#include "lib/list.h"

#define WEIGHT_MIN 1u
#define WEIGHT_MAX 1000u
#define WEIGHT_DEFAULT 100u

/* A turn, if others wait: after that it is the turn of whoever has used least. */
#define TURN_NS (10 * NS_PER_MS)
/* Who has used so much more than the next one ends its turn before. */
#define LEAD_NS (3 * NS_PER_MS)
/*
 * But less than this is no turn: nobody who wakes up, and no timer of another vCPU, ends it before.
 * Without it a guest whose timers are always due would leave its neighbours no time between an
 * entry and the next exit.
 */
#define TURN_MIN_NS NS_PER_MS
/* What a sleeper may have used less than those who kept running, at most, when it wakes up. */
#define SLEEPER_NS (5 * NS_PER_MS)
/* The same for one that comes from another queue. */
#define MOVED_NS (100 * NS_PER_MS)

/* What a VM has had, all its vCPUs together. */
struct vm_share {
	u64 used; /* [atomic] weighted nanoseconds, reckoned as those of a vCPU */
	u32 active; /* [atomic] vCPUs that run or wait */
	u32 weight; /* [const] */
};

/* What a vCPU has had. Times are clock_ns(); used wraps. */
struct share {
	struct list node; /* in a queue, while it waits */
	u64 used; /* weighted nanoseconds */
	u64 paid; /* used has what was had until then */
	u64 began; /* its turn; or, in a queue, waiting */
	u64 waited; /* nanoseconds in queues, since this was last looked at */
	struct vm_share *vm; /* [const] */
};

struct runq {
	struct list shares; /* those who wait, who has used least first */
	u32 count; /* [atomic] of them */
	u64 floor; /* what a newcomer's used is measured by: never falls */
};

void runq_init(struct runq *runq);

void share_init(struct share *share, struct vm_share *vm);

/* It is new here, and has used as much as its neighbours. */
void runq_enter(const struct runq *runq, struct share *share);

/* It pays for ns of a CPU's time that it has had in another way than by running. */
void share_pay(struct share *share, u64 ns);

/* The queue has been idle while others have used so much: it is not behind them. */
static inline void runq_catch_up(struct runq *runq, u64 used)
{
	if ((s64)(used - runq->floor) > 0)
		runq->floor = used;
}

/* It comes onto a CPU. */
static inline void share_begin(struct share *share, u64 now)
{
	share->began = share->paid = now;
}

/* It has had the CPU until now, and pays for that. */
void runq_charge(struct runq *runq, struct share *running, u64 now);

/*
 * It has slept. It has no more credit for that than SLEEPER_NS, and none if its VM has
 * been busy meanwhile: vCPUs that sleep and wake each other by turns have no more than one that
 * runs all the time.
 */
void runq_credit(const struct runq *runq, struct share *share);

/* It has slept, and waits. */
void runq_wake(struct runq *runq, struct share *share, u64 now);

/* It has run, and waits again. */
void runq_put(struct runq *runq, struct share *share, u64 now);

/* Who is next, or NULL. */
static inline struct share *runq_first(const struct runq *runq)
{
	return list_empty(&runq->shares) ? NULL : list_first(&runq->shares, struct share, node);
}

/* It waits no more. */
void runq_take(struct runq *runq, struct share *share, u64 now);

/* Who runs gives its turn to the next one: it has used no less than that. There is one. */
void runq_yield(const struct runq *runq, struct share *running);

/* Is the turn of the one that runs over? If not, and it could have been, it begins anew. */
bool runq_turn_is_over(struct runq *runq, struct share *running, u64 now);

/* When to ask that again. There is one that waits. */
u64 runq_turn_end(const struct runq *runq, const struct share *running);

/* What the one has used that has used least: of running and those that wait. */
u64 runq_least(const struct runq *runq, const struct share *running);

/* Has it, in another CPU's queue, used enough less than that to come over? */
bool share_is_behind(const struct share *share, u64 least);

/* It has been taken from another queue. */
void runq_arrive(struct runq *runq, struct share *share, u64 now);
