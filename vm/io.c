/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of one I/O space: who owns which ports or which guest-physical range. Built
 * before the VM runs and constant afterwards, so that looking something up needs no lock.
 *
 * The look-up is on the path of every port and MMIO exit. It always searches all
 * IO_MAX_REGIONS entries, in as many steps as that takes, so that the compiler unrolls it to
 * three instructions each; for that, the entries behind the used ones have the highest base
 * there is, and no length.
 */
#include "vm/io.h"

#include "lib/err.h"

_Static_assert((IO_MAX_REGIONS & (IO_MAX_REGIONS - 1)) == 0, "the search halves the table");

static const struct io_region unused_region = { .base = ~0ull };

int io_space_add(struct io_space *space, u64 base, u64 len, const struct io_ops *ops, void *dev)
{
	struct io_region *regions = space->regions;
	u32 at = 0;

	/* The highest address belongs to the unused entries: a region may not reach it. */
	if (len == 0 || base + len < base)
		return E_INVAL;
	if (space->count >= IO_MAX_REGIONS)
		return E_NOMEM;
	while (at < space->count && regions[at].base < base)
		at++;
	if (at < space->count && regions[at].base - base < len)
		return E_EXIST;
	if (at > 0 && base - regions[at - 1].base < regions[at - 1].len)
		return E_EXIST;
	for (u32 i = space->count; i > at; i--)
		regions[i] = regions[i - 1];
	regions[at] = (struct io_region){ .base = base, .len = len, .ops = ops, .dev = dev };
	space->count++;
	for (u32 i = space->count; i < IO_MAX_REGIONS; i++)
		regions[i] = unused_region;
	return 0;
}

const struct io_region *io_space_find(const struct io_space *space, u64 addr)
{
	const struct io_region *region = space->regions;

#pragma GCC unroll 8
	for (u32 step = IO_MAX_REGIONS / 2; step > 0; step /= 2)
		region = region[step].base <= addr ? region + step : region;
	/* Also false below the first region and for unused entries, whatever their base. */
	return addr - region->base < region->len ? region : NULL;
}
