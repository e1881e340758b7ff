/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes programs from seeds, and runs programs: see run.h.
 */
#include "run.h"

#include <string.h>

#include "hw.h"
#include "judge.h"

struct run_totals run_totals;
static struct program *running;

static u8 pick_kind(bool cpu, u64 *rng)
{
	u64 total = 0;
	u8 kind = 0;

	for (u32 i = 0; i < OP_KINDS; i++)
		total += cpu ? op_kinds[i].cpu_weight : op_kinds[i].manager_weight;
	total = rng_below(rng, total);
	for (;; kind++) {
		u64 weight = cpu ? op_kinds[kind].cpu_weight : op_kinds[kind].manager_weight;

		if (total < weight)
			return kind;
		total -= weight;
	}
}

static void random_world(struct world_config *config, u64 *rng)
{
	*config = (struct world_config){
		.fmt = rng_below(rng, 2) ? &spte_format_ept : &spte_format_npt,
		.max_leaf = LEVEL_4K + (u32)rng_below(rng, 3),
		.cpus = 1 + (u32)rng_below(rng, 3),
		.managers = (u32)rng_below(rng, 3),
		.spaces = rng_below(rng, 4) ? 1 : 2,
		.quarantine = rng_below(rng, 4) ? 64 : 0,
		.alloc_fail = rng_below(rng, 8) ? 0 : 8,
		.hot_count = 2 + (u32)rng_below(rng, MAX_HOT - 2),
	};
	if (rng_below(rng, 8) == 0)
		config->cpus = 4 + (u32)rng_below(rng, 5);
	/* Guests that are given single pages have more tables to go wrong. */
	if (rng_below(rng, 2))
		config->max_leaf = LEVEL_4K;
	config->hw_ad = config->fmt == &spte_format_npt || rng_below(rng, 2);
	config->pml = config->fmt == &spte_format_ept && config->hw_ad && rng_below(rng, 2);
	config->nx_huge = rng_below(rng, 8) == 0;
	config->logs = rng_below(rng, 4) == 0;
	for (u32 i = 0; i < config->hot_count; i++)
		config->hot[i] = config->logs ? POSITION_GFN(0) + rng_below(rng, 3)
					      : world_pick_gfn(rng);
}

/* A slot with a log, most of the time. */
static void begin_log(struct program *program, u64 *rng)
{
	u32 actors = program->world.cpus + program->world.managers;

	for (u32 i = 0; i < actors; i++) {
		for (u32 j = 0; j < program->op_count[i]; j++) {
			struct op *op = &program->ops[i][j];

			if ((op->kind == OP_SLOT || op->kind == OP_MOVE) && rng_below(rng, 4))
				op->kind = OP_HARVEST;
		}
	}
	program->ops[0][0] = op_position(OP_SLOT, 0);
	program->ops[0][1] = op_position(OP_LOG, (u8)rng_below(rng, 8));
}

void program_random(struct program *program, u64 seed)
{
	static const u32 means[] = { 2, 4, 10, 30, 100 };
	u64 rng = seed;
	u32 actors, ops;

	program->name = NULL;
	program->seed = seed;
	random_world(&program->world, &rng);
	world.config = &program->world;
	actors = program->world.cpus + program->world.managers;
	program->alone = actors == 1 && !program->world.alloc_fail;
	program->schedule = (struct schedule){ .seed = rng_next(&rng) };
	program->schedule.hot_mean = means[rng_below(&rng, ARRAY_SIZE(means))];
	program->schedule.cold_mean = 20 * means[rng_below(&rng, ARRAY_SIZE(means))];
	program->schedule.drain = (enum drain)rng_below(&rng, DRAINS);
	ops = 4 + (u32)rng_below(&rng, MAX_OPS - 4);
	for (u32 i = 0; i < actors; i++) {
		bool cpu = i < program->world.cpus;

		program->op_count[i] = cpu ? ops : 1 + ops / 6;
		for (u32 j = 0; j < program->op_count[i]; j++) {
			struct op *op = &program->ops[i][j];

			*op = (struct op){ .kind = pick_kind(cpu, &rng) };
			op->space = (u8)rng_below(&rng, program->world.spaces);
			op_kinds[op->kind].choose(op, &rng);
		}
	}
	if (program->world.logs)
		begin_log(program, &rng);
}

void program_begin(struct program *program, const char *name, u32 cpus, u32 managers)
{
	memset(program, 0, sizeof(*program));
	program->name = name;
	program->world = (struct world_config){
		.fmt = &spte_format_npt,
		.hw_ad = true,
		.lazy_cpu = true,
		.max_leaf = LEVEL_4K,
		.cpus = cpus,
		.managers = managers,
		.spaces = 1,
		.quarantine = 64,
		.hot_count = 1,
	};
	program->schedule.scripted = true;
	program->schedule.hot_mean = program->schedule.cold_mean = 1;
}

void program_add(struct program *program, u32 actor, struct op op)
{
	program->ops[actor][program->op_count[actor]++] = op;
}

void program_prelude(struct program *program, u32 actor, struct op op)
{
	op.prelude = true;
	program_add(program, actor, op);
}

static void run_op(struct actor *actor, const struct op *op)
{
	const struct op_kind *kind = &op_kinds[op->kind];

	actor->rng = running->seed ^ (u64)(actor->index * MAX_OPS + actor->op_index) << 32;
	actor->step = actor->sleeps = 0;
	actor->op = op;
	if (actor->cpu && !kind->in_guest)
		hw_leave(actor->cpu);
	judge_op_begin(actor);
	kind->run(actor, op);
	/* Its stores are seen by then: whoever is told that it has ended synchronises. */
	sched_op_done(actor);
	judge_op_end(actor, kind);
	run_totals.ops++;
	run_totals.accesses += op->kind == OP_ACCESS;
}

static void actor_body(struct actor *actor)
{
	const struct op *ops = running->ops[actor->index];
	u32 count = running->op_count[actor->index];
	bool prelude = true;

	for (u32 i = 0; i <= count; i++) {
		/* When all have set their scene, the first one goes on. */
		if (prelude && (i == count || !ops[i].prelude)) {
			prelude = false;
			actor->op = NULL;
			oracle_pause();
		}
		actor->op_index = i;
		if (i < count && !ops[i].dropped)
			run_op(actor, &ops[i]);
	}
	actor->op = NULL;
	if (actor->cpu)
		hw_leave(actor->cpu);
}

static void run_end(void)
{
	judge_trees(running->alone);
	world_end_quarantine();
	world_destroy();
	if (judge_live_tables())
		report("FRAME_LEAK", "%u tables outlive their trees", judge_live_tables());
	if (world_objects())
		report("FRAME_LEAK", "%u objects of the heap outlive all", world_objects());
}

bool program_run(struct program *program)
{
	u32 actors = program->world.cpus + program->world.managers;

	running = program;
	outcome.failed = false;
	world.config = &program->world;
	world.drain = program->schedule.drain;
	sched.clock = 0;
	hw_reset();
	for (u32 i = 0; i < actors; i++)
		sched.actors[i].cpu = i < program->world.cpus ? &hw_cpus[i] : NULL;
	if (sched_call(world_create) && sched_run(&program->schedule, actors, actor_body))
		(void)sched_call(run_end);
	run_totals.runs++;
	run_totals.steps += sched.clock;
	return !outcome.failed;
}
