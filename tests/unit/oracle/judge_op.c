/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What operations promise when they return: see ops.h.
 */
#include "hw.h"
#include "judge_leaf.h"
#include "ops.h"
#include "report.h"

void judge_op_begin(struct actor *actor)
{
	actor->since = sched.clock;
	actor->removed = actor->rounds = 0;
	actor->ended = NO_LEAF;
	actor->skipped = actor->met = false;
}

void judge_op_flushed(void)
{
	for (u32 i = sched.current->ended; i != NO_LEAF; i = judge_leaf(i)->next)
		hw_check_unusable(i);
}

static void check_rounds(const struct actor *actor, const struct op_kind *kind)
{
	if (actor->rounds > kind->max_rounds)
		report("EXTRA_ROUND", "%u rounds in one operation", actor->rounds);
	if (actor->rounds && !actor->removed && !actor->met && !kind->asks_round &&
	    !(kind->shares_round && sched.actor_count > 1))
		report("NEEDLESS_ROUND", "nothing was removed");
}

void judge_op_end(struct actor *actor, const struct op_kind *kind)
{
	struct leaf *leaf;

	check_rounds(actor, kind);
	if (!kind->removes && !kind->narrows)
		return;
	for (u32 i = actor->ended; i != NO_LEAF; i = leaf->next) {
		leaf = judge_leaf(i);
		/* Next to a fault, a table may look empty that no longer is, and go with its leaf. */
		if (sched.actor_count == 1 && kind->removes && !leaf_overlaps(leaf, actor->op))
			report("OVER_ZAP", "a leaf for gfn 0x%lx, beside what was asked for",
			       leaf->gfn);
		leaf->dead = true;
		leaf->why = "was removed by an operation that has returned";
	}
	if (!actor->skipped && (kind->removes || kind->protects))
		leaves_check_range(actor->op, actor->since, kind->protects);
	hw_check_dead();
	leaves_bury();
}
