/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What trees of every size cost: frames for tables, and rounds to be rid of them.
 */
#include "tdp_fixture.h"

#include <stdlib.h>

#define GIGAS 8u
#define CHUNKS (GIGAS * 512)

/* One slot of so many GiB, in blocks that nothing is known of. Its frames need not exist. */
static void start(const struct spte_format *fmt, unsigned int max_leaf_level, u64 base)
{
	static pfn_t backing[CHUNKS];
	static u8 level[CHUNKS];
	struct slot_table *table;

	fixture_start(fmt, max_leaf_level);
	for (u32 i = 0; i < CHUNKS; i++) {
		backing[i] = PFN(GIB(100) / PAGE_SIZE + (CHUNKS - i) * 512);
		level[i] = LEVEL_2M;
	}
	table = fixture_slot_table();
	table->count = 1;
	table->slots[0] = (struct mem_slot){
		.base = gpa_to_gfn(GPA(base)),
		.npages = CHUNKS * 512,
		.backing = backing,
		.level = level,
	};
}

/* At every number of GiB, and one round for all of them in the end. */
static void check_memory(u64 base, unsigned int level, u64 limit)
{
	u64 rounds = tdp.tlb.stats.remote_tlb_flush, leaves = 0;

	for (u32 gigas = 1; gigas <= GIGAS; gigas++) {
		for (u64 at = 0; at < GIB(1); at += level_size(level), leaves++)
			assert_int_equal(fault(base + GIB(gigas - 1) + at), TDP_FIXED);
		assert_in_range(stats().table_pages - 1, 1, limit * gigas);
	}
	assert_int_equal(stats().pages_4k + stats().pages_2m, leaves);
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, rounds);
	zap(base, base + GIB(GIGAS));
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, rounds + 1);
	assert_int_equal(stats().pages_4k + stats().pages_2m, 0);
	assert_int_equal(stats().table_pages, 1);
	assert_int_equal(tdp.tables.frames, 1);
}

static void test_memory(void **state)
{
	/* Where one table of 512 GiB is enough, and where it takes two. */
	static const u64 bases[] = { 0, GIB(512) - GIB(1) };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bases); i++) {
		start(&spte_format_npt, LEVEL_2M, bases[i]);
		check_memory(bases[i], LEVEL_2M, 2);
		end(state);
		start(&spte_format_ept, LEVEL_4K, bases[i]);
		check_memory(bases[i], LEVEL_4K, 514);
		end(state);
	}
}

/* A GiB of single pages: one round, 513 tables, next to one that stays. */
static void test_zap_giga(void **state)
{
	struct frame_stats before, after;

	(void)state;
	start(&spte_format_ept, LEVEL_4K, 0);
	assert_int_equal(fault(GIB(1)), TDP_FIXED);
	frame_stats_read(&before);
	for (u32 split = 0; split < 2; split++) {
		u64 rounds = tdp.tlb.stats.remote_tlb_flush, freed = stats().pages_freed;

		for (u64 at = 0; at < GIB(1); at += PAGE_SIZE)
			assert_int_equal(fault(at), TDP_FIXED);
		assert_int_equal(stats().table_pages, 4 + 513);
		zap(split ? GIB(1) - PAGE_SIZE : 0, GIB(1));
		zap(0, GIB(1));
		assert_int_equal(tdp.tlb.stats.remote_tlb_flush, rounds + 1 + split);
		assert_int_equal(stats().pages_freed, freed + 513);
		assert_int_equal(stats().pages_4k, 1);
		frame_stats_read(&after);
		assert_memory_equal(&before, &after, sizeof(after));
	}
	end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_zap_giga),
	};

	return cmocka_run_group_tests_name("tdp_cost", tests, NULL, NULL);
}
