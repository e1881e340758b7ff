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

/* Places for slots that come and go: 2 MiB each, the first at POSITION_GFN. */
#define POSITIONS 4u
#define POSITION_PAGES 512u
#define POSITION_GFN(at) (GIB(8) / PAGE_SIZE + (at)*2ull * POSITION_PAGES)

/* What a run is made of, besides its operations and its schedule. */
struct world_config {
	const struct spte_format *fmt;
	bool hw_ad; /* the CPU sets accessed and dirty bits (in EPT: when asked to) */
	bool pml; /* and lists where it sets dirty bits */
	bool lazy_cpu; /* caches all it may and never evicts; otherwise at random */
	bool nx_huge;
	bool logs; /* all is about one slot, and what is written there */
	u32 max_leaf;
	u32 cpus, managers, spaces;
	u32 quarantine; /* so many freed tables wait, poisoned, before they are reused */
	u32 alloc_fail; /* one in so many tables and objects is not to be had; 0: none */
	u32 hot_count;
	u64 hot[MAX_HOT]; /* the gfns that everyone is after */
};

extern struct world {
	const struct world_config *config;
	enum drain drain;
	bool small_leaves; /* there may be smaller ones than the slots allow */
	struct vm vms[MAX_SPACES];
} world;

/* New memory, allocator and trees. To be called with sched_call. */
void world_create(void);

/* End everything. To be called with sched_call. */
void world_destroy(void);

/* All frames that wait become free. */
void world_end_quarantine(void);

/*
 * What gfn may be now: in a slot, or in none. While an operation changes that, both are right, and
 * of a slot that goes the frames as well.
 */
struct backing {
	u64 pfn, old_pfn; /* 0: none */
	u64 base, npages; /* of the slot; npages 0: none */
	u64 block, block_pages; /* what of the block around it lies in the slot */
	unsigned int block_level;
	bool hole, writable, readonly; /* may be */
};
struct backing world_backing(u32 space, u64 gfn);

/* A place where slots come and go. */
struct position {
	bool claimed; /* an operation is changing it */
	bool live, coming, going, readonly, turning;
	bool logged; /* a dirty log is kept; while claimed: perhaps */
	u64 pfn, old_pfn;
};
struct position *world_position(u32 space, u64 gfn);

/* Objects of the heap that are in use. */
u32 world_objects(void);

/* A gfn that is interesting to access: the slots of a VM, and places beside them. */
u64 world_pick_gfn(u64 *rng);
