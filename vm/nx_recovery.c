/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With nx-huge=on, huge pages are split when the guest executes from them, and what it executes from
 * changes with time: once a minute a piece of its memory gets its huge pages back. What is still
 * executed from is split again by the next fetch. Runs as a timer of the VM's first vCPU.
 */
#include "arch/clock.h"
#include "vm/vm.h"

#define PERIOD (60 * NS_PER_SEC)
/* So much at once: the devices wait meanwhile. */
#define PIECE (GIB(16) >> PAGE_SHIFT)

/* The first piece from gfn on that has any of a slot; there is none: the first of all. */
static u64 next_piece(struct vm *vm, u64 gfn)
{
	const struct slot_table *table;
	u64 next = 0;

	tlb_walk_begin(&vm->tdp.tlb);
	table = guest_mem_table(&vm->mem);
	for (u32 i = table->count; i-- > 0;) {
		const struct mem_slot *slot = &table->slots[i];

		if (slot->base.raw + slot->npages > gfn)
			next = align_down(MAX(slot->base.raw, gfn), PIECE);
	}
	tlb_walk_end();
	return next;
}

static void recover(struct timer *timer)
{
	struct vm *vm = container_of(timer, struct vm, nx_recovery);
	gfn_t from = GFN(next_piece(vm, vm->nx_recovered)), to = GFN(from.raw + PIECE);
	struct tdp_stats stats;

	tdp_stats_read(&vm->tdp, &stats);
	/* Not while there is a log, whose harvests the devices would wait for. */
	if (stats.nx_lpage_splits && !atomic_load(&vm->tdp.logs))
		tdp_collapse(&vm->tdp, from, to);
	vm->nx_recovered = to.raw;
	timer_arm(timer, clock_ns() + PERIOD);
}

void nx_recovery_start(struct vm *vm)
{
	timer_init(&vm->nx_recovery, &vm->vcpus[0].timers, recover);
	if (vm->config->nx_huge)
		timer_arm(&vm->nx_recovery, clock_ns() + PERIOD);
}
