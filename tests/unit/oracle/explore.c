/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bounded exhaustive mode: runs a small program with every schedule of at most so many
 * preemptions. A preemption is only tried where an actor is about to access what another one
 * writes, or writes what another one reads; anywhere else it would give the same run.
 */
#include <string.h>

#include "run.h"

/* Addresses turn out to be shared as schedules are tried; then all is tried again. */
#define ROUNDS_MAX 6u

/* The points of each depth. Too large for the stack. */
static struct sched_points points[6];

static bool explore(struct program *program, u32 left, u32 depth)
{
	struct sched_points *mine = &points[depth];
	u32 at = program->schedule.preempt_count;
	u32 actors = program->world.cpus + program->world.managers;
	bool good;

	mine->count = 0;
	sched_note_points(mine, false);
	good = program_run(program);
	sched_note_points(NULL, false);
	if (!good || !left)
		return good;
	for (u32 i = 0; i < mine->count; i++) {
		for (u32 target = 0; target < actors; target++) {
			if (target == mine->at[i].actor)
				continue;
			program->schedule.preempts[at] = mine->at[i];
			program->schedule.preempts[at].target = (u8)target;
			program->schedule.preempt_count = at + 1;
			if (!explore(program, left - 1, depth + 1))
				return false;
		}
	}
	program->schedule.preempt_count = at;
	return true;
}

bool program_explore(struct program *program, u32 preemptions)
{
	bool good = true, grown = true;

	preemptions = MIN(preemptions, (u32)ARRAY_SIZE(points) - 1);
	sched_note_points(NULL, true);
	for (u32 i = 0; good && grown && i < ROUNDS_MAX; i++) {
		memset(points, 0, sizeof(points));
		good = explore(program, preemptions, 0);
		grown = false;
		for (u32 depth = 0; depth <= preemptions; depth++)
			grown |= points[depth].grown;
	}
	return good;
}
