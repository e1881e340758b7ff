/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is right for a leaf: see tdp_leaf.h.
 */
#include "mm/tdp_leaf.h"

/* May one entry at level map gfn: is the whole page in the slot, and does pfn lie alike in it? */
static bool leaf_fits(const struct mem_slot *slot, gfn_t gfn, pfn_t pfn, unsigned int level)
{
	u64 mask = level_pages(level) - 1;
	u64 first = gfn.raw & ~mask;

	return ((gfn.raw ^ pfn.raw) & mask) == 0 && first >= slot->base.raw &&
	       first - slot->base.raw + mask < slot->npages;
}

unsigned int tdp_leaf_level_max(const struct tdp *tdp, const struct mem_slot *slot, gfn_t gfn,
				pfn_t pfn)
{
	unsigned int block = slot->level[(gfn.raw - slot->base.raw) / level_pages(LEVEL_2M)];
	unsigned int level = MIN(tdp->max_leaf_level, block);

	while (level > LEVEL_4K && !leaf_fits(slot, gfn, pfn, level))
		level--;
	return level;
}

/*
 * Rights that a huge leaf lacks because it is one are given to pieces of 4 KiB, but that to write
 * where each first write must be a fault.
 */
u64 tdp_leaf_piece(const struct tdp *tdp, const struct mem_slot *slot, u64 spte, unsigned int level)
{
	unsigned int rights = spte_access(tdp->fmt, spte);
	u64 piece = spte_make_piece(tdp->fmt, spte, level);

	if (level - 1 > LEVEL_4K)
		return piece;
	if (tdp->nx_huge)
		rights |= ACCESS_EXEC;
	if (slot->log && slot->log->means != DIRTY_PROTECT && !slot->readonly)
		rights |= ACCESS_WRITE;
	return spte_set_access(tdp->fmt, piece, rights);
}

bool tdp_leaf_can_collapse(const struct tdp *tdp, const struct mem_slot *slot, gfn_t first,
			   unsigned int level)
{
	return slot && !slot->log && level <= LEVEL_1G &&
	       tdp_leaf_level_max(tdp, slot, first, mem_slot_pfn(slot, first)) >= level;
}

void tdp_leaf_note_dirty(const struct tdp *tdp, u64 spte, gfn_t gfn)
{
	const struct mem_slot *slot = guest_mem_slot(tdp->mem, gfn);

	if ((spte & tdp->fmt->dirty) && slot && slot->log && slot->log->means != DIRTY_PROTECT)
		dirty_log_mark(slot, gfn);
}
