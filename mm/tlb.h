/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mm/ owes to translation caches. Each address space carries a generation; a CPU
 * that enters a guest compares it with the one it last flushed that space at, and flushes
 * first when it is behind. A round raises the generation and then makes every CPU that is
 * in a guest with this space leave it. Code that reads the tables without a lock is
 * counted, so that a round waits for it too.
 */
#pragma once

#include "lib/atomic.h"

struct tlb_space {
	u64 generation; /* [atomic] from 1: a CPU that has flushed nothing yet is at 0 */
	u64 rounds; /* [atomic] shootdown rounds so far */
	u32 walkers; /* [atomic] who reads the tables now */
	u32 draining; /* [atomic] rounds that wait for walkers to be 0 */
};

static inline void tlb_space_init(struct tlb_space *space)
{
	*space = (struct tlb_space){ .generation = 1 };
}

/*
 * Begin to read (and add to) the tables of space. false: a round is waiting for walkers to end;
 * try again later, holding nothing that it could want. No table page that was in the tree after
 * the begin is reused before the end.
 */
static inline bool __must_check tlb_walk_begin(struct tlb_space *space)
{
	if (unlikely(atomic_load(&space->draining)))
		return false;
	atomic_fetch_add(&space->walkers, 1u);
	if (likely(!atomic_load(&space->draining)))
		return true;
	atomic_fetch_sub(&space->walkers, 1u);
	return false;
}

static inline void tlb_walk_end(struct tlb_space *space)
{
	atomic_fetch_sub(&space->walkers, 1u);
}

/*
 * One round: on return no CPU uses a translation of space that was removed before the
 * call, and no walker that began before the call goes on. Raises the generation and asks
 * the registered kick to empty the guest mode. Not from within a walk.
 */
void tlb_shootdown(struct tlb_space *space);

/* Registered once at start-up by vm/: returns when no CPU is in a guest with space. */
void tlb_set_kick(void (*kick)(const struct tlb_space *space));
