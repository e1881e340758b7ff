/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes to pages in a known pseudo-random order until the hypervisor says that it has seen enough:
 * see shell/dirty_check.c, which compares the dirty log with that order. Then looks whether every page
 * still has what was written to it last.
 */
#include "shell/dirty_guest.h"
#include "tests/guest/lib/print.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

#define CONTROL MIB(24)
#define AREA MIB(32)
#define PAGES 2048u
/* Turns of a loop between two writes: so that a harvest finds some pages written, and not all. */
#define PAUSE 8000u

static volatile struct dirty_control *const control = (struct dirty_control *)CONTROL;
static u64 last[PAGES];

static volatile u64 *page_at(u64 page)
{
	return (u64 *)(AREA + page * 4096);
}

static void write_next(const struct dirty_control *order, u64 i)
{
	u64 page = dirty_page(order, i);

	*page_at(page) = i;
	last[page] = i;
	control->done = i;
	for (u32 turn = 0; turn < PAUSE; turn++)
		asm volatile("" : : : "memory");
}

void guest_main(void)
{
	const struct dirty_control order = {
		.magic = DIRTY_MAGIC, .seed = 0x51117, .first = AREA, .pages = PAGES
	};
	u32 wrong = 0;

	*(struct dirty_control *)CONTROL = order;
	print("control block at 0x%lx\n", (unsigned long)CONTROL);
	for (u64 i = 1; !control->stop; i++)
		write_next(&order, i);
	for (u32 page = 0; page < PAGES; page++)
		wrong += *page_at(page) != last[page];
	tap_ok(wrong == 0, "every page has what was written to it last");
}
