/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page frames of the machine: blocks of 4 KiB, 2 MiB and 1 GiB from all RAM, each
 * with an owner. One lock (LOCK_FRAMES), held for a bounded number of steps.
 */
#pragma once

#include "lib/addr.h"
#include "lib/types.h"

struct mem_range {
	hpa_t start;
	u64 len; /* bytes */
};

/* Who holds frames: one per VM and purpose, and a few for the hypervisor itself. */
struct frame_owner {
	const char *name;
	u16 id; /* [const] kept beside each frame, so that a wrong free is caught */
	u64 frames; /* [atomic] 4 KiB frames held now */
};

struct frame_stats {
	u64 total, free; /* 4 KiB frames */
	u64 free_blocks[LEVEL_1G + 1]; /* whole free blocks by level, each counted at its largest */
};

/*
 * Take over RAM. ram and reserved may be unsorted, overlapping, unaligned and hostile
 * (they come from firmware); partial pages are left out, reserved wins. Page 0 is never
 * used, nor is RAM above 2^46 (said in a log line). The allocator takes its own tables out
 * of ram, at or above 1 MiB. E_NOMEM: not even room for those.
 */
int __must_check frames_init(const struct mem_range *ram, size_t ram_count,
			     const struct mem_range *reserved, size_t reserved_count);

/* Give owner a name and an id. name must outlive it. E_NOMEM: ids used up (65534 at once). */
int __must_check frame_owner_register(struct frame_owner *owner, const char *name);
/* Give the id back; the owner must hold no frame (panics otherwise: a leak, invariant I6). */
void frame_owner_unregister(struct frame_owner *owner);

/* One block at level (LEVEL_4K..LEVEL_1G), aligned to its size, contents undefined. */
int __must_check frame_alloc(struct frame_owner *owner, unsigned int level, hpa_t *out);
/* As frame_alloc of one 4 KiB frame, zeroed. */
int __must_check frame_alloc_zeroed(struct frame_owner *owner, hpa_t *out);
/* count (1..512) physically contiguous 4 KiB frames; freed one by one with frame_free. */
int __must_check frame_alloc_run(struct frame_owner *owner, u32 count, hpa_t *out);
/* Panics when the block is not owner's at that level: freed twice, or someone else's. */
void frame_free(struct frame_owner *owner, unsigned int level, hpa_t block);

/*
 * A word of 16 bits that belongs to whoever holds the 4 KiB frame: 0 when it is allocated,
 * then the holder's to use, with atomic accesses. No lock; frame must be held.
 */
u16 *frame_tag(hpa_t frame);

/* Zero one block at level. */
void frame_zero(unsigned int level, hpa_t block);

void frame_stats_read(struct frame_stats *stats);

/*
 * Call fn for each registered owner, lowest id first, with the allocator's lock not held; what
 * fn gets is a copy, so that an owner may go away meanwhile.
 */
void frame_owner_for_each(void (*fn)(const struct frame_owner *owner, void *ctx), void *ctx);
