/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of TDP entries and what they owe: see tdp_change.h. Removal is under tdp->lock.
 *
 * Each table's number of present entries is kept in its frame's tag: found by arithmetic
 * from the entry's address, no memory of its own, nothing to fail. It is changed after the
 * entry is, so that next to a fault it may lag by one for a moment. A remover that acts on
 * such a count does no harm: it freezes each entry before it lets go of the table, and
 * counts what it finds there. At worst an empty table stays until a later zap passes by.
 */
#include "mm/tdp_change.h"

#include "lib/log.h"

enum spte_state { ABSENT, FROZEN, LEAF, TABLE, STATES };

static enum spte_state spte_state(const struct spte_format *fmt, u64 spte, unsigned int level)
{
	if (!spte_is_present(fmt, spte))
		return spte_is_frozen(fmt, spte) ? FROZEN : ABSENT;
	return spte_is_leaf(fmt, spte, level) ? LEAF : TABLE;
}

/*
 * Which state may follow which. What is present leaves only by way of frozen, and frozen becomes
 * absent only after the flush: so no two CPUs ever use two frames for one gfn. (Both checks are
 * marked unused because release builds do not evaluate asserts.)
 */
static __unused bool change_is_legal(enum spte_state old, enum spte_state new)
{
	static const bool legal[STATES][STATES] = {
		[ABSENT] = { [FROZEN] = true, [LEAF] = true, [TABLE] = true },
		[FROZEN] = { [FROZEN] = true, [ABSENT] = true },
		[LEAF] = { [FROZEN] = true },
		[TABLE] = { [FROZEN] = true },
	};

	return legal[old][new];
}

/* A leaf maps the frames that a slot has for these gfns, and no others. */
static __unused bool leaf_is_backed(const struct tdp *tdp, const struct tdp_entry *entry)
{
	gfn_t first = tdp_entry_first(*entry);
	gfn_t last = GFN(first.raw + level_pages(entry->level) - 1);
	const struct mem_slot *slot = guest_mem_slot(tdp->mem, first);
	pfn_t pfn = spte_pfn(tdp->fmt, entry->spte);

	return slot && slot == guest_mem_slot(tdp->mem, last) &&
	       mem_slot_pfn(slot, first).raw == pfn.raw &&
	       mem_slot_pfn(slot, last).raw - pfn.raw == last.raw - first.raw;
}

/* Debug builds: is this change one that can be right? */
static void change_check(const struct tdp *tdp, const struct tdp_entry *entry, u64 old)
{
	u64 new = entry->spte;
	enum spte_state from = spte_state(tdp->fmt, old, entry->level);
	enum spte_state to = spte_state(tdp->fmt, new, entry->level);

	assert(change_is_legal(from, to));
	assert(!(new & ~tdp->fmt->all));
	assert(to != ABSENT || new == 0);
	assert(to != LEAF || entry->level <= tdp->max_leaf_level);
	assert(to != LEAF || leaf_is_backed(tdp, entry));
	assert(to != TABLE || (entry->level > LEVEL_4K && spte_hpa(tdp->fmt, new).raw));
}

static u64 *leaf_counter(struct tdp_stats *stats, unsigned int level)
{
	switch (level) {
	case LEVEL_4K:
		return &stats->pages_4k;
	case LEVEL_2M:
		return &stats->pages_2m;
	default:
		return &stats->pages_1g;
	}
}

/* The frame of the table that holds the entry at sptep. */
static hpa_t table_of(const u64 *sptep)
{
	return HPA(align_down(ptr_to_hpa(sptep).raw, PAGE_SIZE));
}

u16 tdp_table_count(hpa_t table)
{
	return atomic_load(frame_tag(table));
}

int tdp_table_alloc(struct tdp *tdp, hpa_t *out)
{
	int err = frame_alloc_zeroed(&tdp->tables, out);

	if (!err)
		atomic_fetch_add(&tdp->stats.table_pages, 1u);
	return err;
}

void tdp_table_free(struct tdp *tdp, hpa_t table)
{
	assert(tdp_table_count(table) == 0);
	frame_free(&tdp->tables, LEVEL_4K, table);
	atomic_fetch_sub(&tdp->stats.table_pages, 1u);
}

/* Not inlined: the funnel is on the way of every fault, which removes nothing. */
static __attribute__((noinline)) void entry_removed(struct tdp_gather *gather,
						    struct tdp_entry entry, u64 old);

void tdp_spte_changed(struct tdp *tdp, struct tdp_gather *gather, struct tdp_entry entry, u64 old)
{
	change_check(tdp, &entry, old);
	if (spte_is_present(tdp->fmt, entry.spte)) {
		atomic_fetch_add(frame_tag(table_of(entry.sptep)), (u16)1);
		if (spte_is_leaf(tdp->fmt, entry.spte, entry.level))
			atomic_fetch_add(leaf_counter(&tdp->stats, entry.level), 1u);
	}
	if (gather && spte_is_present(tdp->fmt, old))
		entry_removed(gather, entry, old);
}

/* Replace an entry that a fault or the CPU may be changing now; what it was is accounted for. */
static void spte_exchange(struct tdp_gather *gather, struct tdp_entry entry, u64 new)
{
	entry.spte = new;
	tdp_spte_changed(gather->tdp, gather, entry, atomic_xchg(entry.sptep, new));
}

void tdp_spte_freeze(struct tdp_gather *gather, struct tdp_entry entry)
{
	spte_exchange(gather, entry, spte_make_frozen(gather->tdp->fmt, HPA(0)));
}

void tdp_spte_clear(struct tdp *tdp, struct tdp_entry entry)
{
	entry.spte = 0;
	tdp_spte_changed(tdp, NULL, entry, atomic_xchg(entry.sptep, 0ull));
}

/*
 * The table that entry has linked to so far has left the tree. Walkers may still be in it: freeze
 * each of its entries, so that they can add nothing more. Tables below follow by way of the funnel,
 * which makes this recursive, at most three deep.
 */
static void table_remove(struct tdp_gather *gather, hpa_t table, struct tdp_entry entry)
{
	const struct spte_format *fmt = gather->tdp->fmt;
	unsigned int level = entry.level - 1;
	gfn_t gfn = tdp_entry_first(entry);
	u64 *sptes = hpa_to_ptr(table);

	for (u32 i = 0; i < TABLE_ENTRIES; i++) {
		tdp_spte_freeze(gather, tdp_entry_read(sptes, level, gfn));
		gfn.raw += level_pages(level);
	}
	spte_exchange(gather, tdp_entry_read(sptes, level, tdp_entry_first(entry)),
		      spte_make_frozen(fmt, gather->removed));
	gather->removed = table;
}

static void entry_removed(struct tdp_gather *gather, struct tdp_entry entry, u64 old)
{
	struct tdp *tdp = gather->tdp;

	gather->flush = true;
	atomic_fetch_sub(frame_tag(table_of(entry.sptep)), (u16)1);
	if (spte_is_leaf(tdp->fmt, old, entry.level))
		atomic_fetch_sub(leaf_counter(&tdp->stats, entry.level), 1u);
	else
		table_remove(gather, spte_hpa(tdp->fmt, old), entry);
}

bool tdp_gather_finish(struct tdp_gather *gather)
{
	struct tdp *tdp = gather->tdp;

	if (!gather->flush)
		return false;
	tlb_shootdown(&tdp->tlb);
	gather->flush = false;
	while (gather->removed.raw) {
		hpa_t table = gather->removed;
		const u64 *sptes = hpa_to_ptr(table);

		gather->removed = spte_hpa(tdp->fmt, atomic_load(&sptes[0]));
		tdp_table_free(tdp, table);
	}
	return true;
}

void tdp_gather_check(const struct tdp_gather *gather)
{
	assert(!gather->flush && !gather->removed.raw);
}
