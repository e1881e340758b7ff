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

static void recover(struct timer *timer)
{
	struct vm *vm = container_of(timer, struct vm, nx_recovery);
	gfn_t from = GFN(vm->nx_recovered), to = GFN(from.raw + PIECE);
	struct tdp_stats stats;

	tdp_stats_read(&vm->tdp, &stats);
	if (stats.nx_lpage_splits)
		tdp_collapse(&vm->tdp, from, to);
	/* Behind the last slot, which is not far behind the size of its memory, from the start. */
	vm->nx_recovered = to.raw > (vm->config->mem + GIB(4)) >> PAGE_SHIFT ? 0 : to.raw;
	timer_arm(timer, clock_ns() + PERIOD);
}

void nx_recovery_start(struct vm *vm)
{
	timer_init(&vm->nx_recovery, &vm->vcpus[0].timers, recover);
	if (vm->config->nx_huge)
		timer_arm(&vm->nx_recovery, clock_ns() + PERIOD);
}
