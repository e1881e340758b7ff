/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's slots while its vCPUs run. Every change publishes a new table of slots, waits for those who
 * may still look at the old one, and does to the tree of translations what follows from it:
 *
 *	publish		faults and exits that begin now go by the new table
 *	wait for walks	no fault can add a translation by the old one any more
 *	zap, protect	one round: no CPU can use what the old table allowed
 *	wait for exits	no handler of an exit holds a pointer that it got from the old table
 *	free		the table, and the frames of a slot that was removed
 *
 * When such a function returns, nobody sees the old state. Not from within a walk, nor from an exit's
 * handler; no lock below LOCK_MEM_SLOTS may be held.
 */
#pragma once

#include "mm/tdp.h"

/*
 * Add [base, base + npages) with zeroed memory. Until now an access there was one to a device.
 * E_INVAL: not 2 MiB aligned, empty or wraps; E_RANGE: beyond the guest's physical addresses;
 * E_EXIST: overlaps a slot; E_NOMEM: no room for another slot, larger than 512 GiB, or no frames.
 */
int __must_check slot_add(struct tdp *tdp, gfn_t base, u64 npages, bool readonly);

/* Remove the slot that begins at base; its frames are free when this returns. E_NOENT, E_NOMEM. */
int __must_check slot_remove(struct tdp *tdp, gfn_t base);

/*
 * Move the slot at base, with its contents, to another place. E_NOENT; E_INVAL, E_RANGE, E_EXIST as
 * for slot_add(), and then it stays where it is; E_NOMEM.
 */
int __must_check slot_move(struct tdp *tdp, gfn_t base, gfn_t to);

/*
 * Let the guest write to the slot at base no more, its writes then being accesses to a device; or let
 * it again. E_NOENT, E_NOMEM.
 */
int __must_check slot_set_readonly(struct tdp *tdp, gfn_t base, bool readonly);

/* For mm/ itself, with slots_lock held. The slot that begins at base, or NULL. */
const struct mem_slot *slot_at(const struct tdp *tdp, gfn_t base);

/*
 * Make slot what old is now, and wait for the walks that began before. *table: the old one, to be
 * given to slots_settle() at the end. E_EXIST, E_NOMEM: nothing has changed.
 */
int __must_check slots_replace(struct tdp *tdp, const struct mem_slot *old,
			       const struct mem_slot *slot, const struct slot_table **table);

/* Wait for the exits that may look at table, and free it. */
void slots_settle(struct tdp *tdp, const struct slot_table *table);
