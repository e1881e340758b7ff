/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's physical memory: slots, each a range of gfns backed by host frames that are
 * taken, zeroed, in the largest blocks there are. Backing is kept per 2 MiB of slot.
 * Slots are added before the VM runs and removed after it has ended.
 */
#pragma once

#include "arch/direct_map.h"
#include "lib/addr.h"
#include "mm/frames.h"

#define GUEST_MEM_MAX_SLOTS 8u

struct mem_slot {
	gfn_t base; /* 2 MiB aligned */
	u64 npages; /* a multiple of 512 */
	pfn_t *backing; /* first host frame of each 2 MiB of the slot */
	u8 *level; /* the block each 2 MiB came from: LEVEL_2M, or LEVEL_1G */
};

struct guest_mem {
	struct frame_owner *owner;
	u32 count;
	struct mem_slot slots[GUEST_MEM_MAX_SLOTS]; /* sorted by base */
};

void guest_mem_init(struct guest_mem *mem, struct frame_owner *owner);

/*
 * Add [base, base + npages) with zeroed memory. E_INVAL: not 2 MiB aligned, empty, wraps
 * or beyond 2^48 (what a root covers); E_EXIST: overlaps a slot; E_NOMEM: no room for another
 * slot, larger than 512 GiB, or no frames: everything taken so far for this slot is given back.
 */
int __must_check guest_mem_add_slot(struct guest_mem *mem, gfn_t base, u64 npages);

/* Give all frames back. No translation to them may exist any more (invariant I3). */
void guest_mem_destroy(struct guest_mem *mem);

static inline const struct mem_slot *guest_mem_slot(const struct guest_mem *mem, gfn_t gfn)
{
	for (u32 i = 0; i < mem->count; i++) {
		const struct mem_slot *slot = &mem->slots[i];

		if (gfn.raw - slot->base.raw < slot->npages)
			return slot;
	}
	return NULL;
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

/* Copy across any pages and slots. E_FAULT: some byte has no slot; nothing is promised then. */
int __must_check guest_mem_read(const struct guest_mem *mem, gpa_t gpa, void *buf, u64 len);
int __must_check guest_mem_write(struct guest_mem *mem, gpa_t gpa, const void *buf, u64 len);
/* Fill len bytes with zero. */
int __must_check guest_mem_zero(struct guest_mem *mem, gpa_t gpa, u64 len);

/* Bytes in all slots. */
u64 guest_mem_size(const struct guest_mem *mem);
