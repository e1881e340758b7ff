/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs that wait go to CPUs that have less to do. It is the other CPU that takes them: one that
 * sleeps, and is woken by who has something to offer, or one at the end of a turn after which it
 * would have nobody else. What sleeps and what runs stays.
 */
#include "arch/cpu_set.h"
#include "arch/percpu.h"
#include "vm/sched_cpu.h"

u32 sched_waiting;
u64 sched_used;

/*
 * One that waits for another CPU and may come to this one, or NULL. least: what it must be behind;
 * NULL: nothing. from is locked.
 */
static struct vcpu *find_movable(const struct sched *from, const u64 *least)
{
	struct share *share;

	list_for_each(share, &from->runq.shares, node) {
		struct vcpu *vcpu = vcpu_of_share(share);

		if (!atomic_load(&vcpu->is_loaded) &&
		    cpu_set_has(&vcpu->vm->cpus, this_cpu()->index) &&
		    (!least || share_is_behind(share, *least)))
			return vcpu;
	}
	return NULL;
}

static struct vcpu *take(struct sched *from, const u64 *least, u64 now)
{
	struct vcpu *vcpu;

	spin_lock(&from->lock);
	vcpu = find_movable(from, least);
	if (vcpu) {
		runq_take(&from->runq, &vcpu->share, now);
		atomic_store(&vcpu->cpu, this_cpu()->index);
		vcpu->moves++;
	}
	spin_unlock(&from->lock);
	return vcpu;
}

bool sched_pull(struct sched *sched, u64 now)
{
	struct vcpu *vcpu = NULL;
	u64 least = 0;

	if (sched->current) {
		spin_lock(&sched->lock);
		least = runq_least(&sched->runq, &sched->current->share);
		spin_unlock(&sched->lock);
	}
	for (u32 i = 1; !vcpu && i < cpu_count && atomic_load(&sched_waiting); i++) {
		struct sched *from = cpus[(this_cpu()->index + i) % cpu_count]->sched;

		if (atomic_load(&from->runq.count))
			vcpu = take(from, sched->current ? &least : NULL, now);
	}
	if (!vcpu)
		return false;
	spin_lock(&sched->lock);
	runq_arrive(&sched->runq, &vcpu->share, now);
	/* At once: two idle CPUs could take it from each other's queues for ever. */
	if (!sched->current)
		sched_begin_turn(sched, &vcpu->share, now);
	spin_unlock(&sched->lock);
	return true;
}

void sched_offer(struct sched *sched)
{
	struct cpu_set may = { 0 };
	struct percpu *idle;
	struct share *first;

	spin_lock(&sched->lock);
	first = runq_first(&sched->runq);
	if (first)
		may = vcpu_of_share(first)->vm->cpus;
	spin_unlock(&sched->lock);
	idle = sched_find_idle(&may);
	if (idle)
		cpu_wake(idle);
}
