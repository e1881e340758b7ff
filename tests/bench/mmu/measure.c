/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the second-level MMU's operations cost, in instructions: mm/ as it is compiled for the image,
 * run by callgrind, which is told where each measurement begins and ends. tools/bench-mmu starts
 * this and reads what callgrind has counted; here nothing is printed but each measurement's name
 * and how many operations it has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "mm/dirty_log.h"
#include "mm/heap.h"
#include "mm/slots.h"
#include "mm/tdp.h"
#include "mm/tdp_iter.h"
#include "tests/bench/mmu/host.h"

#define BASE GIB(1)
#define PAGES (GIB(1) / PAGE_SIZE)

static struct frame_owner owner;
static struct guest_mem mem;
static struct tdp tdp;

static void must(int err)
{
	if (err)
		abort();
}

static char name[64];

/* Callgrind counts from here, */
#define measure_begin(...)                                 \
	do {                                               \
		snprintf(name, sizeof(name), __VA_ARGS__); \
		CALLGRIND_ZERO_STATS;                      \
	} while (0)

/* to here: so many operations. */
static inline void measure_end(u64 operations)
{
	CALLGRIND_DUMP_STATS_AT(name);
	printf("%s %llu\n", name, operations + 0ull);
}

static void start(const struct spte_format *fmt, unsigned int max_leaf_level)
{
	const struct mem_range ram = { HPA(0), GIB(3) };
	struct tdp_config config = { .fmt = fmt, .max_leaf_level = max_leaf_level, .hw_ad = true };

	memory_map(GIB(3));
	must(frames_init(&ram, 1, NULL, 0));
	must(heap_init());
	must(frame_owner_register(&owner, "guest"));
	guest_mem_init(&mem, &owner, 48);
	/* A few slots before it, as a PC has them. */
	must(guest_mem_add_slot(&mem, GFN(0), 512));
	must(guest_mem_add_slot(&mem, gpa_to_gfn(GPA(BASE)), PAGES));
	must(tdp_create(&tdp, &config, &mem));
}

static void fault(u64 gpa, enum tdp_result expected)
{
	if (tdp_fault(&tdp, GPA(gpa), ACCESS_WRITE) != expected)
		abort();
}

/* What the loop around each fault costs. */
static void measure_loop(void)
{
	measure_begin("loop");
	for (u64 gpa = BASE; gpa < BASE + MIB(64); gpa += PAGE_SIZE)
		__asm__ volatile("" : : "r"(gpa));
	measure_end(MIB(64) / PAGE_SIZE);
}

static void measure_faults(u64 size)
{
	const char *which = size == PAGE_SIZE ? "4k" : "2m";
	u64 count = 0;

	/* The tables are there already. */
	for (u64 gpa = BASE; gpa < BASE + GIB(1); gpa += size * 512)
		fault(gpa, TDP_FIXED);
	measure_begin("fault-%s", which);
	for (u64 gpa = BASE; gpa < BASE + GIB(1); gpa += size) {
		if (gpa % (size * 512)) {
			fault(gpa, TDP_FIXED);
			count++;
		}
	}
	measure_end(count);
	measure_begin("spurious-%s", which);
	for (u64 gpa = BASE; gpa < BASE + MIB(64); gpa += PAGE_SIZE)
		fault(gpa, TDP_SPURIOUS);
	measure_end(MIB(64) / PAGE_SIZE);
}

static void measure_zap(void)
{
	struct tdp_stats stats;

	measure_begin("zap-leaf");
	tdp_zap(&tdp, gpa_to_gfn(GPA(BASE)), gpa_to_gfn(GPA(BASE + GIB(1))));
	measure_end(PAGES);
	tdp_stats_read(&tdp, &stats);
	if (stats.pages_4k || stats.table_pages != 1)
		abort();
}

static u64 harvested;

static void count_words(void *ctx, gfn_t gfn, u64 bits)
{
	(void)ctx;
	(void)gfn;
	harvested += bits != 0;
}

/* The guest writes one page in each so many. */
static void write_pages(enum dirty_means means, u64 step)
{
	for (u64 at = 0; at < GIB(1); at += step * PAGE_SIZE) {
		struct tdp_entry entry = tdp_entry_root(&tdp, gpa_to_gfn(GPA(BASE + at)));

		if (means == DIRTY_PROTECT) {
			fault(BASE + at, TDP_FIXED);
			continue;
		}
		for (; entry.level > LEVEL_4K; entry = tdp_entry_below(tdp.fmt, entry))
			*entry.sptep |= tdp.fmt->accessed;
		*entry.sptep |= tdp.fmt->dirty;
	}
}

static void measure_harvest(enum dirty_means means)
{
	static const u64 steps[] = { 1, 64, 512 };
	const char *how = means == DIRTY_PROTECT ? "protect" : "bits";
	gfn_t base = gpa_to_gfn(GPA(BASE));

	must(dirty_log_start(&tdp, base, means, true));
	for (u64 gpa = BASE; gpa < BASE + GIB(1); gpa += PAGE_SIZE)
		tdp_fault(&tdp, GPA(gpa), ACCESS_READ);
	must(dirty_log_harvest(&tdp, base, count_words, NULL));
	/* By dirty bits, what was used is looked at twice. */
	must(dirty_log_harvest(&tdp, base, count_words, NULL));
	measure_begin("harvest-%s-clean", how);
	must(dirty_log_harvest(&tdp, base, count_words, NULL));
	measure_end(PAGES / 64);
	for (u32 i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		u64 words = harvested;

		write_pages(means, steps[i]);
		measure_begin("harvest-%s-1-in-%llu", how, steps[i] + 0ull);
		must(dirty_log_harvest(&tdp, base, count_words, NULL));
		measure_end(PAGES / steps[i]);
		if (harvested - words != PAGES / MAX(steps[i], (u64)64))
			abort();
	}
	must(dirty_log_stop(&tdp, base));
}

int main(int argc, char **argv)
{
	const struct spte_format *fmt = argc > 1 && !strcmp(argv[1], "npt") ? &spte_format_npt
									    : &spte_format_ept;
	bool huge = argc > 2 && !strcmp(argv[2], "2m");

	start(fmt, huge ? LEVEL_2M : LEVEL_4K);
	measure_loop();
	measure_faults(huge ? MIB(2) : PAGE_SIZE);
	if (huge)
		return 0;
	measure_zap();
	measure_harvest(DIRTY_PROTECT);
	measure_harvest(DIRTY_BITS);
	return 0;
}
