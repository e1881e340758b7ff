/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coroutines, and who of them goes on: see sched.h. The store buffers and what each access
 * is shown to are in access.c.
 */
#include "sched.h"

#include <string.h>

#include "access.h"
#include "report.h"

#define STACK_SIZE KIB(64)
/* Addresses are told apart by a hash: a collision costs a needless preemption. */
#define TOUCH_SLOTS 16384u
/* All actors wait, and have looked this often without anyone doing more than that. */
#define IDLE_LIMIT 400u
/* At most; and so often in one operation, or those who wait for it would find it hung. */
#define SLEEP_MAX 8192u
#define SLEEPS 3u
/* A loop that waits has no more points than this between its pauses. */
#define BUSY 4u
/* No operation has ended for so many points. */
#define LIVELOCK_LIMIT 3000000u

struct sched sched;

static struct {
	struct actor main; /* who calls into the scheduler: has a stack and nothing else */
	void (*call)(void);
	void (*body)(struct actor *actor);
	struct schedule *schedule;
	u64 rng;
	u64 countdown[2]; /* points to the next preemption: cold, hot */
	u32 next_preempt[MAX_ACTORS]; /* of the script, by actor */
	u32 scripted_left;
	u32 idle;
	bool aborted;
	struct sched_points *points;
	u16 readers[TOUCH_SLOTS], writers[TOUCH_SLOTS]; /* bit per actor */
	bool shared[TOUCH_SLOTS];
} priv;

static unsigned char stacks[MAX_ACTORS][STACK_SIZE] __aligned(64);

/* Save the callee-saved registers and the stack in *save, and go on with those of load. */
void coroutine_switch(void **save, void *load);
__asm__(".text\n"
	".globl coroutine_switch\n"
	"coroutine_switch:\n"
	"push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rsp, (%rdi)\n"
	"mov %rsi, %rsp\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
	"ret\n");

static void switch_to(struct actor *to)
{
	struct actor *from = sched.current;

	if (to == from)
		return;
	sched.current = to;
	coroutine_switch(&from->sp, to->sp);
}

/* The next live actor in turn that is awake, or else any live one, or else actor itself. */
static struct actor *next_live(struct actor *actor)
{
	struct actor *sleeper = actor;

	for (u32 i = 1; i < sched.actor_count; i++) {
		struct actor *next = &sched.actors[(actor->index + i) % sched.actor_count];

		if (next->live && next->asleep <= sched.clock)
			return next;
		if (next->live && sleeper == actor)
			sleeper = next;
	}
	return sleeper;
}

static __noreturn void coroutine_main(void)
{
	struct actor *me = sched.current;

	if (priv.call)
		priv.call();
	else
		priv.body(me);
	access_drain(me);
	me->live = false;
	switch_to(next_live(me)->live ? next_live(me) : &priv.main);
	__builtin_unreachable();
}

static void coroutine_start(struct actor *actor, u32 index)
{
	void **top = (void **)(stacks[index] + STACK_SIZE);

	*actor = (struct actor){ .index = index, .live = true };
	/* A return address for coroutine_main, itself for coroutine_switch, six registers. */
	top[-1] = NULL;
	top[-2] = (void *)coroutine_main;
	memset(&top[-8], 0, 6 * sizeof(top[0]));
	actor->sp = &top[-8];
}

bool sched_call(void (*fn)(void))
{
	struct actor kept = sched.actors[0];

	priv.call = fn;
	priv.idle = 0;
	priv.aborted = false;
	sched.quiet = true;
	sched.actor_count = 1;
	coroutine_start(&sched.actors[0], 0);
	sched.actors[0].cpu = kept.cpu;
	sched.current = &priv.main;
	switch_to(&sched.actors[0]);
	sched.current = NULL;
	return !priv.aborted;
}

static u64 countdown(u64 mean)
{
	return 1 + rng_below(&priv.rng, 2 * mean - 1);
}

bool sched_run(struct schedule *schedule, u32 count, void (*body)(struct actor *actor))
{
	priv.call = NULL;
	priv.body = body;
	priv.schedule = schedule;
	priv.aborted = false;
	priv.idle = 0;
	priv.rng = schedule->seed ^ 0x5ced;
	priv.countdown[0] = countdown(schedule->cold_mean);
	priv.countdown[1] = countdown(schedule->hot_mean);
	priv.scripted_left = schedule->preempt_count;
	if (!schedule->scripted)
		schedule->preempt_count = 0;
	memset(priv.next_preempt, 0, sizeof(priv.next_preempt));
	memset(priv.readers, 0, sizeof(priv.readers));
	memset(priv.writers, 0, sizeof(priv.writers));
	sched.quiet = false;
	sched.progress = sched.clock;
	sched.actor_count = count;
	for (u32 i = 0; i < count; i++) {
		struct hw_cpu *cpu = sched.actors[i].cpu;

		coroutine_start(&sched.actors[i], i);
		sched.actors[i].cpu = cpu;
	}
	sched.current = &priv.main;
	switch_to(&sched.actors[0]);
	sched.current = NULL;
	return !priv.aborted;
}

void sched_abort(void)
{
	priv.aborted = true;
	switch_to(&priv.main);
	__builtin_unreachable();
}

void sched_op_done(struct actor *actor)
{
	access_drain(actor);
	sched.progress = sched.clock;
	priv.idle = 0;
}

/* What the script wants at this point of me, if anything. NULL: go on. */
static const struct preempt *scripted(struct actor *me)
{
	const struct schedule *schedule = priv.schedule;
	u32 *next = &priv.next_preempt[me->index];

	for (; *next < schedule->preempt_count; ++*next) {
		const struct preempt *at = &schedule->preempts[*next];

		if (at->actor != me->index || at->op < me->op_index ||
		    (at->op == me->op_index && at->step < me->step))
			continue;
		if (at->op != me->op_index || at->step != me->step)
			return NULL;
		++*next;
		priv.scripted_left--;
		return at;
	}
	return NULL;
}

/* Whether the seed wants a preemption here, and of whom; noted, so that it can be replayed. */
static const struct preempt *random_preempt(struct actor *me, bool hot)
{
	struct schedule *schedule = priv.schedule;
	struct preempt *preempt = &schedule->preempts[schedule->preempt_count];
	struct actor *target;

	if (likely(--priv.countdown[hot]))
		return NULL;
	priv.countdown[hot] = countdown(hot ? schedule->hot_mean : schedule->cold_mean);
	target = &sched.actors[rng_below(&priv.rng, sched.actor_count)];
	if (target == me || !target->live || target->asleep > sched.clock ||
	    schedule->preempt_count == MAX_PREEMPTS)
		return NULL;
	schedule->preempt_count++;
	*preempt = (struct preempt){
		.actor = (u8)me->index,
		.target = (u8)target->index,
		.op = (u16)me->op_index,
		.step = me->step,
	};
	/* Long enough for whole operations of others, now and then. */
	if (rng_below(&priv.rng, 4) == 0 && me->sleeps++ < SLEEPS)
		preempt->sleep = (u32)rng_below(&priv.rng, SLEEP_MAX);
	return preempt;
}

static void point_note(struct actor *me, u32 slot)
{
	u32 users = (u32)priv.readers[slot] | priv.writers[slot];

	/* Not reset between the runs of one exploration: who may ever meet here. */
	if (!priv.shared[slot] && priv.writers[slot] && (users & (users - 1))) {
		priv.shared[slot] = true;
		priv.points->grown = true;
	}
	if (!priv.shared[slot] || priv.scripted_left || priv.points->count == MAX_PREEMPTS)
		return;
	priv.points->at[priv.points->count++] = (struct preempt){
		.actor = (u8)me->index,
		.op = (u16)me->op_index,
		.step = me->step,
	};
}

void sched_note_points(struct sched_points *points, bool forget_shared)
{
	priv.points = points;
	if (forget_shared)
		memset(priv.shared, 0, sizeof(priv.shared));
}

void sched_point(const void *at, bool write)
{
	struct actor *me = sched.current;
	const struct preempt *preempt;
	u32 slot, others;

	sched.clock++;
	if (sched.quiet || (me->op && me->op->prelude))
		return;
	me->step++;
	if (unlikely(sched.clock - sched.progress > LIVELOCK_LIMIT))
		report("LIVELOCK", "no operation has ended for %u steps", LIVELOCK_LIMIT);
	slot = (u32)(((u64)at - (u64)&sched) * 0x9e3779b97f4a7c15ull >> 40) % TOUCH_SLOTS;
	others = ((u32)priv.readers[slot] | priv.writers[slot]) & ~(1u << me->index);
	*(write ? &priv.writers[slot] : &priv.readers[slot]) |= (u16)(1u << me->index);
	if (++me->busy > BUSY)
		priv.idle = 0;
	if (unlikely(priv.points) && access_matters(at))
		point_note(me, slot);
	preempt = priv.schedule->scripted ? scripted(me) : random_preempt(me, others);
	if (preempt && sched.actors[preempt->target].live) {
		struct actor *target = &sched.actors[preempt->target];

		if (unlikely(report_tracing))
			report_preempt(me, target);
		me->asleep = sched.clock + preempt->sleep;
		switch_to(target);
	}
}

static void wake_all(void)
{
	for (u32 i = 0; i < sched.actor_count; i++)
		sched.actors[i].asleep = 0;
}

void oracle_pause(void)
{
	struct actor *me = sched.current;

	if (!me || (sched.quiet && ++priv.idle <= IDLE_LIMIT))
		return;
	me->step++;
	me->busy = 0;
	sched.clock++;
	access_drain(me);
	if (++priv.idle > IDLE_LIMIT / 2)
		wake_all();
	if (priv.idle > IDLE_LIMIT)
		report("DEADLOCK", "all wait, and nobody does anything else");
	switch_to(next_live(me));
}
