/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the scheduler: what each CPU has of it, and how one CPU reaches another.
 */
#pragma once

#include "vm/vcpu.h"

struct sched {
	struct spinlock lock;
	struct list incoming; /* [lock] vCPUs that others have started here */
	struct runq runq; /* [lock] vCPUs that wait */
	struct list asleep; /* [self] */
	struct vcpu *current; /* [self] whose turn it is, or NULL */
	struct vcpu *heir; /* [self] sleeps here, and is to have the CPU after current, or NULL */
	struct vcpu *loaded; /* [self] whose state is in the CPU */
	bool offers; /* [self] more wait than did */
	u64 shared; /* [self] when it last looked at what waits for other CPUs */
	u64 timers_due; /* [self] the first timer of those that sleep, or TIMER_NEVER */
	u64 until; /* [self] when others come first, or may */
};

extern u32 sched_idle_cpus; /* [atomic] how many are halted, or about to be */
extern u32 sched_waiting; /* [atomic] vCPUs in all queues */
extern u64 sched_used; /* [atomic] the highest floor of a queue, or almost: what others have used */

static inline struct vcpu *vcpu_of_share(struct share *share)
{
	return container_of(share, struct vcpu, share);
}

/* Have cpu's main loop look after those that sleep there, and into the queues. */
void cpu_wake(struct percpu *cpu);

/* What others have started here, and of which attention tells. */
void sched_take_in(struct sched *sched);

/*
 * Its VM ends, or starts again: put the vCPU, which is in no list, aside. The last one's CPU does
 * it; nobody waits for the others, so no two CPUs can wait for each other.
 */
void sched_put_aside(struct sched *sched, struct vcpu *vcpu);

/* It is the turn of share, which waits in the CPU's own queue. Its lock is held. */
void sched_begin_turn(struct sched *sched, struct share *share, u64 now);

/*
 * Take a vCPU that waits for another CPU: into this one's queue, or, if this one is idle, for its
 * next turn. False: there is none that may come.
 */
bool sched_pull(struct sched *sched, u64 now);

/* One of the CPUs that sleep and are in may, or NULL. */
struct percpu *sched_find_idle(const struct cpu_set *may);

/* More wait here than did, and CPUs sleep: if one may take the first one, wake it. */
void sched_offer(struct sched *sched);
