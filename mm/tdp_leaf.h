/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to the TDP tree: what is right for a leaf. How large it may be, what its slot and its log
 * allow, and what the pieces of a split leaf are. No state.
 */
#pragma once

#include "mm/dirty_log.h"
#include "mm/tdp.h"

/* Must writes to the slot's pages be faults, so that they are noticed? */
static inline bool slot_is_protected(const struct mem_slot *slot)
{
	return slot->log && slot->log->means == DIRTY_PROTECT;
}

/*
 * The rights of a leaf at level, for an access that wants some: all that the slot gives, but
 * writing is noticed for single pages only, and where that takes a fault, not given in advance.
 */
static inline unsigned int tdp_leaf_rights(const struct tdp *tdp, const struct mem_slot *slot,
					   unsigned int level, unsigned int access)
{
	unsigned int rights = ACCESS_READ;

	if (level == LEVEL_4K || !tdp->nx_huge)
		rights |= ACCESS_EXEC;
	if (likely(!slot->log))
		rights |= ACCESS_WRITE;
	else if (level == LEVEL_4K && slot->log->means == DIRTY_PROTECT)
		rights |= access & ACCESS_WRITE;
	else if (level == LEVEL_4K)
		rights |= ACCESS_WRITE;
	return slot->readonly ? rights & ~(unsigned int)ACCESS_WRITE : rights;
}

/*
 * The largest level at which one entry can map gfn: whole in the slot, gfn and pfn alike within
 * it, backing contiguous, which it is within the block that it came from.
 */
unsigned int tdp_leaf_level_max(const struct tdp *tdp, const struct mem_slot *slot, gfn_t gfn,
				pfn_t pfn);

/* The level to map gfn at for an access: not a huge one where that would have to be split again. */
static inline unsigned int tdp_leaf_level(const struct tdp *tdp, const struct mem_slot *slot,
					  gfn_t gfn, pfn_t pfn, unsigned int access)
{
	if (slot->log || (tdp->nx_huge && (access & ACCESS_EXEC)))
		return LEVEL_4K;
	return tdp_leaf_level_max(tdp, slot, gfn, pfn);
}

/* The leaf at level for gfn, whose frame is pfn, after an access that wanted some rights. */
static inline u64 tdp_leaf_make(const struct tdp *tdp, const struct mem_slot *slot, pfn_t pfn,
				unsigned int level, unsigned int access)
{
	unsigned int rights;
	u64 leaf;

	pfn.raw = align_down(pfn.raw, level_pages(level));
	/* Nearly all leaves are like this. */
	if (likely(slot->plain && (level == LEVEL_4K || !tdp->nx_huge)))
		return tdp->plain[level] | pfn_to_hpa(pfn).raw;
	rights = tdp_leaf_rights(tdp, slot, level, access);
	leaf = spte_make_leaf(tdp->fmt, pfn, level, rights);
	/* The CPU is to say when it is written. */
	return unlikely(slot->log) ? leaf & ~tdp->fmt->dirty : leaf;
}

/* The first piece, one level below, of the leaf spte at level. */
u64 tdp_leaf_piece(const struct tdp *tdp, const struct mem_slot *slot, u64 spte,
		   unsigned int level);

/* Is this the kind of entry that collapse makes a huge leaf? */
bool tdp_leaf_can_collapse(const struct tdp *tdp, const struct mem_slot *slot, gfn_t first,
			   unsigned int level);

/* A leaf of 4 KiB leaves the tree: if its slot is logged, what its dirty bit says goes there. */
void tdp_leaf_note_dirty(const struct tdp *tdp, u64 spte, gfn_t gfn);
