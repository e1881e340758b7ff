/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mm/ owes to translation caches. Each address space carries a generation; a CPU
 * that enters a guest compares it with the one it last flushed that space at, and flushes
 * first when it is behind. A round raises the generation, makes every CPU that is in a
 * guest with this space leave it, and waits for the code that reads tables without a lock.
 *
 * What each CPU does is in its struct percpu: mode and space say whether it is in a guest
 * and with which tables; walks and walking, whether it reads some. So whoever is on the
 * way of a fault writes to memory of its own CPU only.
 */
#pragma once

#include "arch/percpu.h"
#include "lib/atomic.h"
#include "lib/log.h"

/* [atomic] The first two have KVM's names. */
struct tlb_stats {
	u64 remote_tlb_flush; /* rounds that took place */
	u64 remote_tlb_flush_requests; /* rounds that were asked for: those that met share one */
	u64 ipis_sent; /* to CPUs that were in a guest with the space */
	u64 ipis_avoided; /* CPUs that were not: they flush at their next entry */
	u64 walks_waited; /* readers of tables that a round has waited for */
};

struct tlb_space {
	u64 generation; /* [atomic] from 1: a CPU that has flushed nothing yet is at 0 */
	u64 asked; /* [atomic] rounds: each who wants one takes the next number */
	u64 done; /* [atomic] and is served when this has reached it */
	u32 busy; /* [atomic] somebody makes a round */
	struct tlb_stats stats;
};

static inline void tlb_space_init(struct tlb_space *space)
{
	*space = (struct tlb_space){ .generation = 1 };
}

/*
 * Begin to read (and add to) the tables of space. No table page that is in the tree after this is
 * reused before the end of the walk; so be quick, and begin again now and then: rounds wait. Walks
 * do not nest, and nobody waits for another CPU in one, but for the heap's and the frames' locks.
 */
static inline void tlb_walk_begin(const struct tlb_space *space)
{
	struct percpu *cpu = this_cpu();

	assert(!(atomic_load(&cpu->walks) & 1));
	atomic_store(&cpu->walking, space);
	/* A full barrier: who has removed something sees this walk, or it sees the removal. */
	atomic_fetch_add(&cpu->walks, 1u);
}

static inline void tlb_walk_end(void)
{
	atomic_count(&this_cpu()->walks, 1u);
}

/*
 * One round: on return no CPU uses a translation of space that was removed before the
 * call, and no walk that began before it goes on. Rounds asked for at the same time become
 * one. Not from within a walk.
 */
void tlb_shootdown(struct tlb_space *space);

/*
 * The second half of a round alone: every walk of space that began before the call has ended. What
 * the caller has published before, by an atomic exchange, is what later ones find.
 */
void tlb_wait_for_walks(struct tlb_space *space);

/*
 * The same for what is longer: every CPU that was handling an exit of a guest with space has finished that, and with it has let
 * go of all pointers to guest memory. Neither from a walk nor from an exit's handler.
 */
void tlb_wait_for_exits(struct tlb_space *space);
