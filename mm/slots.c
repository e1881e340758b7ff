/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of slots while vCPUs run: see slots.h for the order of things. slots_lock is held over
 * each, so that there is one at a time in a VM.
 */
#include "mm/slots.h"

#include "lib/err.h"
#include "mm/dirty_log.h"
#include "mm/slot_table.h"

const struct mem_slot *slot_at(const struct tdp *tdp, gfn_t base)
{
	const struct mem_slot *slot = guest_mem_slot(tdp->mem, base);

	return slot && slot->base.raw == base.raw ? slot : NULL;
}

int slots_replace(struct tdp *tdp, const struct mem_slot *old, const struct mem_slot *slot,
		  const struct slot_table **table)
{
	struct slot_table *new;
	int err = slot_table_make(tdp->mem, old, slot, &new);

	if (err)
		return err;
	*table = slot_table_publish(tdp->mem, new);
	tlb_wait_for_walks(&tdp->tlb);
	return 0;
}

void slots_settle(struct tdp *tdp, const struct slot_table *table)
{
	/* A removal that takes note of dirty pages looks at slots outside of its walks. */
	spin_lock(&tdp->lock);
	spin_unlock(&tdp->lock);
	tlb_wait_for_exits(&tdp->tlb);
	slot_table_free(table);
}

int slot_add(struct tdp *tdp, gfn_t base, u64 npages, bool readonly)
{
	struct mem_slot slot = { .base = base, .npages = npages, .readonly = readonly };
	const struct slot_table *table;
	bool taken;
	int err;

	spin_lock(&tdp->slots_lock);
	taken = slot_table_overlaps(guest_mem_table(tdp->mem), base, npages, NULL);
	spin_unlock(&tdp->slots_lock);
	if (taken)
		return E_EXIST;
	/* Without the lock: to zero it may take long. */
	err = slot_create(tdp->mem, &slot);
	if (err)
		return err;
	spin_lock(&tdp->slots_lock);
	err = slots_replace(tdp, NULL, &slot, &table);
	if (!err)
		slots_settle(tdp, table);
	spin_unlock(&tdp->slots_lock);
	if (err)
		slot_destroy(tdp->mem, &slot);
	return err;
}

/*
 * No CPU uses the slot that was at [base, base + npages) any more. In any case with a round, for
 * pointers to its memory that are dropped by a flush.
 */
static void slot_zap(struct tdp *tdp, gfn_t base, u64 npages)
{
	u64 generation = atomic_load(&tdp->tlb.generation);

	tdp_zap(tdp, base, GFN(base.raw + npages));
	if (atomic_load(&tdp->tlb.generation) == generation)
		tlb_shootdown(&tdp->tlb);
}

int slot_remove(struct tdp *tdp, gfn_t base)
{
	const struct slot_table *table;
	const struct mem_slot *slot;
	struct mem_slot removed = { .npages = 0 };
	int err = E_NOENT;

	spin_lock(&tdp->slots_lock);
	slot = slot_at(tdp, base);
	if (slot) {
		removed = *slot;
		err = slots_replace(tdp, slot, NULL, &table);
	}
	if (!err) {
		slot_zap(tdp, base, removed.npages);
		slots_settle(tdp, table);
		if (removed.log)
			atomic_fetch_sub(&tdp->logs, 1u);
		slot_destroy(tdp->mem, &removed);
	}
	spin_unlock(&tdp->slots_lock);
	return err;
}

int slot_move(struct tdp *tdp, gfn_t base, gfn_t to)
{
	const struct slot_table *table;
	const struct mem_slot *slot;
	struct mem_slot moved = { .npages = 0 };
	int err = E_NOENT;

	spin_lock(&tdp->slots_lock);
	slot = slot_at(tdp, base);
	if (slot) {
		moved = *slot;
		moved.base = to;
		err = slot_check(tdp->mem, to, moved.npages);
	}
	if (!err)
		err = slots_replace(tdp, slot, &moved, &table);
	if (!err) {
		slot_zap(tdp, base, moved.npages);
		slots_settle(tdp, table);
		/* Where it is now, all of it is new. */
		for (u64 page = 0; moved.log && page < moved.npages; page++)
			dirty_log_set(moved.log, page);
	}
	spin_unlock(&tdp->slots_lock);
	return err;
}

int slot_set_readonly(struct tdp *tdp, gfn_t base, bool readonly)
{
	const struct slot_table *table;
	const struct mem_slot *slot;
	struct mem_slot changed = { .npages = 0 };
	int err = E_NOENT;

	spin_lock(&tdp->slots_lock);
	slot = slot_at(tdp, base);
	if (slot) {
		changed = *slot;
		changed.readonly = readonly;
		err = slots_replace(tdp, slot, &changed, &table);
	}
	if (!err) {
		/* What may be written again is given by the faults that want it. */
		if (readonly)
			tdp_write_protect(tdp, base, GFN(base.raw + changed.npages));
		slots_settle(tdp, table);
	}
	spin_unlock(&tdp->slots_lock);
	return err;
}
