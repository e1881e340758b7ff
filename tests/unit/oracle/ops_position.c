/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations at positions, where slots come and go: see ops_position.h. Who is at work at one claims
 * it: there is one such operation at a time, and the world is told what it may find meanwhile.
 */
#include "ops_position.h"

#include "dirty.h"
#include "judge.h"
#include "lib/err.h"
#include "mm/dirty_log.h"
#include "mm/slots.h"
#include "report.h"

void choose_position(struct op *op, u64 *rng)
{
	u64 position = rng_below(rng, POSITIONS);

	op->gfn = POSITION_GFN(world.config->logs ? 0 : position);
	op->end = op->gfn + POSITION_PAGES;
	op->access = (u8)rng_below(rng, 8);
}

void op_expect_memory(int err)
{
	if (err && !(err == E_NOMEM && world.config->alloc_fail))
		report("WRONG_RESULT", "error %d", err);
}

/* Claim a position for an operation that changes it; false: it is somebody else's. */
static struct position *claim(struct actor *actor, const struct op *op, u64 gfn, bool live)
{
	struct position *position = world_position(op->space, gfn);

	actor->skipped = position->claimed || position->live != live;
	if (actor->skipped)
		return NULL;
	position->claimed = true;
	return position;
}

static void slot_comes(const struct op *op, struct position *position)
{
	bool readonly = op->access & 4;
	int err;

	position->coming = true;
	position->readonly = readonly;
	err = slot_add(op_tdp(op), GFN(op->gfn), POSITION_PAGES, readonly);
	op_expect_memory(err);
	position->live = !err;
	position->coming = position->claimed = false;
}

void run_slot(struct actor *actor, const struct op *op)
{
	struct position *position = claim(actor, op, op->gfn, true);
	int err;

	if (!position) {
		position = claim(actor, op, op->gfn, false);
		if (position)
			slot_comes(op, position);
		actor->skipped = true;
		return;
	}
	position->going = true;
	position->old_pfn = position->pfn;
	err = slot_remove(op_tdp(op), GFN(op->gfn));
	op_expect_memory(err);
	if (!err && position->logged)
		dirty_log(op->space, op->gfn, false);
	position->going = position->claimed = false;
	position->live = err;
	position->logged &= position->live;
	actor->skipped = err;
}

void run_move(struct actor *actor, const struct op *op)
{
	u64 to = op->gfn == POSITION_GFN(POSITIONS - 1) ? POSITION_GFN(0)
							: op->gfn + 2 * POSITION_PAGES;
	struct position *from, *other = claim(actor, op, to, false);
	int err;

	from = other ? claim(actor, op, op->gfn, true) : NULL;
	if (!from || from->logged) {
		if (other)
			other->claimed = false;
		if (from)
			from->claimed = false;
		actor->skipped = true;
		return;
	}
	from->going = other->coming = true;
	other->pfn = from->old_pfn = from->pfn;
	other->readonly = from->readonly;
	err = slot_move(op_tdp(op), GFN(op->gfn), GFN(to));
	op_expect_memory(err);
	from->live = err;
	other->live = !err;
	from->going = other->coming = from->claimed = other->claimed = false;
	actor->skipped = err;
}

void run_readonly(struct actor *actor, const struct op *op)
{
	struct position *position = claim(actor, op, op->gfn, true);
	int err;

	if (!position)
		return;
	position->turning = true;
	err = slot_set_readonly(op_tdp(op), GFN(op->gfn), !position->readonly);
	op_expect_memory(err);
	if (!err)
		position->readonly = !position->readonly;
	position->turning = position->claimed = false;
	actor->skipped = err || !position->readonly;
}

static bool cpu_can(enum dirty_means means)
{
	return means == DIRTY_PROTECT ||
	       (world.config->hw_ad && (means == DIRTY_BITS || world.config->pml));
}

static void log_begins(const struct op *op, struct position *position)
{
	enum dirty_means means = op->access & 1   ? DIRTY_PROTECT
				 : op->access & 4 ? DIRTY_PML
						  : DIRTY_BITS;
	int err;

	world.small_leaves = true;
	dirty_log(op->space, op->gfn, true);
	err = dirty_log_start(op_tdp(op), GFN(op->gfn), means, op->access & 2);
	if ((err == E_UNSUPPORTED) == cpu_can(means))
		report("WRONG_RESULT", "error %d, and the CPU can do that: %d", err,
		       cpu_can(means));
	if (err != E_UNSUPPORTED)
		op_expect_memory(err);
	position->logged = !err;
	if (err)
		dirty_log(op->space, op->gfn, false);
	else
		dirty_log_runs(op->space, op->gfn);
}

void run_log(struct actor *actor, const struct op *op)
{
	struct position *position = claim(actor, op, op->gfn, true);

	if (!position)
		return;
	if (position->logged) {
		int err = dirty_log_stop(op_tdp(op), GFN(op->gfn));

		op_expect_memory(err);
		position->logged = err;
		if (!err)
			dirty_log(op->space, op->gfn, false);
	} else {
		log_begins(op, position);
	}
	position->claimed = false;
}

static void harvested(void *ctx, gfn_t gfn, u64 bits)
{
	judge_op_flushed();
	for (u32 i = 0; i < 64; i++) {
		if (bits & BIT(i))
			dirty_harvest_report(ctx, gfn.raw + i);
	}
}

void run_harvest(struct actor *actor, const struct op *op)
{
	struct position *position = claim(actor, op, op->gfn, true);
	struct dirty_harvest harvest;

	if (!position)
		return;
	if (position->logged) {
		dirty_harvest_begin(&harvest, op->space, op->gfn, op->end);
		op_expect_memory(dirty_log_harvest(op_tdp(op), GFN(op->gfn), harvested, &harvest));
		dirty_harvest_end(&harvest);
	}
	position->claimed = false;
}
