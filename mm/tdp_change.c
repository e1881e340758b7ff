/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of TDP entries, their accounting, and the checks of debug builds: see tdp_change.h.
 *
 * Each table's number of leaves and links is kept in its frame's tag: found by arithmetic
 * from the entry's address, no memory of its own, nothing to fail. It is changed after the
 * entry is, so that next to a fault it may lag by one for a moment. A remover that acts on
 * such a count does no harm: it cuts the table off, and counts what it finds there when nobody
 * is in it any more. At worst an empty table stays until a later zap passes by.
 */
#include "mm/tdp_change.h"

#include "lib/log.h"
#include "mm/dirty_log.h"
#include "mm/tdp_leaf.h"

#ifdef SILL_DEBUG
enum spte_state { ABSENT, MMIO, FROZEN, LEAF, TABLE, STATES };

static enum spte_state spte_state(const struct tdp *tdp, u64 spte, unsigned int level)
{
	if (spte_is_counted(tdp->fmt, spte))
		return spte_is_leaf(tdp->fmt, spte, level) ? LEAF : TABLE;
	if (spte_is_frozen(spte))
		return FROZEN;
	return spte_is_mmio(spte) ? MMIO : ABSENT;
}

/*
 * Which state may follow which. What is mapped leaves only by way of frozen, and frozen becomes
 * something else only after the round: so no two CPUs ever use two frames for one gfn.
 */
static bool change_is_legal(enum spte_state old, enum spte_state new)
{
	static const bool legal[STATES][STATES] = {
		[ABSENT] = { [MMIO] = true, [LEAF] = true, [TABLE] = true },
		[MMIO] = { [MMIO] = true, [LEAF] = true, [TABLE] = true },
		[FROZEN] = { [ABSENT] = true, [LEAF] = true },
		[LEAF] = { [LEAF] = true, [TABLE] = true, [FROZEN] = true },
		[TABLE] = { [FROZEN] = true },
	};

	return legal[old][new];
}

void tdp_change_check(const struct tdp *tdp, const struct tdp_entry *entry, u64 new)
{
	assert(this_cpu()->walks & 1);
	assert(change_is_legal(spte_state(tdp, entry->spte, entry->level),
			       spte_state(tdp, new, entry->level)));
	assert(!spte_is_frozen(entry->spte) || spte_is_frozen_by(entry->spte, this_cpu()->index));
	assert(!spte_is_present(tdp->fmt, new) || !(new & ~tdp->fmt->all));
	assert(!spte_is_leaf(tdp->fmt, new, entry->level) || entry->level <= tdp->max_leaf_level);
}

#endif

int tdp_table_alloc(struct tdp *tdp, hpa_t *out)
{
	int err = frame_alloc_zeroed(&tdp->tables, out);

	if (!err)
		atomic_count(&tdp_my_stats(tdp)->table_pages, 1);
	return err;
}

void tdp_table_free(struct tdp *tdp, hpa_t table)
{
	frame_free(&tdp->tables, LEVEL_4K, table);
	atomic_count(&tdp_my_stats(tdp)->table_pages, -1ull);
}

void tdp_spte_freeze(struct tdp_gather *gather, struct tdp_entry entry)
{
	struct tdp *tdp = gather->tdp;
	bool table;
	u64 old;

	do {
		old = entry.spte;
		if (!spte_is_counted(tdp->fmt, old)) {
			gather->flush |= spte_is_frozen(old);
			return;
		}
		table = spte_is_table(tdp->fmt, old, entry.level);
	} while (!tdp_spte_set(tdp, &entry,
			       spte_make_frozen(gather->owner,
						table ? spte_hpa(tdp->fmt, old) : HPA(0))));
	gather->flush = true;
	/* From now on no CPU sets the bit. */
	if (gather->locked && entry.level == LEVEL_4K)
		tdp_leaf_note_dirty(tdp, old, tdp_entry_first(entry));
	atomic_fetch_sub(frame_tag(tdp_table_of(entry.sptep)), (u16)1);
	if (!table)
		atomic_count(tdp_leaf_counter(tdp_my_stats(tdp), entry.level), -1ull);
}

int tdp_spte_split(struct tdp *tdp, struct tdp_entry *entry, const struct mem_slot *slot)
{
	struct tdp_stats *stats = tdp_my_stats(tdp);
	unsigned int level = entry->level;
	u64 *sptes, first;
	hpa_t table;

	if (tdp_table_alloc(tdp, &table))
		return E_NOMEM;
	sptes = hpa_to_ptr(table);
	first = tdp_leaf_piece(tdp, slot, entry->spte, level);
	for (u32 i = 0; i < TABLE_ENTRIES; i++)
		sptes[i] = first + ((u64)i << level_shift(level - 1));
	atomic_store(frame_tag(table), (u16)TABLE_ENTRIES);
	if (!tdp_spte_set(tdp, entry, spte_make_table(tdp->fmt, table))) {
		tdp_table_free(tdp, table);
		return 0;
	}
	atomic_count(tdp_leaf_counter(stats, level), -1ull);
	atomic_count(tdp_leaf_counter(stats, level - 1), TABLE_ENTRIES);
	atomic_count(&stats->splits, 1);
	return 0;
}

void tdp_gather_check(const struct tdp_gather *gather)
{
	assert(!gather->flush);
}
