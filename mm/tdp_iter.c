/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps of a walk over a TDP tree: see tdp_iter.h. Takes no lock.
 */
#include "mm/tdp_iter.h"

/* Make the entry at level for gfn the current one; its table must be known. */
static void iter_visit(struct tdp_iter *iter, unsigned int level, gfn_t gfn)
{
	iter->valid = gfn.raw < iter->end.raw;
	if (!iter->valid)
		return;
	iter->at = tdp_entry_read(iter->tables[level], level, gfn);
	iter->frozen |= spte_is_frozen(iter->at.spte);
}

void tdp_iter_start(struct tdp_iter *iter, const struct tdp *tdp, gfn_t start, gfn_t end)
{
	iter->tdp = tdp;
	iter->steps = 0;
	iter->frozen = false;
	iter->end.raw = MIN(end.raw, tdp_gfn_limit(tdp));
	iter->tables[tdp->root_level] = hpa_to_ptr(tdp->root);
	iter_visit(iter, tdp->root_level, start);
}

void tdp_iter_skip(struct tdp_iter *iter)
{
	unsigned int level = iter->at.level;
	u64 next = tdp_entry_first(iter->at).raw + level_pages(level);

	/* At the end of a table, the next entry is the one after the table's own, further up. */
	while (level < iter->tdp->root_level && is_aligned(next, level_pages(level + 1)))
		level++;
	iter_visit(iter, level, GFN(next));
}

void tdp_iter_next(struct tdp_iter *iter)
{
	struct tdp_entry *at = &iter->at;

	at->spte = atomic_load(at->sptep);
	iter->frozen |= spte_is_frozen(at->spte);
	if (!spte_is_table(iter->tdp->fmt, at->spte, at->level)) {
		tdp_iter_skip(iter);
		return;
	}
	iter->tables[at->level - 1] = hpa_to_ptr(spte_hpa(iter->tdp->fmt, at->spte));
	iter_visit(iter, at->level - 1, at->gfn);
}

void tdp_iter_breathe(struct tdp_iter *iter)
{
	bool frozen = iter->frozen;

	tlb_walk_end();
	tlb_walk_begin(&iter->tdp->tlb);
	tdp_iter_start(iter, iter->tdp, iter->at.gfn, iter->end);
	iter->frozen |= frozen;
}
