/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to the TDP tree: the one place through which its entries change. Each change is
 * one compare-and-swap from the value that was looked at, by a CPU that is in a walk, followed by
 * one accounting function. No lock: who loses the race looks again.
 *
 *	              add                     freeze
 *	absent, MMIO ------> leaf, table ------------------> frozen ----> absent
 *	                      ^    ^        (of this CPU)       |
 *	                      '----'                            '-------> leaf (collapse)
 *	             other rights, aged; split
 *
 * What is removed is first only cut off: the entry at its top is frozen, which holds up faults
 * there, and keeps the address of the table below. Then comes one round. After it neither
 * a CPU nor a walk can be in that table, which is taken apart at leisure.
 */
#pragma once

#include "lib/err.h"
#include "mm/tdp_iter.h"

/* A removal: what was cut off by this CPU, and is owed a round. */
struct tdp_gather {
	struct tdp *tdp;
	u32 owner; /* what its frozen entries say */
	bool flush; /* something was cut off, here or by another CPU that has not flushed yet */
	bool locked; /* dirty pages of what is removed are noted in their log */
	bool refill; /* put huge leaves in the place of what was cut off */
};

void tdp_gather_check(const struct tdp_gather *gather);

/* Declare an empty gather; leaving its scope while it owes something is caught by an assert. */
#define TDP_GATHER(name, tree)                                                \
	struct tdp_gather name __attribute__((cleanup(tdp_gather_check))) = { \
		.tdp = (tree),                                                \
		.owner = this_cpu()->index,                                   \
	}

/*
 * Pay everything for [start, end), which holds all that was cut off: at most one round; then
 * frozen entries become absent, or huge leaves, and tables are freed. Not from within a walk.
 */
void tdp_gather_finish(struct tdp_gather *gather, gfn_t start, gfn_t end);

/* A zeroed page for a table, counted; or back, when nothing can point to it any more. */
int __must_check tdp_table_alloc(struct tdp *tdp, hpa_t *out);
void tdp_table_free(struct tdp *tdp, hpa_t table);

/* In a table's tag, beside the count: it is one of nx_lpage_splits. */
#define TDP_TABLE_NX_SPLIT ((u16)BIT(15))

/* The number of leaves and links in a table, exact when nobody is just adding one. */
static inline u16 tdp_table_count(hpa_t table)
{
	return atomic_load(frame_tag(table)) & (u16)~TDP_TABLE_NX_SPLIT;
}

static inline struct tdp_stats *tdp_my_stats(const struct tdp *tdp)
{
	return &tdp->stats[this_cpu()->index];
}

/* Is this change one that can be right? */
#ifdef SILL_DEBUG
void tdp_change_check(const struct tdp *tdp, const struct tdp_entry *entry, u64 new);
#else
static inline void tdp_change_check(const struct tdp *tdp __unused,
				    const struct tdp_entry *entry __unused, u64 new __unused)
{
}
#endif

_Static_assert(offsetof(struct tdp_stats, pages_2m) == offsetof(struct tdp_stats, pages_4k) + 8 &&
		       offsetof(struct tdp_stats, pages_1g) ==
			       offsetof(struct tdp_stats, pages_4k) + 16,
	       "leaves are counted by level");

/* The counter of leaves at level. */
static inline u64 *tdp_leaf_counter(struct tdp_stats *stats, unsigned int level)
{
	return &stats->pages_4k + (level - LEVEL_4K);
}

/* The frame of the table that holds the entry at sptep. */
static inline hpa_t tdp_table_of(const u64 *sptep)
{
	return HPA(align_down(ptr_to_hpa(sptep).raw, PAGE_SIZE));
}

/*
 * Put new, a leaf or a table, into an entry that is absent, frozen by this CPU, or an MMIO mark.
 * False: it has changed meanwhile, and entry->spte is what it is now. (Here, so that a fault's entry
 * stays in registers.)
 */
static inline bool __must_check tdp_spte_add(struct tdp *tdp, struct tdp_entry *entry, u64 new)
{
	tdp_change_check(tdp, entry, new);
	if (!atomic_cmpxchg(entry->sptep, &entry->spte, new))
		return false;
	entry->spte = new;
	atomic_fetch_add(frame_tag(tdp_table_of(entry->sptep)), (u16)1);
	if (spte_is_leaf(tdp->fmt, new, entry->level))
		atomic_count(tdp_leaf_counter(tdp_my_stats(tdp), entry->level), 1);
	return true;
}

/*
 * Put new in the place of entry->spte, where nothing has to be counted: a leaf with other rights, or
 * aged; a mark; absent instead of frozen. False: as above.
 */
static inline bool __must_check tdp_spte_set(struct tdp *tdp, struct tdp_entry *entry, u64 new)
{
	tdp_change_check(tdp, entry, new);
	if (!atomic_cmpxchg(entry->sptep, &entry->spte, new))
		return false;
	entry->spte = new;
	return true;
}

/*
 * Cut off a leaf or a table, whatever becomes of its accessed and dirty bits meanwhile. When
 * another CPU is faster, what it has frozen is owed a round here too: it may not have had one yet.
 */
void tdp_spte_freeze(struct tdp_gather *gather, struct tdp_entry entry);

/*
 * Replace a leaf above 4 KiB by a table of leaves that say the same, but for rights that the smaller
 * ones may have. E_NOMEM. 0 also when the entry has changed meanwhile: look again.
 */
int __must_check tdp_spte_split(struct tdp *tdp, struct tdp_entry *entry,
				const struct mem_slot *slot);

/* What a pass makes of a leaf, present or aged: its new value, or the old one to leave it. */
typedef u64 (*tdp_leaf_fn)(const struct tdp *tdp, u64 spte, unsigned int level, const void *ctx);

/* Change all leaves that have any of [start, end). One round if any was. How many 4 KiB pages were. */
u64 tdp_pass(struct tdp *tdp, gfn_t start, gfn_t end, tdp_leaf_fn change, const void *ctx);

/* spte without the right to write. */
u64 tdp_leaf_protect(const struct tdp *tdp, u64 spte);
