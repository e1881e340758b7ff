/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shootdown rounds. A round ends the life of what was removed from a tree before it, for
 * all who could still hold it: translation caches, by the generation and the kick; and
 * code that walks the tables without a lock, by waiting for it. No lock.
 */
#include "mm/tlb.h"

#include "lib/types.h"

static void (*tlb_kick)(const struct tlb_space *space); /* [atomic] */

void tlb_set_kick(void (*kick)(const struct tlb_space *space))
{
	atomic_store(&tlb_kick, kick);
}

/*
 * A walker that began before the drain may hold pointers to what was removed, and is waited for;
 * one that begins later cannot find it. Those that come while the count is waited for are turned
 * away, or a steady stream of them could keep it from ever being 0:
 *
 *	walker                               drain
 *	walkers++                            (entries were removed)
 *	draining? then walkers--, go away    draining++
 *	read the tables                      walkers == 0? then go on
 *
 * Both increments are full barriers: whichever comes first, the other side sees it. (The walker
 * looks at draining before its increment too, but only so as not to disturb the count.)
 */
static void tlb_drain_walkers(struct tlb_space *space)
{
	atomic_fetch_add(&space->draining, 1u);
	while (atomic_load(&space->walkers))
		__builtin_ia32_pause();
	atomic_fetch_sub(&space->draining, 1u);
}

void tlb_shootdown(struct tlb_space *space)
{
	void (*kick)(const struct tlb_space *space) = atomic_load(&tlb_kick);

	/*
	 * The generation first, with the barrier that the addition is: a CPU that enters after the
	 * kick has looked at it sees the new generation and flushes.
	 */
	atomic_fetch_add(&space->generation, 1u);
	atomic_fetch_add(&space->rounds, 1u);
	if (kick)
		kick(space);
	tlb_drain_walkers(space);
}
