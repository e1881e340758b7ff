/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on a TDP tree: create, fault, zap, walk. Faults and walks are lock-free and
 * run next to each other and to a zap; tdp->lock lets one zap run at a time. Entries are
 * changed by tdp_change.c only.
 *
 *	fault                                 zap
 *	begin a walk                          freeze the entries in the range
 *	add by compare-and-swap where absent  one round: all CPUs flush, walks that began end
 *	frozen? then retry                    free removed tables; make frozen entries absent
 *	end the walk
 */
#include "mm/tdp.h"

#include "lib/err.h"
#include "lib/log.h"
#include "mm/tdp_change.h"

int tdp_create(struct tdp *tdp, const struct spte_format *fmt, unsigned int max_leaf_level,
	       const struct guest_mem *mem)
{
	int err;

	if (max_leaf_level < LEVEL_4K || max_leaf_level > LEVEL_1G)
		return E_INVAL;
	*tdp = (struct tdp){
		.fmt = fmt,
		.root_level = TDP_ROOT_LEVEL,
		.max_leaf_level = max_leaf_level,
		.mem = mem,
		.lock = SPINLOCK(LOCK_TDP),
	};
	tlb_space_init(&tdp->tlb);
	err = frame_owner_register(&tdp->tables, "tdp tables");
	if (err)
		return err;
	err = tdp_table_alloc(tdp, &tdp->root);
	if (err)
		frame_owner_unregister(&tdp->tables);
	return err;
}

void tdp_destroy(struct tdp *tdp)
{
	tdp_zap(tdp, GFN(0), GFN(tdp_gfn_limit(tdp)));
	tdp_table_free(tdp, tdp->root);
	frame_owner_unregister(&tdp->tables);
}

/* May one entry at level map gfn: is the whole page in the slot, and does pfn lie alike in it? */
static bool leaf_fits(const struct mem_slot *slot, gfn_t gfn, pfn_t pfn, unsigned int level)
{
	u64 mask = level_pages(level) - 1;
	u64 first = gfn.raw & ~mask;

	return ((gfn.raw ^ pfn.raw) & mask) == 0 && first >= slot->base.raw &&
	       first - slot->base.raw + mask < slot->npages;
}

/*
 * The level to map gfn at. Backing is contiguous within the block it came from, so the block's
 * level bounds it.
 */
static unsigned int leaf_level(const struct tdp *tdp, const struct mem_slot *slot, gfn_t gfn,
			       pfn_t pfn)
{
	unsigned int block = slot->level[(gfn.raw - slot->base.raw) / level_pages(LEVEL_2M)];
	unsigned int level = MIN(tdp->max_leaf_level, block);

	while (level > LEVEL_4K && !leaf_fits(slot, gfn, pfn, level))
		level--;
	return level;
}

/*
 * Add a new table at an absent entry; if another CPU is faster, what it has put there stays. Not
 * inlined: it is rare, and leaves the common fault too few registers.
 */
static __attribute__((noinline)) enum tdp_result table_add(struct tdp *tdp, struct tdp_entry entry)
{
	hpa_t table;

	if (tdp_table_alloc(tdp, &table))
		return TDP_NOMEM;
	if (!tdp_spte_add(tdp, entry, spte_make_table(tdp->fmt, table)))
		tdp_table_free(tdp, table);
	return TDP_RETRY;
}

/* Bring the absent entry's gfn, which slot holds, a step nearer to a leaf. TDP_RETRY: go on. */
static enum tdp_result fault_fill(struct tdp *tdp, const struct mem_slot *slot,
				  struct tdp_entry entry)
{
	pfn_t pfn = mem_slot_pfn(slot, entry.gfn);
	u64 leaf;

	if (entry.level > leaf_level(tdp, slot, entry.gfn, pfn))
		return table_add(tdp, entry);
	pfn.raw = align_down(pfn.raw, level_pages(entry.level));
	leaf = spte_make_leaf(tdp->fmt, pfn, entry.level, ACCESS_ALL);
	return tdp_spte_add(tdp, entry, leaf) ? TDP_FIXED : TDP_RETRY;
}

static enum tdp_result fault_resolve(struct tdp *tdp, const struct mem_slot *slot, gfn_t gfn,
				     unsigned int access)
{
	const struct spte_format *fmt = tdp->fmt;
	enum tdp_result result = TDP_RETRY;
	struct tdp_entry entry;

	entry = tdp_entry_root(tdp, gfn);
	while (result == TDP_RETRY) {
		entry = tdp_entry_lowest(fmt, entry);
		if (spte_is_present(fmt, entry.spte))
			return access & ~spte_access(fmt, entry.spte) ? TDP_DENY : TDP_SPURIOUS;
		if (spte_is_frozen(fmt, entry.spte))
			return TDP_RETRY;
		result = fault_fill(tdp, slot, entry);
		/* Changed, by this CPU or another one: look again. No one waits for anyone. */
		entry.spte = atomic_load(entry.sptep);
	}
	return result;
}

/* NULL: a result that has no counter of its own. */
static u64 *result_counter(struct tdp_stats *stats, enum tdp_result result)
{
	switch (result) {
	case TDP_FIXED:
		return &stats->pf_fixed;
	case TDP_SPURIOUS:
		return &stats->pf_spurious;
	case TDP_RETRY:
		return &stats->pf_retry;
	case TDP_EMULATE:
	case TDP_DENY:
	case TDP_NOMEM:
		break;
	}
	return NULL;
}

enum tdp_result tdp_fault(struct tdp *tdp, gpa_t gpa, unsigned int access)
{
	const struct mem_slot *slot = guest_mem_slot(tdp->mem, gpa_to_gfn(gpa));
	enum tdp_result result;
	u64 *counter;

	atomic_fetch_add(&tdp->stats.pf_taken, 1u);
	/* Device accesses are frequent, and walk no tables. */
	if (!slot || !tdp_covers(tdp, gpa_to_gfn(gpa))) {
		atomic_fetch_add(&tdp->stats.pf_emulate, 1u);
		return TDP_EMULATE;
	}
	tlb_walk_begin(&tdp->tlb);
	result = fault_resolve(tdp, slot, gpa_to_gfn(gpa), access);
	tlb_walk_end();
	counter = result_counter(&tdp->stats, result);
	if (counter)
		atomic_fetch_add(counter, 1u);
	return result;
}

/*
 * Freeze what maps any of [start, end): a leaf even when it reaches beyond (a later fault brings
 * back the rest), a table only when it lies wholly inside.
 */
static void zap_freeze(struct tdp_gather *gather, gfn_t start, gfn_t end)
{
	const struct spte_format *fmt = gather->tdp->fmt;
	struct tdp_iter iter;

	tdp_for_each(&iter, gather->tdp, start, end) {
		const struct tdp_entry *at = &iter.at;
		u64 first = tdp_entry_first(*at).raw;
		bool inside = first >= start.raw && first + level_pages(at->level) <= end.raw;

		if (spte_is_leaf(fmt, at->spte, at->level) ||
		    (spte_is_present(fmt, at->spte) && inside))
			tdp_spte_freeze(gather, *at);
	}
}

/*
 * Freeze the tables above gfn that have become empty, from the lowest one up. Only tables at the
 * two ends of a range can: those in between were wholly inside.
 */
static void zap_empty_tables(struct tdp_gather *gather, gfn_t gfn)
{
	const struct tdp *tdp = gather->tdp;

	for (unsigned int level = LEVEL_2M; level <= tdp->root_level; level++) {
		struct tdp_entry entry = tdp_entry_root(tdp, gfn);

		while (entry.level > level && spte_is_table(tdp->fmt, entry.spte, entry.level))
			entry = tdp_entry_below(tdp->fmt, entry);
		if (entry.level == level && spte_is_table(tdp->fmt, entry.spte, level) &&
		    tdp_table_count(spte_hpa(tdp->fmt, entry.spte)) == 0)
			tdp_spte_freeze(gather, entry);
	}
}

/* After the flush: let faults fill what zap_freeze and zap_empty_tables froze. */
static void zap_clear(struct tdp *tdp, gfn_t start, gfn_t end)
{
	struct tdp_iter iter;

	tdp_for_each(&iter, tdp, start, end) {
		if (spte_is_frozen(tdp->fmt, iter.at.spte))
			tdp_spte_clear(tdp, iter.at);
	}
}

void tdp_zap(struct tdp *tdp, gfn_t start, gfn_t end)
{
	TDP_GATHER(gather, tdp);

	end.raw = MIN(end.raw, tdp_gfn_limit(tdp));
	if (start.raw >= end.raw)
		return;
	spin_lock(&tdp->lock);
	zap_freeze(&gather, start, end);
	zap_empty_tables(&gather, start);
	zap_empty_tables(&gather, GFN(end.raw - 1));
	if (tdp_gather_finish(&gather))
		zap_clear(tdp, start, end);
	spin_unlock(&tdp->lock);
}

unsigned int tdp_walk(struct tdp *tdp, gpa_t gpa, struct tdp_walk_step *steps)
{
	gfn_t gfn = gpa_to_gfn(gpa);
	struct tdp_entry entry;
	unsigned int count = 0;

	if (!tdp_covers(tdp, gfn))
		return 0;
	tlb_walk_begin(&tdp->tlb);
	entry = tdp_entry_root(tdp, gfn);
	for (;;) {
		steps[count++] = (struct tdp_walk_step){ .level = entry.level, .spte = entry.spte };
		if (!spte_is_table(tdp->fmt, entry.spte, entry.level))
			break;
		entry = tdp_entry_below(tdp->fmt, entry);
	}
	tlb_walk_end();
	return count;
}
