/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle's scheduler: simulated CPUs and management threads are coroutines of one host
 * thread, and every atomic access of the code under test is a point where another one may
 * be let go on. Which one is decided by a seed, or by a script: the list of the points
 * at which a run was preempted replays it exactly, and can be made shorter.
 *
 * Stores that are no read-modify-write stay in their actor's store buffer for a while, as on
 * real CPUs: a missing barrier is seen.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/types.h"

#define MAX_ACTORS 12u
#define MAX_OPS 64u
#define MAX_PREEMPTS 4096u
#define STORE_BUFFER 8u

/* One operation of an actor: what its kind makes of the arguments is in ops.c. */
struct op {
	u8 kind; /* index into op_kinds[] */
	u8 space; /* which VM */
	u8 access; /* enum spte_access bits */
	bool prelude; /* done before anyone is preempted, to set a scene */
	bool dropped; /* left out, by the shrinker */
	u64 gfn, end; /* [gfn, end) */
};

/*
 * At actor's step-th shared access in its op-th operation, target goes on instead; actor sleeps
 * for so many points of others, unless all the rest waits.
 */
struct preempt {
	u8 actor, target;
	u16 op;
	u32 step, sleep;
};

struct store {
	void *at;
	u64 value;
	u32 size;
};

struct hw_cpu;
struct slot_table;

/* What an actor has found the slots of a VM in, and for how long it may look there: judge_look.c. */
struct look {
	const struct slot_table *slots; /* NULL: none */
	const u32 *place;
	u32 count, space;
};

struct actor {
	void *sp; /* its stack, while another actor runs */
	u32 index;
	bool live;
	struct hw_cpu *cpu; /* NULL: a management thread, which enters no guest */
	const struct op *op; /* the operation it is in */
	u32 op_index, step; /* where in its operations, and in this one */
	u32 busy; /* points since it waited last */
	u64 rng; /* for what happens inside of the operation */
	u64 asleep; /* until the clock says so */
	u32 sleeps; /* in this operation */
	u64 since; /* when the operation began */
	u32 removed, rounds; /* present entries it has removed, rounds it has made */
	bool met; /* an entry that another one has frozen, and may not have flushed yet */
	bool skipped; /* the operation had nothing to do, and promises nothing */
	u32 ended; /* first of the leaves it has removed: see judge.c */
	u64 *seen_at; /* the entry it read last, and the value then */
	u64 seen;
	struct store stores[STORE_BUFFER]; /* oldest first */
	u32 store_count;
	struct look look;
};

/* How long stores stay in the buffer; read-modify-writes and waiting always empty it. */
enum drain { DRAIN_AT_ONCE, DRAIN_LATE, DRAIN_RANDOM, DRAINS };

struct schedule {
	u64 seed;
	u32 hot_mean,
		cold_mean; /* preempt once in so many accesses to what others use, and to the rest */
	enum drain drain;
	bool scripted; /* preempt as the list says, or as the seed does and write the list */
	u32 preempt_count;
	struct preempt preempts[MAX_PREEMPTS];
};

extern struct sched {
	struct actor actors[MAX_ACTORS];
	u32 actor_count;
	struct actor *current;
	u64 clock; /* counts scheduling points */
	u64 progress; /* the clock when an operation last ended */
	bool quiet; /* nobody is preempted now */
} sched;

static inline u64 rng_next(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline u64 rng_below(u64 *state, u64 limit)
{
	return (rng_next(state) >> 11) % limit;
}

/* One in n, from the current actor's own numbers. */
static inline bool chance(u32 n)
{
	return rng_below(&sched.current->rng, n) == 0;
}

/* Run fn as the only actor, without preemption. False: it was aborted. */
bool sched_call(void (*fn)(void));

/* Let count actors run body(actor) by the schedule, until all are done. False: aborted. */
bool sched_run(struct schedule *schedule, u32 count, void (*body)(struct actor *actor));

/* A scheduling point, before an access to at. */
void sched_point(const void *at, bool write);

/* Give up the run, from within any actor. */
__noreturn void sched_abort(void);

/* An operation has ended; what it has stored is seen by all. */
void sched_op_done(struct actor *actor);

/*
 * For the exhaustive mode: while points is not NULL, points that two actors may meet at, since the
 * last preemption of the script, are noted there.
 */
struct sched_points {
	u32 count;
	bool grown; /* an address has turned out to be shared: earlier lists lack it */
	struct preempt at[MAX_PREEMPTS];
};
void sched_note_points(struct sched_points *points, bool forget_shared);
