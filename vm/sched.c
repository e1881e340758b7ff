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
#include "vm/pv.h"
#include "vm/sched_cpu.h"

/*
 * A guest is left after so long in any case, should the interrupt or NMI that asks for it get lost.
 */
#define MAX_RUN_NS (100 * NS_PER_MS)

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

/* From here on this CPU is told of requests and earlier timers; of those before it was not. */
static void sleep(struct sched *sched, struct vcpu *vcpu)
{
	u64 due;

	atomic_xchg(&vcpu->place, (u32)VCPU_ASLEEP);
	if (atomic_load(&vcpu->requests) & (REQUEST_EVENT | REQUEST_STOP))
		atomic_store(&this_cpu()->attention, 1u);
	/* Of a deadline that is not before armed it is not told. */
	due = MIN(timer_queue_next(&vcpu->timers), atomic_load(&vcpu->armed));
	sched->timers_due = MIN(sched->timers_due, due);
}

static void fall_asleep(struct sched *sched, struct vcpu *vcpu)
{
	atomic_fetch_sub(&vcpu->vm->share.active, 1u);
	list_push_back(&sched->asleep, &vcpu->node);
	sleep(sched, vcpu);
}

static void begin_to_wait(struct sched *sched, struct vcpu *vcpu)
{
	atomic_fetch_add(&sched_waiting, 1u);
	atomic_fetch_add(&vcpu->vm->waiting, 1u);
	atomic_xchg(&vcpu->place, (u32)VCPU_WAITS);
	sched->offers = true;
}

static void begin_turn(struct sched *sched, struct vcpu *vcpu, u64 now)
{
	share_begin(&vcpu->share, now);
	vcpu->yields = false;
	sched->current = vcpu;
	atomic_xchg(&vcpu->place, (u32)VCPU_RUNS);
}

/* It sleeps no more. If nobody else wants the CPU its turn begins, without a way through the queue. */
static void wake_up(struct sched *sched, struct vcpu *vcpu, u64 now)
{
	list_remove(&vcpu->node);
	atomic_fetch_add(&vcpu->vm->share.active, 1u);
	spin_lock(&sched->lock);
	if (!sched->current && !runq_first(&sched->runq)) {
		runq_catch_up(&sched->runq, atomic_load(&sched_used));
		runq_credit(&sched->runq, &vcpu->share);
		begin_turn(sched, vcpu, now);
	} else {
		begin_to_wait(sched, vcpu);
		runq_wake(&sched->runq, &vcpu->share, now);
	}
	spin_unlock(&sched->lock);
}

/* Of those that sleep some may have to wake up. */
static void look_after(struct sched *sched, u64 now)
{
	struct vcpu *vcpu, *tmp;

	sched->timers_due = TIMER_NEVER;
	list_for_each_safe(vcpu, tmp, &sched->asleep, node) {
		if (atomic_load(&vcpu->requests) & REQUEST_STOP) {
			list_remove(&vcpu->node);
			sched_put_aside(sched, vcpu);
			continue;
		}
		if (atomic_load(&vcpu->requests) & REQUEST_PAUSE)
			continue;
		/* Its own timers need not wake it: it is looked after. */
		atomic_xchg(&vcpu->place, (u32)VCPU_WAITS);
		look_at_timers(vcpu, now);
		if (vcpu_runnable(vcpu))
			wake_up(sched, vcpu, now);
		else
			sleep(sched, vcpu);
	}
}

static void charge(struct sched *sched, u64 now)
{
	runq_charge(&sched->runq, &sched->current->share, now);
	if ((s64)(sched->runq.floor - atomic_load(&sched_used)) > (s64)NS_PER_MS)
		atomic_store(&sched_used, sched->runq.floor);
}

/* The one that has run pays for it; it may go on, or has a reason not to. */
static void settle(struct sched *sched, u64 now)
{
	struct vcpu *vcpu = sched->current;

	if (!vcpu)
		return;
	spin_lock(&sched->lock);
	charge(sched, now);
	spin_unlock(&sched->lock);
	if (atomic_load(&vcpu->requests) & REQUEST_STOP) {
		sched->current = NULL;
		sched_put_aside(sched, vcpu);
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
	atomic_fetch_sub(&sched_waiting, 1u);
	atomic_fetch_sub(&vcpu->vm->waiting, 1u);
	begin_turn(sched, vcpu, now);
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

/*
 * The short way from current to its heir, while nobody else wants anything of this CPU: nobody waited
 * when it was made the heir, and none has been put into the queue since. False: the heir is looked
 * after as any other.
 */
static bool hand_over(struct sched *sched, u64 now)
{
	struct vcpu *old = sched->current, *heir = sched->heir;

	if (sched->timers_due <= now || now >= sched->shared + TURN_NS)
		return false;
	spin_lock(&sched->lock);
	/* It may have been put aside, or be about to come, or be in there still. */
	if (list_empty(&heir->node) || !list_empty(&sched->incoming)) {
		spin_unlock(&sched->lock);
		return false;
	}
	list_remove(&heir->node);
	charge(sched, now);
	begin_to_wait(sched, old);
	runq_put(&sched->runq, &old->share, now);
	atomic_fetch_add(&heir->vm->share.active, 1u);
	runq_credit(&sched->runq, &heir->share);
	begin_turn(sched, heir, now);
	spin_unlock(&sched->lock);
	return true;
}

/* Who has the next turn: sched->current, which may be NULL then. */
static void choose(struct sched *sched, u64 now)
{
	struct vcpu *old = sched->current;
	struct share *first;

	/* It goes on: nobody waits. */
	if (old && !old->yields && !atomic_load(&sched->runq.count))
		return;
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
	u64 own;

	atomic_fetch_and(&vcpu->requests, ~REQUEST_RESCHED);
	sched->until = others_first(sched, now);
	/*
	 * Another vCPU may have armed one while this one waited for its turn, or put one off: of what is
	 * armed then, before that, this CPU is not told.
	 */
	own = MIN(timer_queue_next(&vcpu->timers), atomic_load(&vcpu->armed));
	arm_timer(MIN(sched->until, own));
	switch_to(sched, vcpu);
	/* Only who is not loaded can be taken. */
	if (sched->offers && atomic_load(&sched_idle_cpus))
		sched_offer(sched);
	sched->offers = false;
	backend->want_pauses(vcpu, atomic_load(&vcpu->vm->waiting));
	vcpu_turn_begin(vcpu);
	backend->run(vcpu);
	vcpu_turn_end();
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
	if (now >= sched->until || sched->loaded != vcpu || atomic_load(&this_cpu()->attention))
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

		if (!sched->heir || asked || !hand_over(sched, now)) {
			settle(sched, now);
			if (asked)
				sched_take_in(sched);
			if (asked || sched->heir || sched->timers_due <= now)
				look_after(sched, now);
			if (sched->current)
				share_cpu(sched, now);
			choose(sched, now);
		}
		sched->heir = NULL;
		if (sched->current)
			run(sched, now);
		else
			idle(sched, now);
	}
}
