/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doctor on memory. See doctor.h.
 */
#include "boot/doctor_lines.h"
#include "boot/memory_map.h"
#include "mm/frames.h"

/* Stretches that are smaller get no line of their own. */
#define WORTH_A_LINE MIB(1)
/* Sill takes a few MiB; the smallest Linux guest wants about as much as this. */
#define FEW_MIB 128u
#define MAX_LINES 40u

struct totals {
	u64 usable, above_4g, largest;
	u64 end; /* of the last usable stretch */
	u32 stretches, gaps;
	u32 lines;
};

static void count(struct totals *totals, const struct memory_stretch *stretch)
{
	u64 len = stretch->end - stretch->start;

	totals->usable += len;
	if (stretch->end > GIB(4))
		totals->above_4g += stretch->end - MAX(stretch->start, GIB(4));
	totals->largest = MAX(totals->largest, len);
	if (totals->stretches && stretch->start > totals->end)
		totals->gaps++;
	totals->stretches++;
	totals->end = stretch->end;
	if (len < WORTH_A_LINE || totals->lines == MAX_LINES)
		return;
	totals->lines++;
	doctor_say(DOCTOR_OK, "memory: %012llx-%012llx usable, %llu MiB",
		   (unsigned long long)stretch->start, (unsigned long long)stretch->end - 1,
		   (unsigned long long)len >> 20);
}

void doctor_memory(const struct boot_info *info)
{
	struct totals totals = { 0 };
	struct memory_stretch stretch;
	struct frame_stats stats;

	for (u64 at = 0; memory_stretch_at(info, at, &stretch); at = stretch.end) {
		if (stretch.type == BOOT_MEMORY_USABLE)
			count(&totals, &stretch);
	}
	frame_stats_read(&stats);
	doctor_say(
		totals.usable >> 20 < FEW_MIB ? DOCTOR_WARN : DOCTOR_OK,
		"memory: %llu MiB usable in %u stretches with %u gaps, %llu MiB above 4 GiB, the "
		"largest stretch %llu MiB",
		(unsigned long long)totals.usable >> 20, totals.stretches, totals.gaps,
		(unsigned long long)totals.above_4g >> 20,
		(unsigned long long)totals.largest >> 20);
	doctor_say(DOCTOR_OK,
		   "memory: %llu MiB free for guests, in %llu blocks of 1 GiB, %llu of "
		   "2 MiB and %llu of 4 KiB",
		   (unsigned long long)stats.free >> 8,
		   (unsigned long long)stats.free_blocks[LEVEL_1G],
		   (unsigned long long)stats.free_blocks[LEVEL_2M],
		   (unsigned long long)stats.free_blocks[LEVEL_4K]);
}
