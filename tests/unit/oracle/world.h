/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the code under test runs on: simulated memory, virtual machines with slots whose
 * frames need not exist (the tree never touches them), and the truth about these.
 */
#pragma once

#include "arch/direct_map.h"
#include "sched.h"
#include "vm/vm.h"

#define MAX_SPACES 2u
#define WORLD_MEMORY MIB(4)
#define WORLD_FRAMES (WORLD_MEMORY / PAGE_SIZE)
#define MAX_HOT 12u

/* What a run is made of, besides its operations and its schedule. */
struct world_config {
	const struct spte_format *fmt;
	bool hw_ad; /* the CPU sets accessed and dirty bits (in EPT: when asked to) */
	bool lazy_cpu; /* caches all it may and never evicts; otherwise at random */
	u32 max_leaf;
	u32 cpus, managers, spaces;
	u32 quarantine; /* so many freed tables wait, poisoned, before they are reused */
	u32 alloc_fail; /* one in so many tables is not to be had; 0: none */
	u32 hot_count;
	u64 hot[MAX_HOT]; /* the gfns that everyone is after */
};

extern struct world {
	const struct world_config *config;
	enum drain drain;
	struct vm vms[MAX_SPACES];
} world;

/* New memory, allocator and trees. To be called with sched_call. */
void world_create(void);

/* All frames that wait become free. */
void world_end_quarantine(void);

/* The frame that gfn has, and the one it had while its slot is being moved; 0: none. */
struct backing {
	u64 pfn, old_pfn;
	u64 base, npages; /* of the slot */
	u64 block, block_pages; /* what of the block around it lies in the slot */
	unsigned int block_level;
};
struct backing world_backing(u32 space, u64 gfn);

/* Move the chunk of gfn to other frames: begin, and when nobody may use the old ones any more. */
void world_move_begin(u32 space, u64 gfn);
void world_move_end(u32 space, u64 gfn);

/* A gfn that is interesting to access: the slots of a VM, and places beside them. */
u64 world_pick_gfn(u64 *rng);
