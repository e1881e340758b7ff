/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level faults: any number of CPUs at once, next to all that is done to the tree. A fault is
 * one walk, in which the slot is looked up as well: so whoever changes slots or starts a log
 * publishes that first, waits for the walks that began before, and then goes over the tree.
 */
#include "lib/err.h"
#include "mm/tdp_change.h"
#include "mm/tdp_leaf.h"

/* The entry has a table to execute from; who takes that apart will find it written there. */
static void count_nx_split(struct tdp *tdp, const struct tdp_entry *entry)
{
	u16 *tag;

	if (!spte_is_table(tdp->fmt, entry->spte, entry->level))
		return;
	tag = frame_tag(spte_hpa(tdp->fmt, entry->spte));
	if (!(atomic_fetch_or(tag, TDP_TABLE_NX_SPLIT) & TDP_TABLE_NX_SPLIT))
		atomic_count(&tdp_my_stats(tdp)->nx_lpage_splits, 1);
}

/*
 * Add a new table at an empty entry; if another CPU is faster, what it has put there stays. Like
 * the others here that are rare not inlined, and called with single words: so that the common fault
 * has all it needs in registers.
 */
static __noinline enum tdp_result table_add(struct tdp *tdp, u64 *sptep, u64 spte, gfn_t gfn,
					    unsigned int level, unsigned int access)
{
	struct tdp_entry entry = { .sptep = sptep, .spte = spte, .gfn = gfn, .level = level };
	hpa_t table;

	if (tdp_table_alloc(tdp, &table))
		return TDP_NOMEM;
	if (!tdp_spte_add(tdp, &entry, spte_make_table(tdp->fmt, table)))
		tdp_table_free(tdp, table);
	else if (level == LEVEL_2M && tdp->nx_huge && (access & ACCESS_EXEC))
		count_nx_split(tdp, &entry);
	return TDP_RETRY;
}

/*
 * The access will be made, or made again: say so in the log of a write-protected slot. After the
 * entry allows it, or a harvest in between would take the mark and leave the entry as it is.
 */
static inline void note_write(const struct mem_slot *slot, gfn_t gfn, unsigned int access)
{
	if (unlikely(slot->log) && (access & ACCESS_WRITE) && slot_is_protected(slot) &&
	    !slot->readonly)
		dirty_log_mark(slot, gfn);
}

/* Bring the empty entry a step nearer to a leaf. TDP_RETRY: look at it again. */
static inline enum tdp_result fill(struct tdp *tdp, const struct mem_slot *slot,
				   struct tdp_entry entry, unsigned int access)
{
	pfn_t pfn = mem_slot_pfn(slot, entry.gfn);

	if (entry.level > LEVEL_4K &&
	    entry.level > tdp_leaf_level(tdp, slot, entry.gfn, pfn, access))
		return table_add(tdp, entry.sptep, entry.spte, entry.gfn, entry.level, access);
	if (!tdp_spte_add(tdp, &entry, tdp_leaf_make(tdp, slot, pfn, entry.level, access)))
		return TDP_RETRY;
	note_write(slot, entry.gfn, access);
	return TDP_FIXED;
}

/* A huge leaf lacks a right that its pieces may have. */
static enum tdp_result split(struct tdp *tdp, const struct mem_slot *slot, struct tdp_entry *entry,
			     unsigned int lacking)
{
	if (tdp_spte_split(tdp, entry, slot))
		return TDP_NOMEM;
	if (lacking & ACCESS_EXEC)
		count_nx_split(tdp, entry);
	return TDP_RETRY;
}

/* A leaf that the CPU could not use, or so it seemed to it. TDP_RETRY: look at it again. */
static __noinline enum tdp_result mend(struct tdp *tdp, const struct mem_slot *slot, u64 *sptep,
				       gfn_t gfn, unsigned int level, unsigned int access)
{
	struct tdp_entry entry = {
		.sptep = sptep, .spte = atomic_load(sptep), .gfn = gfn, .level = level
	};
	unsigned int has, lacking, allowed;
	u64 new;

	if (!spte_is_leaf(tdp->fmt, entry.spte, level))
		return TDP_RETRY;
	if (spte_is_aged(entry.spte)) {
		new = spte_make_young(tdp->fmt, entry.spte);
		return tdp_spte_set(tdp, &entry, new) ? TDP_FIXED : TDP_RETRY;
	}
	has = spte_access(tdp->fmt, entry.spte);
	lacking = access & ~has;
	if (!lacking)
		return TDP_SPURIOUS;
	allowed = tdp_leaf_rights(tdp, slot, entry.level, access);
	if (lacking & ~allowed) {
		allowed = tdp_leaf_rights(tdp, slot, LEVEL_4K, access);
		return lacking & ~allowed ? TDP_EMULATE : split(tdp, slot, &entry, lacking);
	}
	new = spte_set_access(tdp->fmt, entry.spte, has | lacking);
	if ((lacking & ACCESS_WRITE) && !slot->log)
		new |= tdp->fmt->dirty;
	if (!tdp_spte_set(tdp, &entry, new))
		return TDP_RETRY;
	note_write(slot, entry.gfn, access);
	return TDP_FIXED;
}

static inline enum tdp_result resolve(struct tdp *tdp, const struct mem_slot *slot, gfn_t gfn,
				      unsigned int access)
{
	struct tdp_entry entry = tdp_entry_end(tdp, gfn, LEVEL_4K);
	enum tdp_result result;

	for (;;) {
		if (likely(!entry.spte || spte_is_mmio(entry.spte)))
			result = fill(tdp, slot, entry, access);
		else if (spte_is_frozen(entry.spte))
			return TDP_RETRY;
		else
			result = mend(tdp, slot, entry.sptep, gfn, entry.level, access);
		if (result != TDP_RETRY)
			return result;
		/* Changed, by this CPU or another one: look again. No one waits for anyone. */
		entry.spte = atomic_load(entry.sptep);
		entry = tdp_entry_lowest(tdp->fmt, entry);
	}
}

/* Does any slot have some of the entry's range? */
static bool has_slot(const struct slot_table *table, const struct tdp_entry *entry)
{
	u64 first = tdp_entry_first(*entry).raw;

	for (u32 i = 0; i < table->count; i++) {
		const struct mem_slot *slot = &table->slots[i];

		if (first < slot->base.raw + slot->npages &&
		    slot->base.raw < first + level_pages(entry->level))
			return true;
	}
	return false;
}

/*
 * Mark the entry that the walk to gfn, where no slot is, ends in, so that the CPU says so next time.
 * The mark stands for all of the entry's range; it takes no table, or a guest could make us
 * fill our memory with marks.
 */
static void mark_mmio(struct tdp *tdp, const struct slot_table *table, gfn_t gfn)
{
	u64 mark = spte_make_mmio(table->generation) | tdp->mmio_signal;
	struct tdp_entry entry;

	if (!tdp_covers(tdp, gfn))
		return;
	entry = tdp_entry_lowest(tdp->fmt, tdp_entry_root(tdp, gfn));
	if (entry.spte == mark || (entry.spte && !spte_is_mmio(entry.spte)) ||
	    has_slot(table, &entry))
		return;
	if (tdp_spte_set(tdp, &entry, mark))
		atomic_count(&tdp_my_stats(tdp)->pf_mmio_spte_created, 1);
}

_Static_assert(offsetof(struct tdp_stats, pf_spurious) == TDP_SPURIOUS * sizeof(u64) &&
		       offsetof(struct tdp_stats, pf_retry) == TDP_RETRY * sizeof(u64) &&
		       offsetof(struct tdp_stats, pf_emulate) == TDP_EMULATE * sizeof(u64) &&
		       offsetof(struct tdp_stats, pf_nomem) == TDP_NOMEM * sizeof(u64),
	       "faults are counted by result");

enum tdp_result tdp_fault(struct tdp *tdp, gpa_t gpa, unsigned int access)
{
	enum tdp_result result = TDP_EMULATE;
	gfn_t gfn = gpa_to_gfn(gpa);
	const struct slot_table *table;
	const struct mem_slot *slot;

	tlb_walk_begin(&tdp->tlb);
	table = guest_mem_table(tdp->mem);
	slot = slot_find(table, gfn);
	if (likely(slot))
		result = resolve(tdp, slot, gfn, access);
	else if (tdp->mmio_signal)
		mark_mmio(tdp, table, gfn);
	tlb_walk_end();
	atomic_count(&tdp_my_stats(tdp)->pf_fixed + result, 1);
	return result;
}
