/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a vCPU, or the main loop of a CPU, learns that something is wanted of it.
 */
#include "arch/apic.h"
#include "arch/cpu_set.h"
#include "arch/percpu.h"
#include "arch/traps.h"
#include "vm/sched_cpu.h"

u32 sched_idle_cpus;

/* An interrupt, for what cpu would otherwise not see: in its guest, or in its sleep. */
static void cpu_interrupt(struct percpu *cpu)
{
	switch ((enum cpu_mode)atomic_load(&cpu->mode)) {
	case CPU_GUEST:
		this_cpu()->ipis++;
		apic_send_nmi(cpu->apic_id);
		break;
	case CPU_IDLE:
		this_cpu()->ipis++;
		apic_send_vector(cpu->apic_id, VECTOR_WAKE);
		break;
	case CPU_HOST:
		break;
	}
}

/*
 * Make cpu's main loop look at what has been asked of it. While it is in neither guest nor sleep,
 * attention keeps it from both before it has looked.
 */
void cpu_wake(struct percpu *cpu)
{
	atomic_xchg(&cpu->attention, 1u);
	if (cpu != this_cpu())
		cpu_interrupt(cpu);
}

/*
 * A vCPU that wakes up another one of its VM mostly waits for an answer then: if the other one sleeps
 * on its CPU it gives that away, and the main loop makes it so when the turn ends. False: this is no
 * vCPU's turn, or not one of that VM (which is loaded, then), or others wait for the CPU, or the turn
 * is given away already.
 */
static bool hand_over(const struct percpu *cpu, struct vcpu *vcpu)
{
	struct sched *sched = cpu->sched;
	struct vcpu *giver = sched->current;

	if (!cpu->space || !giver || giver->vm != vcpu->vm || sched->heir ||
	    atomic_load(&sched->runq.count))
		return false;
	sched->heir = vcpu;
	giver->yields = true;
	atomic_fetch_or(&giver->requests, REQUEST_RESCHED);
	return true;
}

struct percpu *sched_find_idle(const struct cpu_set *may)
{
	for (u32 i = 0; atomic_load(&sched_idle_cpus) && i < cpu_count; i++) {
		if (cpu_set_has(may, i) && atomic_load(&cpus[i]->mode) == CPU_IDLE)
			return cpus[i];
	}
	return NULL;
}

static __noinline void wake_up(struct vcpu *vcpu, u32 request)
{
	struct percpu *home = cpus[atomic_load(&vcpu->cpu)];

	if (request != REQUEST_EVENT || home != this_cpu() || sched_find_idle(&vcpu->vm->cpus) ||
	    !hand_over(home, vcpu))
		cpu_wake(home);
}

/*
 * Whoever changes place does so before it looks at the requests, which are set before place is
 * looked at here: one of the two sees the other. Of one that runs, or is going to, the requests
 * are looked at before it enters.
 */
void vcpu_kick(struct vcpu *vcpu, u32 request)
{
	atomic_fetch_or(&vcpu->requests, request);
	switch ((enum vcpu_place)atomic_load(&vcpu->place)) {
	case VCPU_ASLEEP:
		wake_up(vcpu, request);
		break;
	case VCPU_RUNS:
		cpu_interrupt(cpus[atomic_load(&vcpu->cpu)]);
		break;
	case VCPU_WAITS:
		break;
	}
}

void sched_check_timers(const struct vcpu *vcpu)
{
	/* The deadline was set first: its home sees it, or we see that it does not know it. */
	smp_mb();
	if (timer_queue_next(&vcpu->timers) < atomic_load(&vcpu->armed) &&
	    atomic_load(&vcpu->place) != VCPU_WAITS)
		cpu_wake(cpus[atomic_load(&vcpu->cpu)]);
}
