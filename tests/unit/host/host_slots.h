/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table of slots for tests that write their guest's memory by hand.
 */
#pragma once

#include "mm/guest_mem.h"

#define HOST_SLOTS 6u

struct host_slots {
	struct slot_table table;
	struct mem_slot slots[HOST_SLOTS + 1]; /* what the table's flexible array is */
};

/* mem has no slots, but those that host_slots_add() will give it. */
static inline void host_slots_init(struct host_slots *slots, struct guest_mem *mem)
{
	*slots = (struct host_slots){ .table = { .generation = 1 } };
	guest_mem_init(mem, NULL, 48);
	mem->table = &slots->table;
}

/* They must come in order. */
static inline struct mem_slot *host_slots_add(struct host_slots *slots, struct mem_slot slot)
{
	slot.plain = !slot.readonly && !slot.log;
	slots->slots[slots->table.count] = slot;
	return &slots->slots[slots->table.count++];
}
