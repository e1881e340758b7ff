/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's physical memory: slots, each a range of gfns backed by host frames that are
 * taken, zeroed, in the largest blocks there are. Backing is kept per 2 MiB of slot.
 *
 * The slots are a table that is never changed, only replaced by another one (mm/slots.h does that
 * while vCPUs run). Whoever looks at it does so within a walk (mm/tlb.h) or while handling an exit,
 * and keeps no pointer to a slot, or to memory that he found by one, beyond that; unless he drops
 * it when his CPU flushes, as it does by the time that a slot has gone.
 */
#pragma once

#include "arch/direct_map.h"
#include "lib/addr.h"
#include "lib/atomic.h"
#include "mm/frames.h"

#define GUEST_MEM_MAX_SLOTS 64u

struct dirty_log;

struct mem_slot {
	gfn_t base; /* 2 MiB aligned */
	u64 npages; /* a multiple of 512 */
	pfn_t *backing; /* first host frame of each 2 MiB of the slot */
	u8 *level; /* the block each 2 MiB came from: LEVEL_2M, or LEVEL_1G */
	bool readonly; /* for the guest: what it writes is an access to a device */
	bool plain; /* neither readonly nor logged: leaves have all rights */
	struct dirty_log *log; /* NULL: nobody wants to know what is written */
};

struct slot_table {
	u64 generation; /* of this table: MMIO marks say in which one they were right */
	u32 count;
	struct mem_slot slots[]; /* sorted by base; behind the last is one of no pages */
};

struct guest_mem {
	struct frame_owner *owner;
	u64 gfn_limit; /* [const] the first gfn that no slot may have */
	const struct slot_table *table; /* [atomic] */
};

/* No slots yet. gpa_bits: the guest's physical addresses have so many, at most 48. */
void guest_mem_init(struct guest_mem *mem, struct frame_owner *owner, unsigned int gpa_bits);

/*
 * Add [base, base + npages) with zeroed memory, while nobody else looks at mem. E_INVAL: not 2 MiB
 * aligned, empty, or wraps; E_RANGE: beyond gpa_bits; E_EXIST: overlaps a slot; E_NOMEM: no
 * room for another slot, larger than 512 GiB, or no frames: everything taken so far for this slot
 * is given back.
 */
int __must_check guest_mem_add_slot(struct guest_mem *mem, gfn_t base, u64 npages);

/* Give all frames back. No translation to them may exist any more (invariant I3). */
void guest_mem_destroy(struct guest_mem *mem);

/* The slot of table that holds gfn, or NULL. */
static inline const struct mem_slot *slot_find(const struct slot_table *table, gfn_t gfn)
{
	const struct mem_slot *slot = table->slots;

	for (u32 left = table->count; left; left--, slot++) {
		if (gfn.raw - slot->base.raw < slot->npages)
			return slot;
	}
	return NULL;
}

static inline const struct slot_table *guest_mem_table(const struct guest_mem *mem)
{
	return atomic_load(&mem->table);
}

static inline const struct mem_slot *guest_mem_slot(const struct guest_mem *mem, gfn_t gfn)
{
	return slot_find(guest_mem_table(mem), gfn);
}

/* gfn must lie in slot. */
static inline pfn_t mem_slot_pfn(const struct mem_slot *slot, gfn_t gfn)
{
	u64 index = gfn.raw - slot->base.raw;

	return PFN(slot->backing[index >> 9].raw + (index & 511));
}

/*
 * Where the hypervisor sees gpa, or NULL when no slot holds it. Valid to the end of
 * that 4 KiB page, no further.
 */
static inline void *guest_mem_ptr(const struct guest_mem *mem, gpa_t gpa)
{
	const struct mem_slot *slot = guest_mem_slot(mem, gpa_to_gfn(gpa));

	if (unlikely(!slot))
		return NULL;
	return (u8 *)hpa_to_ptr(pfn_to_hpa(mem_slot_pfn(slot, gpa_to_gfn(gpa)))) +
	       (gpa.raw & (PAGE_SIZE - 1));
}

/*
 * The same for what the guest itself may write; NULL also where it may not. To be called before
 * the write, and guest_mem_written() after it: with a mark in the dirty log on both sides, no
 * harvest in between loses the page.
 */
void *guest_mem_ptr_write(const struct guest_mem *mem, gpa_t gpa);
void guest_mem_written(const struct guest_mem *mem, gpa_t gpa);

/* The CPU has listed gpa's page as written: news for a log that is kept by such lists. */
void guest_mem_listed(const struct guest_mem *mem, gpa_t gpa);

/* Copy across any pages and slots. E_FAULT: some byte has no slot; nothing is promised then. */
int __must_check guest_mem_read(const struct guest_mem *mem, gpa_t gpa, void *buf, u64 len);
/* The hypervisor's own writes: read-only slots too. */
int __must_check guest_mem_write(struct guest_mem *mem, gpa_t gpa, const void *buf, u64 len);
/* Fill len bytes with zero. */
int __must_check guest_mem_zero(struct guest_mem *mem, gpa_t gpa, u64 len);

/* Bytes in all slots. */
u64 guest_mem_size(const struct guest_mem *mem);
