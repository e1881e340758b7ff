/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to the TDP tree: the one place through which its entries change. Each change is
 * one atomic operation that yields the old value, followed by one accounting function
 * that checks it and updates counters, the table's count and what the change owes.
 *
 * Adding (absent to leaf or table) is done by anyone in a walk, by compare-and-swap.
 * Removing is done under tdp->lock with a gather: freeze, flush, then clear and free.
 */
#pragma once

#include "mm/tdp_iter.h"

/*
 * What removals owe: a flush, and then the freeing of the table pages that left the tree. Must be
 * finished before tdp->lock is given up.
 */
struct tdp_gather {
	struct tdp *tdp;
	hpa_t removed; /* the first removed table; each one's entry 0 links to the next; 0 ends */
	bool flush;
};

void tdp_gather_check(const struct tdp_gather *gather);

/* Declare an empty gather; leaving its scope while it owes something is caught by an assert. */
#define TDP_GATHER(name, tree) \
	struct tdp_gather name __attribute__((cleanup(tdp_gather_check))) = { .tdp = (tree) }

/* Pay everything: at most one shootdown round, then free. false: nothing was owed. */
bool tdp_gather_finish(struct tdp_gather *gather);

/* A zeroed page for a table, counted; or back, when nothing can point to it any more. */
int __must_check tdp_table_alloc(struct tdp *tdp, hpa_t *out);
void tdp_table_free(struct tdp *tdp, hpa_t table);

/* The number of present entries, exact when nobody is just adding one. */
u16 tdp_table_count(hpa_t table);

/*
 * The funnel: all accounting for a change of entry, from old to entry.spte, that has just been
 * made. gather may be NULL when old is not present.
 */
void tdp_spte_changed(struct tdp *tdp, struct tdp_gather *gather, struct tdp_entry entry, u64 old);

/*
 * Put new into an entry if it still is entry.spte, which must be absent. false: it is not. (Here,
 * so that a fault's entry stays in registers.)
 */
static inline bool __must_check tdp_spte_add(struct tdp *tdp, struct tdp_entry entry, u64 new)
{
	u64 old = entry.spte;

	if (!atomic_cmpxchg(entry.sptep, &old, new))
		return false;
	entry.spte = new;
	tdp_spte_changed(tdp, NULL, entry, old);
	return true;
}

/* Freeze an entry, and remove all that is below it. */
void tdp_spte_freeze(struct tdp_gather *gather, struct tdp_entry entry);

/* Make an entry, which is frozen, absent: faults may fill it again. */
void tdp_spte_clear(struct tdp *tdp, struct tdp_entry entry);
