/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level faults: any number of CPUs at once, next to all that is done to the tree. A fault is
 * one walk, in which the slot is looked up as well: so whoever changes slots or starts a log
 * publishes that first, waits for the walks that began before, and then goes over the tree.
 */
#include "lib/err.h"
#include "mm/tdp_change.h"
#include "mm/tdp_leaf.h"

struct fault {
	struct tdp *tdp;
	const struct mem_slot *slot;
	gfn_t gfn;
	unsigned int access;
};

/*
 * Add a new table at an empty entry; if another CPU is faster, what it has put there stays. Not
 * inlined: it is rare, and leaves the common fault too few registers.
 */
static __noinline enum tdp_result table_add(struct tdp *tdp, struct tdp_entry *entry)
{
	hpa_t table;

	if (tdp_table_alloc(tdp, &table))
		return TDP_NOMEM;
	if (!tdp_spte_add(tdp, entry, spte_make_table(tdp->fmt, table)))
		tdp_table_free(tdp, table);
	return TDP_RETRY;
}

/*
 * The access will be made, or made again: say so in the log of a write-protected slot. After the
 * entry allows it, or a harvest in between would take the mark and leave the entry as it is.
 */
static inline void note_write(const struct fault *f)
{
	if (unlikely(f->slot->log) && (f->access & ACCESS_WRITE) && slot_is_protected(f->slot) &&
	    !f->slot->readonly)
		dirty_log_mark(f->slot, f->gfn);
}

/* Bring the empty entry a step nearer to a leaf. TDP_RETRY: look at it again. */
static inline enum tdp_result fill(const struct fault *f, struct tdp_entry *entry)
{
	pfn_t pfn = mem_slot_pfn(f->slot, f->gfn);

	if (entry->level > tdp_leaf_level(f->tdp, f->slot, f->gfn, pfn, f->access))
		return table_add(f->tdp, entry);
	if (!tdp_spte_add(f->tdp, entry,
			  tdp_leaf_make(f->tdp, f->slot, pfn, entry->level, f->access)))
		return TDP_RETRY;
	note_write(f);
	return TDP_FIXED;
}

/* A huge leaf lacks a right that its pieces may have. */
static enum tdp_result split(const struct fault *f, struct tdp_entry *entry, unsigned int lacking)
{
	if (tdp_spte_split(f->tdp, entry, f->slot))
		return TDP_NOMEM;
	if (lacking & ACCESS_EXEC)
		atomic_count(&tdp_my_stats(f->tdp)->nx_lpage_splits, 1);
	return TDP_RETRY;
}

/* A leaf that the CPU could not use, or so it seemed to it. */
static __noinline enum tdp_result mend(const struct fault *f, struct tdp_entry *entry)
{
	const struct tdp *tdp = f->tdp;
	unsigned int has, lacking, allowed;
	u64 new;

	if (spte_is_aged(entry->spte)) {
		new = spte_make_young(tdp->fmt, entry->spte);
		return tdp_spte_set(f->tdp, entry, new) ? TDP_FIXED : TDP_RETRY;
	}
	has = spte_access(tdp->fmt, entry->spte);
	lacking = f->access & ~has;
	if (!lacking)
		return TDP_SPURIOUS;
	allowed = tdp_leaf_rights(tdp, f->slot, entry->level, f->access);
	if (lacking & ~allowed) {
		allowed = tdp_leaf_rights(tdp, f->slot, LEVEL_4K, f->access);
		return lacking & ~allowed ? TDP_EMULATE : split(f, entry, lacking);
	}
	new = spte_set_access(tdp->fmt, entry->spte, has | lacking);
	if ((lacking & ACCESS_WRITE) && !f->slot->log)
		new |= tdp->fmt->dirty;
	if (!tdp_spte_set(f->tdp, entry, new))
		return TDP_RETRY;
	note_write(f);
	return TDP_FIXED;
}

static enum tdp_result resolve(const struct fault *f)
{
	const struct spte_format *fmt = f->tdp->fmt;
	struct tdp_entry entry = tdp_entry_root(f->tdp, f->gfn);
	enum tdp_result result;

	/* Changed, by this CPU or another one: look again. No one waits for anyone. */
	do {
		entry = tdp_entry_lowest(fmt, entry);
		if (spte_is_frozen(entry.spte))
			return TDP_RETRY;
		if (spte_is_counted(fmt, entry.spte))
			result = mend(f, &entry);
		else
			result = fill(f, &entry);
	} while (result == TDP_RETRY);
	return result;
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

static u64 *result_counter(struct tdp_stats *stats, enum tdp_result result)
{
	switch (result) {
	case TDP_FIXED:
		return &stats->pf_fixed;
	case TDP_SPURIOUS:
		return &stats->pf_spurious;
	case TDP_EMULATE:
		return &stats->pf_emulate;
	default:
		return &stats->pf_retry;
	}
}

enum tdp_result tdp_fault(struct tdp *tdp, gpa_t gpa, unsigned int access)
{
	struct fault f = { .tdp = tdp, .gfn = gpa_to_gfn(gpa), .access = access };
	struct tdp_stats *stats = tdp_my_stats(tdp);
	enum tdp_result result = TDP_EMULATE;
	const struct slot_table *table;

	tlb_walk_begin(&tdp->tlb);
	table = guest_mem_table(tdp->mem);
	f.slot = slot_find(table, f.gfn);
	if (likely(f.slot))
		result = resolve(&f);
	else
		mark_mmio(tdp, table, f.gfn);
	tlb_walk_end();
	atomic_count(&stats->pf_taken, 1);
	atomic_count(result_counter(stats, result), 1);
	return result;
}
