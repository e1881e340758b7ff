/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main loop of each CPU. See sched.h.
 *
 * A round: put aside the vCPUs of VMs that end, run expired device timers, pick the next vCPU, arm
 * the CPU's timer for whatever comes first, run. The queue is the CPU's own; others add to a second
 * list, under its lock, and wake the CPU.
 */
#include "vm/sched.h"

#include "arch/apic.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/percpu.h"
#include "arch/traps.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm/heap.h"
#include "vm/vcpu.h"

#define SLICE_NS (10 * NS_PER_MS)
/*
 * How long a vCPU runs before it is disturbed by a timer of another one. Without it, a guest whose
 * timers are always due would leave its neighbours no time between an entry and the next exit.
 */
#define UNDISTURBED_NS NS_PER_MS
/*
 * A guest is left after so long in any case, should the interrupt or NMI that asks for it get lost.
 */
#define MAX_RUN_NS (100 * NS_PER_MS)

struct sched {
	struct spinlock lock;
	struct list incoming; /* [lock] vCPUs that others have queued */
	struct list queue; /* [self] this CPU's vCPUs, the one that ran last at the end */
	struct vcpu *loaded; /* [self] whose state is in the CPU */
	bool running; /* [self] it runs; not so between two rounds */
	u64 armed; /* [atomic] when the CPU will next look at timers, or TIMER_NEVER: it looks now */
};

static void (*on_idle_action)(void);

void sched_set_on_idle(void (*on_idle)(void))
{
	on_idle_action = on_idle;
}

int sched_init_cpu(u32 cpu)
{
	struct sched *sched = kzalloc(sizeof(*sched));

	if (!sched)
		return E_NOMEM;
	spin_init(&sched->lock, LOCK_RUN_QUEUE);
	list_init(&sched->incoming);
	list_init(&sched->queue);
	cpus[cpu]->sched = sched;
	return 0;
}

/*
 * Make cpu's main loop look at what has been asked of it: out of its guest, or out of its sleep.
 * In between, attention keeps it from entering or sleeping before it has looked.
 */
static void cpu_wake(struct percpu *cpu)
{
	/*
	 * From its main loop this CPU asks before it picks a vCPU, or in an interrupt window, which
	 * leads back there.
	 */
	if (cpu == this_cpu()) {
		struct sched *sched = cpu->sched;

		if (sched->running)
			atomic_store(&cpu->attention, 1u);
		return;
	}
	atomic_xchg(&cpu->attention, 1u);
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

void vcpu_kick(struct vcpu *vcpu, u32 request)
{
	atomic_fetch_or(&vcpu->requests, request);
	/* Of the vCPU that is running here the requests themselves are looked at. */
	if (this_cpu()->vcpu != vcpu)
		cpu_wake(cpus[vcpu->cpu]);
}

void sched_check_timers(const struct vcpu *vcpu)
{
	struct percpu *cpu = cpus[vcpu->cpu];
	struct sched *sched = cpu->sched;

	/* The deadline was set first: that CPU sees it, or we see that it is not to be late. */
	smp_mb();
	if (timer_queue_next(&vcpu->timers) < atomic_load(&sched->armed))
		cpu_wake(cpu);
}

void sched_add(struct vcpu *vcpu)
{
	struct percpu *cpu = cpus[vcpu->cpu];
	struct sched *sched = cpu->sched;

	spin_lock(&sched->lock);
	list_push_back(&sched->incoming, &vcpu->node);
	spin_unlock(&sched->lock);
	/* From here on the vCPU, and its VM, may be gone. */
	atomic_xchg(&cpu->attention, 1u); /* even on this CPU: its round may be past the look */
	cpu_wake(cpu);
}

static void switch_to(struct sched *sched, struct vcpu *vcpu)
{
	if (sched->loaded == vcpu)
		return;
	if (sched->loaded)
		vcpu_put(sched->loaded);
	sched->loaded = vcpu;
	if (vcpu)
		vcpu_load(vcpu);
}

/*
 * Its VM ends, or starts again: put the vCPU aside. The last one's CPU does it; nobody waits for
 * the others, so no two CPUs can wait for each other.
 */
static void put_aside(struct sched *sched, struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (sched->loaded == vcpu)
		switch_to(sched, NULL);
	list_remove(&vcpu->node);
	if (atomic_fetch_sub(&vm->present, 1u) > 1 || vm_restart(vm))
		return;
	if (vm_destroy(vm))
		on_idle_action();
}

/* Take what others have queued, and put aside what is asked to stop. */
static void collect(struct sched *sched)
{
	struct vcpu *vcpu, *tmp;

	spin_lock(&sched->lock);
	while (!list_empty(&sched->incoming)) {
		vcpu = list_first(&sched->incoming, struct vcpu, node);
		list_remove(&vcpu->node);
		list_push_back(&sched->queue, &vcpu->node);
	}
	spin_unlock(&sched->lock);
	list_for_each_safe(vcpu, tmp, &sched->queue, node) {
		if (atomic_load(&vcpu->requests) & REQUEST_STOP)
			put_aside(sched, vcpu);
	}
}

static void run_timers(struct vcpu *vcpu, u64 now)
{
	if (timer_queue_next(&vcpu->timers) > now)
		return;
	spin_lock(&vcpu->vm->dev_lock);
	timer_queue_run(&vcpu->timers, now);
	spin_unlock(&vcpu->vm->dev_lock);
}

/* When the timers of vcpu, which waits for its turn or halts while next runs, are to be looked at. */
static u64 timers_beside(struct vcpu *vcpu, const struct vcpu *next, u64 now)
{
	u64 due = timer_queue_next(&vcpu->timers);

	if (vcpu == next || !next)
		return due;
	return MAX(due, now + UNDISTURBED_NS);
}

/*
 * The next vCPU to run, moved to the queue's end, or NULL. *deadline: when this CPU is wanted again
 * by a device timer, or because another vCPU waits for its turn.
 */
static struct vcpu *pick(struct sched *sched, u64 *deadline)
{
	u64 now = clock_ns();
	struct vcpu *vcpu, *next = NULL;
	u32 runnable = 0;

	/* All of them first: a timer of one vCPU's can wake another one. */
	list_for_each(vcpu, &sched->queue, node)
		run_timers(vcpu, now);
	list_for_each(vcpu, &sched->queue, node) {
		if (!vcpu_runnable(vcpu))
			continue;
		runnable++;
		if (!next) {
			next = vcpu;
			next->crowded = false;
		} else if (vcpu->vm == next->vm) {
			next->crowded = true;
		}
	}
	*deadline = TIMER_NEVER;
	list_for_each(vcpu, &sched->queue, node)
		*deadline = MIN(*deadline, timers_beside(vcpu, next, now));
	if (!next)
		return NULL;
	list_remove(&next->node);
	list_push_back(&sched->queue, &next->node);
	if (runnable > 1)
		*deadline = MIN(*deadline, now + SLICE_NS);
	return next;
}

static void arm_timer(u64 deadline)
{
	u64 now = clock_ns();

	if (deadline == TIMER_NEVER)
		apic_timer_stop();
	else
		apic_timer_arm(deadline > now ? deadline - now : 1);
}

static bool work_waiting(struct sched *sched)
{
	struct vcpu *vcpu;

	list_for_each(vcpu, &sched->queue, node) {
		if (atomic_load(&vcpu->requests) & (REQUEST_EVENT | REQUEST_STOP))
			return true;
	}
	return atomic_load(&this_cpu()->attention);
}

/* Interrupts are off from the check to the HLT: a wake-up in between ends the HLT at once. */
static void idle(struct sched *sched, u64 deadline)
{
	struct percpu *cpu = this_cpu();

	arm_timer(deadline);
	atomic_xchg(&cpu->mode, (u32)CPU_IDLE);
	if (!work_waiting(sched))
		irq_wait();
	else
		irq_window();
	atomic_store(&cpu->mode, (u32)CPU_HOST);
}

void sched_run(void)
{
	struct sched *sched = this_cpu()->sched;
	u64 deadline;

	for (;;) {
		struct vcpu *next;

		/* Before looking: what is asked from now on is for the next round. */
		atomic_store(&sched->armed, TIMER_NEVER);
		atomic_xchg(&this_cpu()->attention, 0u);
		collect(sched);
		next = pick(sched, &deadline);
		atomic_store(&sched->armed, deadline);
		if (!next) {
			idle(sched, deadline);
			continue;
		}
		atomic_fetch_and(&next->requests, ~REQUEST_RESCHED);
		next->armed = deadline;
		arm_timer(MIN(deadline, clock_ns() + MAX_RUN_NS));
		switch_to(sched, next);
		backend->want_pauses(next, next->crowded);
		sched->running = true;
		vcpu_run(next);
		sched->running = false;
		/* Here, and not where the exit is handled: the console's handler runs commands. */
		irq_window();
	}
}
