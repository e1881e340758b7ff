/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to slots: making the tables that guest_mem.table points to, and the frames behind them.
 */
#pragma once

#include "mm/guest_mem.h"

/*
 * Frames for a slot that is not in any table yet: only base and npages of it are set. E_INVAL,
 * E_RANGE and E_NOMEM as guest_mem_add_slot().
 */
int __must_check slot_create(const struct guest_mem *mem, struct mem_slot *slot);

/* Give them back, and the slot's arrays and log. */
void slot_destroy(const struct guest_mem *mem, struct mem_slot *slot);

/* Does [base, base + npages) make a slot? 0, E_INVAL, E_RANGE. */
int __must_check slot_check(const struct guest_mem *mem, gfn_t base, u64 npages);

/* Is any of [base, base + npages) in a slot of table other than but (NULL: in any)? */
bool slot_table_overlaps(const struct slot_table *table, gfn_t base, u64 npages,
			 const struct mem_slot *but);

/*
 * A copy of the present table without the slot drop (NULL: with all) and with the slot add (NULL:
 * none). E_EXIST: add overlaps another one; E_NOMEM.
 */
int __must_check slot_table_make(const struct guest_mem *mem, const struct mem_slot *drop,
				 const struct mem_slot *add, struct slot_table **out);

void slot_table_free(const struct slot_table *table);

/* Make table the one that is looked at from now on, with a full barrier. Returns the old one. */
const struct slot_table *slot_table_publish(struct guest_mem *mem, const struct slot_table *table);
