/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to the TDP tree: entries, and a walk over them. The iterator visits, in
 * pre-order, every entry whose range meets [start, end): each table entry before the
 * entries of its table.
 *
 *	level 4     [ A ]          visited in the order A B C d e f g H:
 *	             /             down from each table (read again just before: the body of
 *	level 3    [ B H ]         the loop or another CPU may have changed it), then
 *	            /              sideways, and up at the end of a table
 *	level 2   [ C g ]
 *	           /
 *	level 1  [ d e f ]
 *
 * Whoever reads entries must be in a walk (tlb_walk_begin), so that no table is freed underneath.
 */
#pragma once

#include "arch/direct_map.h"
#include "lib/addr.h"
#include "lib/atomic.h"
#include "mm/tdp.h"

#define TDP_ROOT_LEVEL 4u

/* An entry of the tree. */
struct tdp_entry {
	u64 *sptep;
	u64 spte; /* what *sptep was when it was last read or changed */
	gfn_t gfn; /* one of those that the entry stands for, see tdp_entry_first */
	unsigned int level;
};

static inline struct tdp_entry tdp_entry_read(u64 *table, unsigned int level, gfn_t gfn)
{
	u64 *sptep = &table[(gfn.raw >> (9 * (level - 1))) % TABLE_ENTRIES];

	return (struct tdp_entry){
		.sptep = sptep,
		.spte = atomic_load(sptep),
		.gfn = gfn,
		.level = level,
	};
}

/* The root's entry for gfn, which the root must cover. */
static inline struct tdp_entry tdp_entry_root(const struct tdp *tdp, gfn_t gfn)
{
	return tdp_entry_read(hpa_to_ptr(tdp->root), TDP_ROOT_LEVEL, gfn);
}

/* The entry for the same gfn in the table that entry.spte links to. */
static inline struct tdp_entry tdp_entry_below(const struct spte_format *fmt,
					       struct tdp_entry entry)
{
	u64 *table = hpa_to_ptr(spte_hpa(fmt, entry.spte));

	return tdp_entry_read(table, entry.level - 1, entry.gfn);
}

/* Follow links down, from entry to the one that is not a table. */
static inline struct tdp_entry tdp_entry_lowest(const struct spte_format *fmt,
						struct tdp_entry entry)
{
	while (spte_is_table(fmt, entry.spte, entry.level))
		entry = tdp_entry_below(fmt, entry);
	return entry;
}

/*
 * From the root down to the entry that is no table, or at level lowest, a constant: in few
 * instructions, as each fault begins with it.
 */
static inline struct tdp_entry tdp_entry_end(const struct tdp *tdp, gfn_t gfn, unsigned int lowest)
{
	const struct spte_format *fmt = tdp->fmt;
	u64 link = fmt->present, leaf = fmt->present | fmt->large;
	struct tdp_entry entry = tdp_entry_root(tdp, gfn);

#pragma GCC unroll 3
	for (unsigned int level = TDP_ROOT_LEVEL - 1; level >= lowest; level--) {
		if ((entry.spte & leaf) != link)
			break;
		entry = tdp_entry_read(hpa_to_ptr(spte_hpa(fmt, entry.spte)), level, gfn);
	}
	return entry;
}

/* The first gfn that the entry stands for. */
static inline gfn_t tdp_entry_first(struct tdp_entry entry)
{
	return GFN(align_down(entry.gfn.raw, level_pages(entry.level)));
}

/* The first gfn that a root does not cover. */
static inline u64 tdp_gfn_limit(const struct tdp *tdp)
{
	return level_pages(tdp->root_level + 1);
}

static inline bool tdp_covers(const struct tdp *tdp, gfn_t gfn)
{
	return gfn.raw >> (9 * tdp->root_level) == 0;
}

struct tdp_iter {
	const struct tdp *tdp;
	u32 steps; /* in this walk */
	struct tdp_entry at; /* the current entry; what is still to visit is [at.gfn, end) */
	gfn_t end;
	bool valid; /* there is a current entry */
	bool frozen; /* some entry was: what is there is being removed, perhaps not flushed yet */
	u64 *tables[TDP_ROOT_LEVEL + 1]; /* by level, from the root down to the current one */
};

/* Begin at the root with gfn start; end is cut to what the root covers. */
void tdp_iter_start(struct tdp_iter *iter, const struct tdp *tdp, gfn_t start, gfn_t end);

/* Go on to the next entry in pre-order. */
void tdp_iter_next(struct tdp_iter *iter);

/* Go on to the next entry that is not below the current one. */
void tdp_iter_skip(struct tdp_iter *iter);

/*
 * Let the rounds go on that wait for this walk: end it, begin another one, and go on from the root
 * with what is left, the current entry included.
 */
void tdp_iter_breathe(struct tdp_iter *iter);

/* Visit all entries in pre-order, in a walk of its own which takes a breath now and then. */
#define tdp_for_each_walk(iter, tdp, start, end) \
	for (tdp_iter_begin(iter, tdp, start, end); tdp_iter_goes_on(iter); tdp_iter_next(iter))

/* So many entries make a walk long enough. */
#define TDP_WALK_STEPS 1024u

static inline void tdp_iter_begin(struct tdp_iter *iter, const struct tdp *tdp, gfn_t start,
				  gfn_t end)
{
	tlb_walk_begin(&tdp->tlb);
	tdp_iter_start(iter, tdp, start, end);
}

static inline bool tdp_iter_goes_on(struct tdp_iter *iter)
{
	if (unlikely(!iter->valid))
		tlb_walk_end();
	else if (unlikely(++iter->steps > TDP_WALK_STEPS))
		tdp_iter_breathe(iter);
	return iter->valid;
}
