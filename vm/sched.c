/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main loop of each CPU. See sched.h; whose turn it is says runq.h.
 *
 * A vCPU belongs to one CPU at a time, its home: it sleeps there, waits in its queue, or runs. A
 * round: look after those that sleep if something may have woken one, settle what the last turn
 * has cost, choose who is next, arm the CPU's timer for whatever comes first, run. Only what waits
 * can be taken by another CPU: one that is idle, or has less to do.
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
#include "vm/pv.h"
#include "vm/sched_cpu.h"

/*
 * A guest is left after so long in any case, should the interrupt or NMI that asks for it get lost.
 */
#define MAX_RUN_NS (100 * NS_PER_MS)

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
	list_init(&sched->asleep);
	runq_init(&sched->runq);
	sched->timers_due = TIMER_NEVER;
	cpus[cpu]->sched = sched;
	return 0;
}

void sched_add(struct vcpu *vcpu)
{
	struct percpu *cpu = cpus[vcpu->cpu];
	struct sched *sched = cpu->sched;

	vcpu->place = VCPU_ASLEEP;
	vcpu->armed = TIMER_NEVER;
	spin_lock(&sched->lock);
	list_push_back(&sched->incoming, &vcpu->node);
	spin_unlock(&sched->lock);
	/* From here on the vCPU, and its VM, may be gone. */
	cpu_wake(cpu);
}

static void switch_to(struct sched *sched, struct vcpu *vcpu)
{
	struct vcpu *old = sched->loaded;

	if (old == vcpu)
		return;
	if (old) {
		vcpu_put(old);
		pv_vcpu_out(old);
		atomic_store(&old->is_loaded, false);
	}
	sched->loaded = vcpu;
	if (vcpu) {
		vcpu->is_loaded = true;
		vcpu_load(vcpu);
		pv_add_steal(vcpu, vcpu->share.waited);
		vcpu->share.waited = 0;
		pv_vcpu_in(vcpu);
	}
}

void sched_unload(void)
{
	switch_to(this_cpu()->sched, NULL);
}

/*
 * Its VM ends, or starts again: put the vCPU, which is in no list, aside. The last one's CPU does
 * it; nobody waits for the others, so no two CPUs can wait for each other.
 */
static void put_aside(struct sched *sched, struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (sched->loaded == vcpu)
		switch_to(sched, NULL);
	if (atomic_fetch_sub(&vm->present, 1u) > 1 || vm_restart(vm))
		return;
	if (vm_destroy(vm))
		on_idle_action();
}

/* Run what is due. When the next one is: this CPU knows it from now on. */
static u64 look_at_timers(struct vcpu *vcpu, u64 now)
{
	u64 next = timer_queue_next(&vcpu->timers);

	if (next > now && next == vcpu->armed)
		return next;
	atomic_xchg(&vcpu->armed, TIMER_NEVER);
	if (next <= now) {
		spin_lock(&vcpu->vm->dev_lock);
		timer_queue_run(&vcpu->timers, now);
		spin_unlock(&vcpu->vm->dev_lock);
	}
	next = timer_queue_next(&vcpu->timers);
	atomic_store(&vcpu->armed, next);
	return next;
}

static void fall_asleep(struct sched *sched, struct vcpu *vcpu)
{
	atomic_fetch_sub(&vcpu->vm->share.active, 1u);
	list_push_back(&sched->asleep, &vcpu->node);
	atomic_xchg(&vcpu->place, (u32)VCPU_ASLEEP);
	/* Requested before that, and without a word to this CPU. */
	if (atomic_load(&vcpu->requests) & (REQUEST_EVENT | REQUEST_STOP))
		atomic_store(&this_cpu()->attention, 1u);
	sched->timers_due = MIN(sched->timers_due, timer_queue_next(&vcpu->timers));
}

static void begin_to_wait(struct sched *sched, struct vcpu *vcpu)
{
	atomic_fetch_add(&sched_waiting, 1u);
	atomic_fetch_add(&vcpu->vm->waiting, 1u);
	atomic_xchg(&vcpu->place, (u32)VCPU_WAITS);
	sched->offers = true;
}

static void wake_up(struct sched *sched, struct vcpu *vcpu, u64 now)
{
	list_remove(&vcpu->node);
	atomic_fetch_add(&vcpu->vm->share.active, 1u);
	spin_lock(&sched->lock);
	begin_to_wait(sched, vcpu);
	if (!sched->current && !runq_first(&sched->runq))
		runq_catch_up(&sched->runq, atomic_load(&sched_used));
	runq_wake(&sched->runq, &vcpu->share, now);
	spin_unlock(&sched->lock);
}

/* What others have started here comes in, and of those that sleep some may have to wake up. */
static void look_after(struct sched *sched, u64 now)
{
	struct vcpu *vcpu, *tmp;

	spin_lock(&sched->lock);
	while (!list_empty(&sched->incoming)) {
		vcpu = list_first(&sched->incoming, struct vcpu, node);
		list_remove(&vcpu->node);
		list_push_back(&sched->asleep, &vcpu->node);
		runq_enter(&sched->runq, &vcpu->share);
		/* Its VM has been loaded, on its account. */
		share_pay(&vcpu->share, vcpu->index ? 0 : vcpu->vm->load_ns);
	}
	spin_unlock(&sched->lock);
	sched->timers_due = TIMER_NEVER;
	list_for_each_safe(vcpu, tmp, &sched->asleep, node) {
		u64 due;

		if (atomic_load(&vcpu->requests) & REQUEST_STOP) {
			list_remove(&vcpu->node);
			put_aside(sched, vcpu);
			continue;
		}
		if (atomic_load(&vcpu->requests) & REQUEST_PAUSE)
			continue;
		due = look_at_timers(vcpu, now);
		if (vcpu_runnable(vcpu))
			wake_up(sched, vcpu, now);
		else
			sched->timers_due = MIN(sched->timers_due, due);
	}
}

/* The one that has run pays for it; it may go on, or has a reason not to. */
static void settle(struct sched *sched, u64 now)
{
	struct vcpu *vcpu = sched->current;

	if (!vcpu)
		return;
	spin_lock(&sched->lock);
	runq_charge(&sched->runq, &vcpu->share, now);
	spin_unlock(&sched->lock);
	if ((s64)(sched->runq.floor - atomic_load(&sched_used)) > (s64)NS_PER_MS)
		atomic_store(&sched_used, sched->runq.floor);
	if (atomic_load(&vcpu->requests) & REQUEST_STOP) {
		sched->current = NULL;
		put_aside(sched, vcpu);
		return;
	}
	look_at_timers(vcpu, now);
	if (!vcpu_runnable(vcpu)) {
		sched->current = NULL;
		fall_asleep(sched, vcpu);
	}
}

void sched_begin_turn(struct sched *sched, struct share *share, u64 now)
{
	struct vcpu *vcpu = vcpu_of_share(share);

	runq_take(&sched->runq, share, now);
	share_begin(share, now);
	sched->current = vcpu;
	atomic_fetch_sub(&sched_waiting, 1u);
	atomic_fetch_sub(&vcpu->vm->waiting, 1u);
	atomic_xchg(&vcpu->place, (u32)VCPU_RUNS);
}

/* Its turn is over, or given away. */
static bool steps_back(struct sched *sched, struct vcpu *vcpu, u64 now)
{
	if (!vcpu->yields)
		return runq_turn_is_over(&sched->runq, &vcpu->share, now);
	vcpu->yields = false;
	if (!runq_first(&sched->runq))
		return false;
	runq_yield(&sched->runq, &vcpu->share);
	return true;
}

/* Who has the next turn: sched->current, which may be NULL then. */
static void choose(struct sched *sched, u64 now)
{
	struct vcpu *old = sched->current;
	struct share *first;

	spin_lock(&sched->lock);
	if (old && steps_back(sched, old, now)) {
		begin_to_wait(sched, old);
		runq_put(&sched->runq, &old->share, now);
		sched->current = NULL;
	}
	first = runq_first(&sched->runq);
	if (!sched->current && first)
		sched_begin_turn(sched, first, now);
	spin_unlock(&sched->lock);
}

static void arm_timer(u64 deadline)
{
	u64 now = clock_ns();

	if (deadline == TIMER_NEVER)
		apic_timer_stop();
	else
		apic_timer_arm(deadline > now ? deadline - now : 1);
}

/*
 * Interrupts are off from the last look to the HLT: a wake-up in between ends the HLT at once. Who
 * has something to offer counts it first and then looks for who is idle; here it is the other way
 * round.
 */
static void idle(struct sched *sched, u64 now)
{
	struct percpu *cpu = this_cpu();

	atomic_xchg(&cpu->mode, (u32)CPU_IDLE);
	atomic_fetch_add(&sched_idle_cpus, 1u);
	if (!sched_pull(sched, now)) {
		arm_timer(sched->timers_due);
		if (atomic_load(&cpu->attention))
			irq_window();
		else
			irq_wait();
	}
	atomic_fetch_sub(&sched_idle_cpus, 1u);
	atomic_store(&cpu->mode, (u32)CPU_HOST);
}

/* Now and then: those that wait elsewhere, and have had less than those here, may come. */
static void share_cpu(struct sched *sched, u64 now)
{
	if (now < sched->shared + TURN_NS)
		return;
	sched->shared = now;
	if (atomic_load(&sched_waiting) > sched->runq.count)
		sched_pull(sched, now);
}

/* When the turn of current has to be looked at, because of others that wait. */
static u64 turn_end(struct sched *sched)
{
	u64 end = TIMER_NEVER;

	if (!atomic_load(&sched_waiting))
		return end;
	spin_lock(&sched->lock);
	if (runq_first(&sched->runq))
		end = runq_turn_end(&sched->runq, &sched->current->share);
	spin_unlock(&sched->lock);
	return MIN(end, sched->shared + TURN_NS);
}

/* When the CPU is wanted back from the vCPU that is about to run, its own timers aside. */
static u64 others_first(struct sched *sched, u64 now)
{
	u64 turn = MIN(turn_end(sched), now + MAX_RUN_NS);
	/* Those of others can wait a little. */
	u64 timers = MAX(sched->timers_due, now + TURN_MIN_NS);

	return MIN(turn, timers);
}

static void run(struct sched *sched, u64 now)
{
	struct vcpu *vcpu = sched->current;

	atomic_fetch_and(&vcpu->requests, ~REQUEST_RESCHED);
	sched->until = others_first(sched, now);
	/* Another vCPU may have armed one while this one waited for its turn. */
	arm_timer(MIN(sched->until, timer_queue_next(&vcpu->timers)));
	switch_to(sched, vcpu);
	backend->want_pauses(vcpu, atomic_load(&vcpu->vm->waiting));
	vcpu_run(vcpu);
	/* Here, and not where the exit is handled: the console's handler runs commands. */
	irq_window();
}

bool sched_go_on(struct vcpu *vcpu)
{
	struct sched *sched = this_cpu()->sched;
	u64 now;

	vcpu_turn_end();
	irq_window();
	vcpu_turn_begin(vcpu);
	now = clock_ns();
	if (vcpu->yields || now >= sched->until || sched->loaded != vcpu ||
	    atomic_load(&this_cpu()->attention))
		return false;
	atomic_fetch_and(&vcpu->requests, ~REQUEST_RESCHED);
	arm_timer(MIN(sched->until, look_at_timers(vcpu, now)));
	return true;
}

void sched_run(void)
{
	struct sched *sched = this_cpu()->sched;

	for (;;) {
		u64 now = clock_ns();
		/* Before looking: what is asked from now on is for the next round. */
		bool asked = atomic_xchg(&this_cpu()->attention, 0u);

		settle(sched, now);
		if (asked || sched->timers_due <= now)
			look_after(sched, now);
		if (sched->current)
			share_cpu(sched, now);
		choose(sched, now);
		if (sched->offers)
			sched_offer(sched);
		if (sched->current)
			run(sched, now);
		else
			idle(sched, now);
	}
}
