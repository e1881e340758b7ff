/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a failing program short enough to be read: leaves out operations and preemptions as
 * long as the same report comes. And prints what is left.
 */
#include <stdio.h>
#include <string.h>

#include "run.h"

/* Runs that one failure is worth. */
#define SHRINK_RUNS 4000u

static struct {
	char name[sizeof(outcome.name)];
	u32 runs;
} shrink;

static bool still_fails(struct program *program)
{
	shrink.runs++;
	return !program_run(program) && strcmp(outcome.name, shrink.name) == 0;
}

/* The n-th operation that is not dropped; NULL: there are not so many. */
static struct op *op_at(struct program *program, u32 n)
{
	for (u32 i = 0; i < program->world.cpus + program->world.managers; i++) {
		for (u32 j = 0; j < program->op_count[i]; j++) {
			if (!program->ops[i][j].dropped && n-- == 0)
				return &program->ops[i][j];
		}
	}
	return NULL;
}

/* Drop count operations from the first-th on; false: that ends the failure, so they stay. */
static bool drop_ops(struct program *program, u32 first, u32 count)
{
	struct op *dropped[MAX_ACTORS * MAX_OPS];
	u32 done = 0;

	while (done < count) {
		dropped[done] = op_at(program, first);
		if (!dropped[done])
			break;
		dropped[done++]->dropped = true;
	}
	if (still_fails(program))
		return true;
	while (done)
		dropped[--done]->dropped = false;
	return false;
}

static bool drop_preempts(struct program *program, u32 first, u32 count)
{
	static struct preempt kept[MAX_PREEMPTS];
	struct schedule *schedule = &program->schedule;
	u32 total = schedule->preempt_count;

	count = MIN(count, total - first);
	memcpy(kept, schedule->preempts, total * sizeof(kept[0]));
	memmove(&schedule->preempts[first], &kept[first + count],
		(total - first - count) * sizeof(kept[0]));
	schedule->preempt_count -= count;
	if (still_fails(program))
		return true;
	memcpy(schedule->preempts, kept, total * sizeof(kept[0]));
	schedule->preempt_count = total;
	return false;
}

/* Try pieces of half of all, then ever smaller ones. True: something could be dropped. */
static bool shrink_pass(struct program *program, bool ops)
{
	bool better = false;
	u32 total = program->schedule.preempt_count;

	if (ops) {
		for (total = 0; op_at(program, total);)
			total++;
	}
	for (u32 piece = (total + 1) / 2; piece && shrink.runs < SHRINK_RUNS; piece /= 2) {
		for (u32 first = 0; first < total && shrink.runs < SHRINK_RUNS;) {
			bool dropped = ops ? drop_ops(program, first, piece)
					   : drop_preempts(program, first, piece);

			better |= dropped;
			if (dropped)
				total -= MIN(piece, total - first);
			else
				first += piece;
		}
	}
	return better;
}

void program_shrink(struct program *program)
{
	bool better;

	memcpy(shrink.name, outcome.name, sizeof(shrink.name));
	shrink.runs = 0;
	/* From now on by the list that the failing run has left. */
	program->schedule.scripted = true;
	if (!still_fails(program)) {
		printf("#  the run does not repeat: the oracle itself is wrong\n");
		return;
	}
	do {
		better = shrink_pass(program, true);
		better |= shrink_pass(program, false);
	} while (better && shrink.runs < SHRINK_RUNS);
	still_fails(program);
}

static void print_world(const struct program *program)
{
	static const char *const drains[DRAINS] = { "at once", "late", "at random" };
	const struct world_config *config = &program->world;

	printf("#  %s%s, %u CPUs, %u managers, %u VMs, leaves up to level %u, %u tables in "
	       "quarantine, stores leave the buffer %s\n",
	       config->fmt->name, config->hw_ad ? " with A/D bits" : "", config->cpus,
	       config->managers, config->spaces, config->max_leaf, config->quarantine,
	       drains[program->schedule.drain]);
}

static void print_ops(const struct program *program)
{
	for (u32 i = 0; i < program->world.cpus + program->world.managers; i++) {
		for (u32 j = 0; j < program->op_count[i]; j++) {
			const struct op *op = &program->ops[i][j];

			if (!op->dropped)
				printf("#  %s%u %2u: %s vm%u gfn [0x%lx, 0x%lx)%s\n",
				       i < program->world.cpus ? "cpu" : "mgr", i, j,
				       op_kinds[op->kind].name, op->space, op->gfn, op->end,
				       op->prelude ? ", undisturbed" : "");
		}
	}
}

void program_print(struct program *program)
{
	printf("#  %u preemptions; the steps:\n", program->schedule.preempt_count);
	report_trace(true);
	(void)program_run(program);
	report_flush();
	report_trace(false);
	/* What matters most comes last: often only the end of a log is looked at. */
	print_world(program);
	print_ops(program);
	if (program->name)
		printf("#  replay with ORACLE_ONLY='%s'\n", program->name);
	else
		printf("#  replay with ORACLE_ONLY=random ORACLE_SEED=%lu ORACLE_RUNS=1\n",
		       program->seed);
	printf("# %s: %s\n", outcome.name, outcome.text);
	fflush(stdout);
}
