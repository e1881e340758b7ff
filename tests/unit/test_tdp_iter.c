/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The iterator over TDP trees, against a plain recursion.
 */
#include "tdp_fixture.h"

/* Visit all entries in pre-order, within the caller's walk. */
#define tdp_for_each(iter, tdp, start, end) \
	for (tdp_iter_start(iter, tdp, start, end); (iter)->valid; tdp_iter_next(iter))

#include <stdlib.h>

static void collect_below(hpa_t table, u64 gfn, unsigned int level, u64 start, u64 limit, u64 *out,
			  u32 *count)
{
	const u64 *sptes = hpa_to_ptr(table);

	for (u32 i = 0; i < TABLE_ENTRIES; i++, gfn += level_pages(level)) {
		if (gfn >= limit || gfn + level_pages(level) <= start)
			continue;
		out[(*count)++] = gfn * 8 + level;
		if (spte_is_table(tdp.fmt, sptes[i], level))
			collect_below(spte_hpa(tdp.fmt, sptes[i]), gfn, level - 1, start, limit,
				      out, count);
	}
}

/* The iterator visits what a plain recursion does, in its order, also when begun again midway. */
static void test_iterator(void **state)
{
	static u64 expected[20 * TABLE_ENTRIES];

	(void)state;
	for (u32 i = 0; i < FIXTURE_SLOTS; i++) {
		/* Single pages at the end of a table of pages at the end of a table of tables. */
		tdp.max_leaf_level = i ? LEVEL_1G : LEVEL_4K;
		assert_int_equal(fault(fixture_slots[i].gpa), TDP_FIXED);
		assert_int_equal(fault(fixture_slots[i].gpa + fixture_slots[i].len - 1), TDP_FIXED);
	}
	srand(3);
	for (u32 round = 0; round < 300; round++) {
		u64 edge = fixture_slots[rand() % (int)FIXTURE_SLOTS].gpa / PAGE_SIZE;
		u64 first = edge + (u64)(rand() % 2000) - 1000, limit = BIT(36);
		u32 count = 0, at = 0, restart = (u32)rand() % 64;
		struct tdp_iter iter;

		first = MIN(first, BIT(36));
		if (round % 4)
			limit = first + (u64)rand() % (1u << (u32)rand() % 31);
		collect_below(tdp.root, 0, tdp.root_level, first, MIN(limit, BIT(36)), expected,
			      &count);
		tlb_walk_begin(&tdp.tlb);
		tdp_for_each(&iter, &tdp, GFN(first), GFN(limit)) {
			assert_true(at < count);
			assert_int_equal(tdp_entry_first(iter.at).raw * 8 + iter.at.level,
					 expected[at]);
			assert_int_equal(iter.at.spte, *iter.at.sptep);
			at++;
			if (restart && restart-- == 1) {
				tdp_iter_breathe(&iter);
				while (tdp_entry_first(iter.at).raw * 8 + iter.at.level !=
				       expected[at - 1])
					tdp_iter_next(&iter);
			}
		}
		tlb_walk_end();
		assert_int_equal(at, first < limit ? count : 0);
	}
}

/* The body may change the entry it is at: what comes next follows from what is there then. */
static void test_iterator_reads_again(void **state)
{
	struct tdp_iter iter;
	u32 levels = 0;

	(void)state;
	tdp_for_each(&iter, &tdp, GFN(0), GFN(1)) {
		if (iter.at.level == TDP_ROOT_LEVEL)
			assert_int_equal(fault(0), TDP_FIXED);
		levels++;
	}
	assert_int_equal(levels, TDP_ROOT_LEVEL - LEVEL_2M + 1);
}

static void test_iterator_skip(void **state)
{
	struct tdp_iter iter;
	u32 count = 0;

	(void)state;
	assert_int_equal(fault(0), TDP_FIXED);
	for (tdp_iter_start(&iter, &tdp, GFN(0), GFN(BIT(36))); iter.valid; tdp_iter_skip(&iter)) {
		assert_int_equal(iter.at.level, TDP_ROOT_LEVEL);
		count++;
	}
	assert_int_equal(count, TABLE_ENTRIES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_iterator, start_npt, end),
		cmocka_unit_test_setup_teardown(test_iterator_reads_again, start_npt, end),
		cmocka_unit_test_setup_teardown(test_iterator_skip, start_npt, end),
	};

	return cmocka_run_group_tests_name("tdp_iter", tests, NULL, NULL);
}
