/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Removal: zaps and collapses. Three steps, of which only the first is done while others may look:
 *
 *	cut off	freeze the entries at the top of what goes, so few that it is no matter how
 *		large the range is; a fault that comes there tries again
 *	round	one, after which no CPU caches anything of it and no walk is in it
 *	finish	frozen entries become absent (or huge leaves), and the tables that hung below, which
 *		nobody else can know any more, are taken apart and freed
 *
 * Any number of CPUs may do this in one tree at once. An entry says who has frozen it, and only he
 * makes it something else. A table may be cut off with somebody's frozen entry in it, who then
 * does not find that again; what it keeps is freed with the table, as the round for the table was
 * one for all below.
 *
 * While a slot is logged, tdp->lock keeps removals and harvests apart: a dirty bit that has
 * left the tree and not yet come to the log would be missed.
 */
#include "mm/tdp_change.h"
#include "mm/tdp_leaf.h"

static bool is_inside(const struct tdp_entry *at, gfn_t start, gfn_t end)
{
	u64 first = tdp_entry_first(*at).raw;

	return first >= start.raw && first + level_pages(at->level) <= end.raw;
}

/*
 * Cut off what maps any of [start, end): a leaf even when it reaches beyond (a later fault brings
 * back the rest), a table only when it lies wholly inside.
 */
static void cut_range(struct tdp_gather *gather, gfn_t start, gfn_t end)
{
	const struct tdp *tdp = gather->tdp;
	struct tdp_iter iter;

	tdp_iter_start(&iter, tdp, start, end);
	while (iter.valid) {
		bool inside = is_inside(&iter.at, start, end);

		if (inside || spte_is_leaf(tdp->fmt, iter.at.spte, iter.at.level))
			tdp_spte_freeze(gather, iter.at);
		/* Never into a table that only now comes to be inside: it would not be thawed. */
		if (inside)
			tdp_iter_skip(&iter);
		else
			tdp_iter_next(&iter);
	}
	gather->flush |= iter.frozen;
}

/*
 * Cut off the tables above gfn, an end of the range, that have become empty: from the lowest one
 * up. Those wholly inside have gone already; or are new, and not looked for when it comes to thaw.
 */
static void cut_empty_tables(struct tdp_gather *gather, gfn_t gfn, gfn_t start, gfn_t end)
{
	const struct tdp *tdp = gather->tdp;

	for (unsigned int level = LEVEL_2M; level <= tdp->root_level; level++) {
		struct tdp_entry entry = tdp_entry_root(tdp, gfn);

		while (entry.level > level && spte_is_table(tdp->fmt, entry.spte, entry.level))
			entry = tdp_entry_below(tdp->fmt, entry);
		if (entry.level == level && !is_inside(&entry, start, end) &&
		    spte_is_table(tdp->fmt, entry.spte, level) &&
		    tdp_table_count(spte_hpa(tdp->fmt, entry.spte)) == 0)
			tdp_spte_freeze(gather, entry);
	}
}

/* All entries of a lowest table, which nobody else knows. Returns how many leaves they are. */
static u32 count_leaves(const struct tdp_gather *gather, const u64 *sptes, gfn_t gfn)
{
	const struct tdp *tdp = gather->tdp;
	u32 leaves = 0;

	for (u32 i = 0; i < TABLE_ENTRIES; i++)
		leaves += spte_is_counted(tdp->fmt, sptes[i]);
	if (!gather->locked)
		return leaves;
	for (u32 i = 0; i < TABLE_ENTRIES; i++)
		tdp_leaf_note_dirty(tdp, sptes[i], GFN(gfn.raw + i));
	return leaves;
}

/*
 * Free a table of entries at level, gfn the first, and all below: nobody else knows them. At most
 * three deep.
 */
static void take_apart(const struct tdp_gather *gather, hpa_t table, unsigned int level, gfn_t gfn)
{
	struct tdp *tdp = gather->tdp;
	struct tdp_stats *stats = tdp_my_stats(tdp);
	const u64 *sptes = hpa_to_ptr(table);
	u32 leaves = 0;

	if (level == LEVEL_4K)
		leaves = count_leaves(gather, sptes, gfn);
	for (u32 i = 0; level > LEVEL_4K && i < TABLE_ENTRIES; i++) {
		gfn_t at = GFN(gfn.raw + i * level_pages(level));

		if (spte_is_table(tdp->fmt, sptes[i], level))
			take_apart(gather, spte_hpa(tdp->fmt, sptes[i]), level - 1, at);
		else if (spte_is_frozen(sptes[i]) && spte_frozen_table(sptes[i]).raw)
			take_apart(gather, spte_frozen_table(sptes[i]), level - 1, at);
		else
			leaves += spte_is_counted(tdp->fmt, sptes[i]);
	}
	atomic_count(tdp_leaf_counter(stats, level), -(u64)leaves);
	atomic_count(&stats->pages_freed, 1);
	if (atomic_load(frame_tag(table)) & TDP_TABLE_NX_SPLIT)
		atomic_count(&stats->nx_lpage_splits, -1ull);
	tdp_table_free(tdp, table);
}

/* After the round: a huge leaf instead of the table that this CPU has cut off, if it is still right. */
static bool refill(struct tdp *tdp, struct tdp_entry *at)
{
	gfn_t first = tdp_entry_first(*at);
	const struct mem_slot *slot = guest_mem_slot(tdp->mem, first);

	if (!tdp_leaf_can_collapse(tdp, slot, first, at->level))
		return false;
	atomic_count(&tdp_my_stats(tdp)->collapses, 1);
	return tdp_spte_add(tdp, at,
			    tdp_leaf_make(tdp, slot, mem_slot_pfn(slot, first), at->level, 0));
}

/* Nobody else changes what this CPU has frozen. */
static void thaw(const struct tdp_gather *gather, struct tdp_iter *iter)
{
	struct tdp_entry at = iter->at;
	hpa_t table = spte_frozen_table(at.spte);

	if (!(gather->refill && refill(gather->tdp, &at)) && !tdp_spte_set(gather->tdp, &at, 0))
		return;
	if (!table.raw)
		return;
	/* Outside of the walk, as it takes long. */
	tlb_walk_end();
	take_apart(gather, table, at.level - 1, tdp_entry_first(at));
	tdp_iter_begin(iter, gather->tdp, iter->at.gfn, iter->end);
}

/*
 * Is nothing below what a zap or a collapse has frozen? The table is there since a fault has put it
 * there, or holds leaves that have not been looked at.
 */
static bool is_done_with(const struct tdp_gather *gather, const struct tdp_entry *at, gfn_t start,
			 gfn_t end)
{
	return gather->refill ? at->level == LEVEL_2M : is_inside(at, start, end);
}

void tdp_gather_finish(struct tdp_gather *gather, gfn_t start, gfn_t end)
{
	struct tdp *tdp = gather->tdp;
	struct tdp_iter iter;

	if (!gather->flush)
		return;
	tlb_shootdown(&tdp->tlb);
	gather->flush = false;
	tdp_iter_begin(&iter, tdp, start, end);
	while (tdp_iter_goes_on(&iter)) {
		if (spte_is_frozen_by(iter.at.spte, gather->owner))
			thaw(gather, &iter);
		if (is_done_with(gather, &iter.at, start, end))
			tdp_iter_skip(&iter);
		else
			tdp_iter_next(&iter);
	}
}

/*
 * Begin the walk in which entries are cut off. That a slot is logged is looked at from within: who
 * starts a log waits for the walks that did not see it.
 */
static void cut_begin(struct tdp_gather *gather)
{
	struct tdp *tdp = gather->tdp;

	tlb_walk_begin(&tdp->tlb);
	if (likely(!atomic_load(&tdp->logs)))
		return;
	tlb_walk_end();
	spin_lock(&tdp->lock);
	gather->locked = true;
	tlb_walk_begin(&tdp->tlb);
}

static void cut_end(struct tdp_gather *gather, gfn_t start, gfn_t end)
{
	tlb_walk_end();
	tdp_gather_finish(gather, start, end);
	if (gather->locked)
		spin_unlock(&gather->tdp->lock);
}

void tdp_zap(struct tdp *tdp, gfn_t start, gfn_t end)
{
	TDP_GATHER(gather, tdp);

	end.raw = MIN(end.raw, tdp_gfn_limit(tdp));
	if (start.raw >= end.raw)
		return;
	cut_begin(&gather);
	cut_range(&gather, start, end);
	cut_empty_tables(&gather, start, start, end);
	cut_empty_tables(&gather, GFN(end.raw - 1), start, end);
	cut_end(&gather, start, end);
}

/*
 * Cut off tables of [start, end) that a huge leaf can replace, at most so many. Returns where to go
 * on.
 */
static gfn_t cut_collapsible(struct tdp_gather *gather, gfn_t start, gfn_t end)
{
	const struct tdp *tdp = gather->tdp;
	struct tdp_iter iter;
	u32 tables = 0;

	tdp_iter_start(&iter, tdp, start, end);
	while (iter.valid && tables < TDP_COLLAPSE_TABLES) {
		gfn_t first = tdp_entry_first(iter.at);
		bool cut = spte_is_table(tdp->fmt, iter.at.spte, iter.at.level) &&
			   tdp_leaf_can_collapse(tdp, guest_mem_slot(tdp->mem, first), first,
						 iter.at.level);

		if (cut) {
			tdp_spte_freeze(gather, iter.at);
			tables++;
		}
		if (cut || iter.at.level == LEVEL_2M)
			tdp_iter_skip(&iter);
		else
			tdp_iter_next(&iter);
		/* Whether a slot is logged, and so left alone, is looked at in each walk. */
		if (iter.valid && ++iter.steps > TDP_WALK_STEPS)
			tdp_iter_breathe(&iter);
	}
	return iter.valid ? iter.at.gfn : end;
}

void tdp_collapse(struct tdp *tdp, gfn_t start, gfn_t end)
{
	end.raw = MIN(end.raw, tdp_gfn_limit(tdp));
	while (start.raw < end.raw) {
		TDP_GATHER(gather, tdp);
		gfn_t next;

		gather.refill = true;
		cut_begin(&gather);
		next = cut_collapsible(&gather, start, end);
		cut_end(&gather, start, next);
		start = next;
	}
}
