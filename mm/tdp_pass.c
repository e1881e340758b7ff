/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passes over the leaves of a range that change each of them in place, next to faults and to CPUs
 * that set accessed and dirty bits: write protection, ageing, and what a dirty log does when it
 * starts. And splits, which go over the same leaves. No lock.
 */
#include "mm/tdp_change.h"
#include "mm/tdp_leaf.h"

u64 tdp_pass(struct tdp *tdp, gfn_t start, gfn_t end, tdp_leaf_fn change, const void *ctx)
{
	struct tdp_iter iter;
	bool flush = false;
	u64 pages = 0;

	atomic_fetch_add(&tdp->passes, 1u);
	tdp_for_each_walk(&iter, tdp, start, end)
	{
		struct tdp_entry at = iter.at;

		while (spte_is_leaf(tdp->fmt, at.spte, at.level)) {
			u64 new = change(tdp, at.spte, at.level, ctx);

			if (new == at.spte)
				break;
			if (!tdp_spte_set(tdp, &at, new))
				continue;
			pages += level_pages(at.level);
			flush = true;
			break;
		}
	}
	/*
	 * What another CPU has changed before this one came by, or is removing, it may not have
	 * flushed yet; this pass promises as much.
	 */
	if (flush || iter.frozen || atomic_load(&tdp->passes) > 1)
		tlb_shootdown(&tdp->tlb);
	atomic_fetch_sub(&tdp->passes, 1u);
	return pages;
}

u64 tdp_leaf_protect(const struct tdp *tdp, u64 spte)
{
	if (spte_is_aged(spte))
		return spte & ~((u64)ACCESS_WRITE << SPTE_OWNER_SHIFT);
	return spte & ~tdp->fmt->write;
}

static u64 protect(const struct tdp *tdp, u64 spte, unsigned int level __unused,
		   const void *ctx __unused)
{
	return tdp_leaf_protect(tdp, spte);
}

void tdp_write_protect(struct tdp *tdp, gfn_t start, gfn_t end)
{
	tdp_pass(tdp, start, end, protect, NULL);
}

static u64 make_older(const struct tdp *tdp, u64 spte, unsigned int level __unused,
		      const void *ctx __unused)
{
	if (tdp->hw_ad)
		return spte & ~tdp->fmt->accessed;
	return spte_is_aged(spte) ? spte : spte_make_aged(tdp->fmt, spte);
}

u64 tdp_age(struct tdp *tdp, gfn_t start, gfn_t end)
{
	return tdp_pass(tdp, start, end, make_older, NULL);
}

/* The pieces of a leaf that is aged would have to be so too: let it be young first. */
static int split_leaf(struct tdp *tdp, struct tdp_entry at)
{
	const struct mem_slot *slot = guest_mem_slot(tdp->mem, tdp_entry_first(at));
	int err = 0;

	while (!err && slot && at.level > LEVEL_4K && spte_is_leaf(tdp->fmt, at.spte, at.level)) {
		if (!spte_is_aged(at.spte))
			err = tdp_spte_split(tdp, &at, slot);
		else if (!tdp_spte_set(tdp, &at, spte_make_young(tdp->fmt, at.spte)))
			continue;
	}
	return err;
}

int tdp_split(struct tdp *tdp, gfn_t start, gfn_t end)
{
	struct tdp_iter iter;
	int err = 0;

	tdp_for_each_walk(&iter, tdp, start, end)
	{
		int failed = split_leaf(tdp, iter.at);

		err = err ? err : failed;
	}
	return err;
}
