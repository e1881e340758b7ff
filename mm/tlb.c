/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shootdown rounds. A round ends the life of what was removed from a tree before it, for
 * all who could still hold it: translation caches, by the generation and the kick; and
 * code that walks the tables without a lock, by waiting for it.
 *
 *	a CPU that enters                  a round
 *	mode = GUEST                       (entries were removed)
 *	full barrier                       generation++, a full barrier
 *	read generation: behind? flush     mode == GUEST? kick it, wait until it has left
 *
 * Whichever comes first, one of the two sees the other. A walk does the same with `walks` and
 * the entries it reads. tests/model/tlb.pml checks this, and what becomes of it in another order.
 *
 * Nobody waits for a CPU that is outside of guests and walks, as those are that wait here: so two
 * who begin rounds at once, of one space or two, never wait for each other.
 */
#include "mm/tlb.h"

#include "arch/apic.h"

/* The calling CPU's own entries never match: it is in the hypervisor, outside of walks. */
static bool in_guest(const struct percpu *cpu, const struct tlb_space *space)
{
	return atomic_load(&cpu->mode) == CPU_GUEST && atomic_load(&cpu->space) == space;
}

static void kick(const struct percpu *cpu)
{
	this_cpu()->ipis++;
	apic_send_nmi(cpu->apic_id);
}

/*
 * Kick all CPUs that are in a guest with space, then wait for each. What they were doing is told
 * apart from what they do next by the count of their entries, which is read first: one that has
 * entered again has seen the new generation.
 */
static void empty_guests(struct tlb_space *space)
{
	u32 stays[MAX_CPUS];
	u64 kicked[MAX_CPUS / 64] = { 0 };
	u64 sent = 0;

	for (u32 i = 0; i < cpu_count; i++) {
		stays[i] = atomic_load(&cpus[i]->entries);
		if (!in_guest(cpus[i], space))
			continue;
		kick(cpus[i]);
		kicked[i / 64] |= BIT(i % 64);
		sent++;
	}
	for (u32 i = 0; i < cpu_count; i++) {
		while ((kicked[i / 64] & BIT(i % 64)) && atomic_load(&cpus[i]->mode) == CPU_GUEST &&
		       atomic_load(&cpus[i]->entries) == stays[i])
			__builtin_ia32_pause();
	}
	atomic_fetch_add(&space->stats.ipis_sent, sent);
	atomic_fetch_add(&space->stats.ipis_avoided, cpu_count - 1 - sent);
}

void tlb_wait_for_walks(struct tlb_space *space)
{
	for (u32 i = 0; i < cpu_count; i++) {
		u32 walk = atomic_load(&cpus[i]->walks);

		if (!(walk & 1) || atomic_load(&cpus[i]->walking) != space)
			continue;
		atomic_fetch_add(&space->stats.walks_waited, 1u);
		while (atomic_load(&cpus[i]->walks) == walk)
			__builtin_ia32_pause();
	}
}

static void make_round(struct tlb_space *space)
{
	/* Who has taken a number by now removed what it did before that: this round serves it. */
	u64 served = atomic_load(&space->asked);

	atomic_fetch_add(&space->generation, 1u);
	atomic_fetch_add(&space->stats.remote_tlb_flush, 1u);
	empty_guests(space);
	tlb_wait_for_walks(space);
	atomic_store(&space->done, served);
}

void tlb_shootdown(struct tlb_space *space)
{
	u64 number = atomic_fetch_add(&space->asked, 1u) + 1;

	atomic_fetch_add(&space->stats.remote_tlb_flush_requests, 1u);
	while (atomic_load(&space->done) < number) {
		if (atomic_xchg(&space->busy, 1u)) {
			__builtin_ia32_pause();
			continue;
		}
		if (atomic_load(&space->done) < number)
			make_round(space);
		atomic_store(&space->busy, 0u);
	}
}

/*
 * A CPU may have left its guest already, and look at memory, though it does not say so yet: so each
 * has to come by its next entry, or to stop running vCPUs of the VM. It may also be on its way
 * into the guest, counted but not yet there: so the mode is looked at until it was kicked once.
 * tests/model/exits.pml checks this.
 */
void tlb_wait_for_exits(struct tlb_space *space)
{
	for (u32 i = 0; i < cpu_count; i++) {
		u32 stay = atomic_load(&cpus[i]->entries);
		bool kicked = false;

		while (atomic_load(&cpus[i]->space) == space &&
		       atomic_load(&cpus[i]->entries) == stay) {
			if (!kicked && in_guest(cpus[i], space)) {
				kick(cpus[i]);
				kicked = true;
			}
			__builtin_ia32_pause();
		}
	}
}
