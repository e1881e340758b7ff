/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All CPUs touch every 4 KiB page of a fresh range at the same time, each in an order of its own,
 * and write a word of theirs; then each finds all the others' words. So second-level tables grow
 * from all sides at once.
 */
#include "tests/guest/lib/smp64.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/tap.h"

#define FIRST (32ul << 20)
#define PAGE 4096u
#define ROUNDS 4u

static u32 cpus, pages;
static volatile u32 arrived, round_number;
static volatile u32 wrong[SMP_MAX], not_zero[SMP_MAX], done;

static u64 mark(u32 id, u32 page)
{
	return (u64)(id + 1) << 32 | (page ^ 0x5a5a5a);
}

static volatile u64 *word(u32 round, u32 page, u32 id)
{
	return (volatile u64 *)(FIRST + ((u64)round * pages + page) * PAGE) + id;
}

/* All CPUs, number n in a row. */
static void meet(u32 n)
{
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	while (arrived < n * cpus)
		asm volatile("pause");
}

/* Upwards, downwards, from the middle on, and in steps. */
static u32 page_of(u32 id, u32 i)
{
	switch (id % 4) {
	case 0:
		return i;
	case 1:
		return pages - 1 - i;
	case 2:
		return (i + pages / 2) % pages;
	default:
		return (u32)((u64)i * 513 % pages);
	}
}

static void touch(u32 id)
{
	u32 met = 0;

	for (u32 round = 0; round < ROUNDS; round++) {
		meet(++met);
		for (u32 i = 0; i < pages; i++) {
			volatile u64 *at = word(round, page_of(id, i), id);

			not_zero[id] += *at != 0;
			*at = mark(id, page_of(id, i));
		}
		meet(++met);
		for (u32 i = 0; i < pages; i++) {
			for (u32 other = 0; other < cpus; other++)
				wrong[id] += *word(round, i, other) != mark(other, i);
		}
	}
	__atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
}

void guest_main(void)
{
	u32 mib = boot_option_number("mib", 64);

	pic_init();
	lapic_enable();
	cpus = smp_count();
	/* Odd, so that steps of 513 come to every one; and no CPU's range ends with a large page. */
	pages = mib * 256 / ROUNDS - 1;
	if (pages % 3 == 0)
		pages -= 2;
	while (pages % 19 == 0 || pages % 3 == 0)
		pages -= 2;
	tap_eq(smp_start_all(touch), cpus - 1, "all CPUs are there");
	touch(0);
	while (done < cpus)
		asm volatile("pause");
	for (u32 id = 0; id < cpus; id++) {
		tap_eq(not_zero[id], 0, "CPU %u: fresh memory is zero", id);
		tap_eq(wrong[id], 0, "CPU %u: finds what all have written", id);
	}
	tap_diag("%u CPUs, %u rounds of %u pages", cpus, ROUNDS, pages);
}
