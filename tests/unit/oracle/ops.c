/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the simulated CPUs and management threads do: see ops.h.
 */
#include "ops.h"

#include "hw.h"
#include "mm/tdp_iter.h"
#include "report.h"

/* No access can need that many faults: each one that retries lets others go on. */
#define RETRIES 20000u

static u64 pick_hot(u64 *rng)
{
	return world.config->hot[rng_below(rng, world.config->hot_count)];
}

static void choose_gfn(struct op *op, u64 *rng)
{
	static const u8 accesses[] = { ACCESS_READ, ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

	op->gfn = pick_hot(rng);
	op->end = op->gfn + 1;
	op->access = accesses[rng_below(rng, ARRAY_SIZE(accesses))];
}

static void choose_range(struct op *op, u64 *rng)
{
	op->gfn = pick_hot(rng);
	switch (rng_below(rng, 16)) {
	case 0:
		op->gfn = 0;
		op->end = BIT(36);
		break;
	case 1:
		op->gfn = align_down(op->gfn, level_pages(LEVEL_1G));
		op->end = op->gfn + level_pages(LEVEL_1G);
		break;
	case 2:
	case 3:
		op->gfn = align_down(op->gfn, level_pages(LEVEL_2M));
		op->end = op->gfn + level_pages(LEVEL_2M);
		break;
	case 4:
	case 5:
	case 6:
		op->end = op->gfn + 1 + rng_below(rng, 1024);
		break;
	default:
		op->end = op->gfn + 1 + rng_below(rng, 3);
	}
}

/* A slot's block, so that what is moved is what is zapped. */
static void choose_block(struct op *op, u64 *rng)
{
	struct backing backing;

	op->gfn = pick_hot(rng);
	backing = world_backing(op->space, op->gfn);
	op->gfn = backing.npages ? backing.block : op->gfn;
	op->end = op->gfn + (backing.npages ? backing.block_pages : 1);
}

static struct tdp *tdp_of(const struct op *op)
{
	return &world.vms[op->space].tdp;
}

/* Resolve a fault and judge what was said about it. True: it is of no use to try again. */
static bool fault(const struct op *op)
{
	enum tdp_result result = tdp_fault(tdp_of(op), gfn_to_gpa(GFN(op->gfn)), op->access);
	bool slot = world_backing(op->space, op->gfn).npages;

	report_event("fault at gfn 0x%lx: result %d", op->gfn, result);
	if (slot != (result != TDP_EMULATE) || result == TDP_DENY)
		report("WRONG_RESULT", "a fault at gfn 0x%lx yields %d", op->gfn, result);
	if (result == TDP_NOMEM && !world.config->alloc_fail)
		report("WRONG_RESULT", "a fault at gfn 0x%lx finds no memory", op->gfn);
	/* A CPU that has to try again lets others run; so a script without preemptions ends. */
	if (result == TDP_RETRY)
		__builtin_ia32_pause();
	return result == TDP_EMULATE || result == TDP_NOMEM;
}

static void run_access(struct actor *actor, const struct op *op)
{
	for (u32 i = 0; i < RETRIES; i++) {
		hw_enter(actor->cpu, op->space);
		if (!hw_stays(actor->cpu))
			continue;
		if (!world.config->lazy_cpu && chance(4))
			hw_speculate(actor->cpu);
		if (hw_access(actor->cpu, op->gfn, op->access)) {
			report_event("has accessed gfn 0x%lx", op->gfn);
			return;
		}
		hw_exit(actor->cpu);
		if (fault(op))
			return;
	}
	report("LIVELOCK", "an access to gfn 0x%lx has faulted %u times", op->gfn, RETRIES);
}

static void run_stay(struct actor *actor, const struct op *op)
{
	u64 steps = 1 + rng_below(&actor->rng, 16);

	hw_enter(actor->cpu, op->space);
	while (steps-- && hw_stays(actor->cpu))
		hw_speculate(actor->cpu);
}

static void run_leave(struct actor *actor, const struct op *op)
{
	(void)op;
	hw_exit(actor->cpu);
}

static void run_fault(struct actor *actor, const struct op *op)
{
	(void)actor;
	(void)fault(op);
}

static void run_walk(struct actor *actor, const struct op *op)
{
	struct tdp_walk_step steps[8];
	unsigned int count = tdp_walk(tdp_of(op), gfn_to_gpa(GFN(op->gfn)), steps);

	(void)actor;
	if (!count != !tdp_covers(tdp_of(op), GFN(op->gfn)) || count > tdp_of(op)->root_level)
		report("WRONG_RESULT", "a walk of %u steps", count);
}

static void run_zap(struct actor *actor, const struct op *op)
{
	(void)actor;
	tdp_zap(tdp_of(op), GFN(op->gfn), GFN(op->end));
}

static void run_round(struct actor *actor, const struct op *op)
{
	(void)actor;
	tlb_shootdown(&tdp_of(op)->tlb);
}

/*
 * Once the slot says so, whoever begins a fault uses the new frames; those who have begun before
 * are waited for by the first round; then what they have mapped goes.
 */
static void run_move(struct actor *actor, const struct op *op)
{
	struct backing backing = world_backing(op->space, op->gfn);

	actor->skipped = !backing.npages || backing.old_pfn;
	if (actor->skipped)
		return;
	world_move_begin(op->space, op->gfn);
	tlb_shootdown(&tdp_of(op)->tlb);
	tdp_zap(tdp_of(op), GFN(op->gfn), GFN(op->end));
	world_move_end(op->space, op->gfn);
}

const struct op_kind op_kinds[OP_KINDS] = {
	[OP_ACCESS] = { .name = "access",
			.cpu_weight = 100,
			.in_guest = true,
			.choose = choose_gfn,
			.run = run_access },
	[OP_STAY] = { .name = "stay",
		      .cpu_weight = 10,
		      .in_guest = true,
		      .choose = choose_gfn,
		      .run = run_stay },
	[OP_LEAVE] = { .name = "leave", .cpu_weight = 3, .choose = choose_gfn, .run = run_leave },
	[OP_FAULT] = { .name = "fault",
		       .cpu_weight = 2,
		       .manager_weight = 20,
		       .choose = choose_gfn,
		       .run = run_fault },
	[OP_WALK] = { .name = "walk",
		      .cpu_weight = 3,
		      .manager_weight = 10,
		      .choose = choose_gfn,
		      .run = run_walk },
	[OP_ZAP] = { .name = "zap",
		     .cpu_weight = 3,
		     .manager_weight = 30,
		     .removes = true,
		     .max_rounds = 1,
		     .choose = choose_range,
		     .run = run_zap },
	[OP_ROUND] = { .name = "round",
		       .cpu_weight = 1,
		       .manager_weight = 3,
		       .asks_round = true,
		       .max_rounds = 1,
		       .choose = choose_gfn,
		       .run = run_round },
	[OP_MOVE] = { .name = "move",
		      .cpu_weight = 1,
		      .manager_weight = 6,
		      .removes = true,
		      .asks_round = true,
		      .max_rounds = 2,
		      .choose = choose_block,
		      .run = run_move },
};

struct op op_access(u64 gfn)
{
	return (struct op){ .kind = OP_ACCESS, .access = ACCESS_WRITE, .gfn = gfn, .end = gfn + 1 };
}

struct op op_range(enum op_id kind, u64 gfn, u64 end)
{
	return (struct op){ .kind = (u8)kind, .access = ACCESS_READ, .gfn = gfn, .end = end };
}
