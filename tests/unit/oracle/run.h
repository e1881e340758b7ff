/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program is all that a run depends on: the world, what each actor does, and the schedule.
 * The same program always ends in the same way.
 */
#pragma once

#include "ops.h"
#include "report.h"
#include "world.h"

struct program {
	const char *name; /* of a directed one */
	u64 seed;
	struct world_config world;
	struct schedule schedule;
	bool alone; /* one actor only: more is known of the tree when it has ended */
	u32 op_count[MAX_ACTORS];
	struct op ops[MAX_ACTORS][MAX_OPS];
};

/* Totals over all runs. */
struct run_totals {
	u64 runs, ops, accesses, steps;
};
extern struct run_totals run_totals;

/* Make a program from a seed. */
void program_random(struct program *program, u64 seed);

/* An empty program with cpus CPUs and managers management threads, for one VM. */
void program_begin(struct program *program, const char *name, u32 cpus, u32 managers);
void program_add(struct program *program, u32 actor, struct op op);
/* The same, before anyone is preempted. */
void program_prelude(struct program *program, u32 actor, struct op op);

/* Run it; what it found is in outcome. True: nothing. */
bool program_run(struct program *program);

/* Make a program that fails shorter, as long as it gives the same report. */
void program_shrink(struct program *program);

/* Print a program that fails, and a trace of its run. */
void program_print(struct program *program);

/*
 * Run a directed program with all schedules of at most preemptions preemptions (and of what it is
 * begun with). True: nothing found; otherwise program is the one that fails.
 */
bool program_explore(struct program *program, u32 preemptions);
