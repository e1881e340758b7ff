/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TDP tree as a whole: made, looked at, destroyed. What is done in it has files of its own:
 *
 *	tdp_fault.c	a translation is missing, or does not allow what the guest does
 *	tdp_zap.c	removal, and collapse, which is removal with another end
 *	tdp_pass.c	leaves changed in place: protection, ageing; and splits
 *	tdp_change.c	how one entry changes, and what is counted
 *	tdp_leaf.c	what is right for a leaf
 *	tdp_iter.c	the way through the entries
 *
 * All of them run next to each other in one tree, without a lock. See doc/mmu.md.
 */
#include "mm/tdp.h"

#include "lib/err.h"
#include "mm/heap.h"
#include "mm/tdp_change.h"

static size_t stats_size(void)
{
	return cpu_count * sizeof(struct tdp_stats);
}

int tdp_create(struct tdp *tdp, const struct tdp_config *config, struct guest_mem *mem)
{
	int err;

	if (config->max_leaf_level < LEVEL_4K || config->max_leaf_level > LEVEL_1G)
		return E_INVAL;
	*tdp = (struct tdp){
		.fmt = config->fmt,
		.root_level = TDP_ROOT_LEVEL,
		.max_leaf_level = config->max_leaf_level,
		.hw_ad = config->hw_ad,
		.pml = config->pml,
		.nx_huge = config->nx_huge,
		.mmio_signal = config->mmio_signal,
		.mmio_generation = guest_mem_table(mem)->generation,
		.mem = mem,
		.slots_lock = SPINLOCK(LOCK_MEM_SLOTS),
		.lock = SPINLOCK(LOCK_TDP),
		.stats = kzalloc(stats_size()),
	};
	for (unsigned int level = LEVEL_4K; level <= LEVEL_1G; level++)
		tdp->plain[level] = spte_make_leaf(config->fmt, PFN(0), level, ACCESS_ALL);
	tlb_space_init(&tdp->tlb);
	if (!tdp->stats)
		return E_NOMEM;
	err = frame_owner_register(&tdp->tables, "tdp tables");
	if (err)
		goto no_owner;
	err = tdp_table_alloc(tdp, &tdp->root);
	if (!err)
		return 0;
	frame_owner_unregister(&tdp->tables);
no_owner:
	kfree(tdp->stats, stats_size());
	return err;
}

void tdp_destroy(struct tdp *tdp)
{
	tdp_zap(tdp, GFN(0), GFN(tdp_gfn_limit(tdp)));
	tdp_table_free(tdp, tdp->root);
	frame_owner_unregister(&tdp->tables);
	kfree(tdp->stats, stats_size());
}

void tdp_stats_read(const struct tdp *tdp, struct tdp_stats *sum)
{
	u64 *to = (u64 *)sum;

	*sum = (struct tdp_stats){ 0 };
	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		const u64 *from = (const u64 *)&tdp->stats[cpu];

		for (u32 i = 0; i < sizeof(*sum) / sizeof(u64); i++)
			to[i] += atomic_load(&from[i]);
	}
	sum->pf_taken = sum->pf_fixed + sum->pf_spurious + sum->pf_retry + sum->pf_emulate +
			sum->pf_nomem;
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
