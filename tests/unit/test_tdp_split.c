/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Huge leaves that are split into smaller ones, and small ones that become huge again: every gfn
 * keeps its frame and its rights, at the price that was promised, also when memory runs out; and
 * leaves that are split to execute from.
 */
#include "host_alloc.h"
#include "tdp_fixture.h"

#include <stdlib.h>

#include "mm/dirty_log.h"

/* The slot of the fixture that has whole GiBs. */
#define BASE GIB(1)
#define LEN GIB(2)

static int split(u64 gpa, u64 len)
{
	return tdp_split(&tdp, gpa_to_gfn(GPA(gpa)), gpa_to_gfn(GPA(gpa + len)));
}

static void collapse(u64 gpa, u64 len)
{
	tdp_collapse(&tdp, gpa_to_gfn(GPA(gpa)), gpa_to_gfn(GPA(gpa + len)));
}

/* What the CPU makes of gpa: frame and all bits but those that say how large the leaf is. */
static u64 translation(u64 gpa)
{
	struct tdp_walk_step step = walk_end(gpa);

	if (!spte_is_counted(tdp.fmt, step.spte))
		return 0;
	if (step.level > LEVEL_4K)
		step.spte &= ~tdp.fmt->large;
	return step.spte + align_down(gpa & (level_size(step.level) - 1), PAGE_SIZE);
}

/* What every page of [gpa, gpa + len) translates to, in an array that stays. */
static const u64 *translations(u64 gpa, u64 len)
{
	static u64 all[2][LEN / PAGE_SIZE];
	static u32 turn;
	u64 *out = all[turn++ % 2];

	for (u64 at = 0; at < len; at += PAGE_SIZE)
		out[at / PAGE_SIZE] = translation(gpa + at);
	return out;
}

static void check_same(const u64 *before, u64 gpa, u64 len)
{
	assert_memory_equal(before, translations(gpa, len), len / PAGE_SIZE * sizeof(u64));
}

static void test_split_levels(void **state)
{
	static const struct spte_format *const formats[] = { &spte_format_npt, &spte_format_ept };

	(void)state;
	for (u32 i = 0; i < 2 * 2; i++) {
		unsigned int level = i / 2 ? LEVEL_1G : LEVEL_2M;
		const u64 *before;

		fixture_start(formats[i % 2], level);
		for (u64 at = 0; at < LEN; at += level_size(level))
			assert_int_equal(tdp_fault(&tdp, GPA(BASE + at), ACCESS_WRITE), TDP_FIXED);
		before = translations(BASE, LEN);
		assert_int_equal(split(BASE, LEN), 0);
		check_same(before, BASE, LEN);
		assert_int_equal(rounds(), 0);
		assert_int_equal(stats().pages_4k, LEN / PAGE_SIZE);
		assert_int_equal(stats().pages_2m + stats().pages_1g, 0);
		assert_int_equal(stats().splits, 1024 + (i / 2 ? 2 : 0));
		assert_int_equal(stats().table_pages, 2 + 2 + 1024);
		/* Nothing left to do. */
		assert_int_equal(split(0, BIT(48)), 0);
		assert_int_equal(stats().splits, 1024 + (i / 2 ? 2 : 0));
		collapse(BASE, LEN);
		check_same(before, BASE, LEN);
		tree_check();
		end(state);
	}
	fixture_start(&spte_format_npt, LEVEL_1G);
}

/* Only what meets the range, as far down as that needs. */
static void test_split_part(void **state)
{
	const u64 *before;

	(void)state;
	assert_int_equal(fault(BASE), TDP_FIXED);
	assert_int_equal(fault(BASE + GIB(1)), TDP_FIXED);
	before = translations(BASE, LEN);
	assert_int_equal(split(BASE + MIB(6) + 5 * PAGE_SIZE, PAGE_SIZE), 0);
	assert_int_equal(stats().pages_1g, 1);
	assert_int_equal(stats().pages_2m, 511);
	assert_int_equal(stats().pages_4k, 512);
	assert_int_equal(walk_end(BASE + MIB(6)).level, LEVEL_4K);
	/* Over the border of two leaves; and nothing at all. */
	assert_int_equal(split(BASE + GIB(1) - PAGE_SIZE, 2 * PAGE_SIZE), 0);
	assert_int_equal(stats().pages_1g, 0);
	assert_int_equal(stats().pages_2m, 1024 - 3);
	assert_int_equal(split(BASE + MIB(64), 0), 0);
	assert_int_equal(split(0, MIB(512)), 0);
	assert_int_equal(stats().pages_4k, 3 * 512);
	check_same(before, BASE, LEN);
	assert_int_equal(rounds(), 0);
}

/* Rights that were taken, and accessed and dirty bits that are not set, are so in the pieces. */
static void test_split_keeps_bits(void **state)
{
	const u64 *before;
	struct tdp_entry entry;

	(void)state;
	assert_int_equal(fault(BASE), TDP_FIXED);
	assert_int_equal(fault(BASE + GIB(1)), TDP_FIXED);
	assert_int_equal(fault(MIB(4)), TDP_FIXED);
	tdp_write_protect(&tdp, gpa_to_gfn(GPA(BASE)), gpa_to_gfn(GPA(BASE + GIB(1))));
	assert_int_equal(tdp_age(&tdp, gpa_to_gfn(GPA(BASE)), gpa_to_gfn(GPA(BASE + GIB(1)))),
			 GIB(1) / PAGE_SIZE);
	entry = tdp_entry_lowest(tdp.fmt, tdp_entry_root(&tdp, gpa_to_gfn(GPA(BASE + GIB(1)))));
	*entry.sptep &= ~tdp.fmt->dirty;
	before = translations(BASE, LEN);
	assert_false(before[0] & (tdp.fmt->write | tdp.fmt->accessed));
	assert_int_equal(split(0, BIT(48)), 0);
	check_same(before, BASE, LEN);
	assert_int_equal(rounds(), 2);
}

/* An aged leaf is one of those that the CPU cannot use: its pieces may be used at once. */
static void test_split_aged(void **state)
{
	static const struct tdp_config config = { .fmt = &spte_format_ept,
						  .max_leaf_level = LEVEL_1G };
	const u64 *before;

	(void)state;
	end(state);
	fixture_start_with(&config);
	assert_int_equal(fault(BASE), TDP_FIXED);
	before = translations(BASE, GIB(1));
	assert_int_equal(tdp_age(&tdp, GFN(0), GFN(BIT(36))), GIB(1) / PAGE_SIZE);
	assert_true(spte_is_aged(walk_end(BASE).spte));
	assert_int_equal(split(BASE, GIB(1)), 0);
	check_same(before, BASE, GIB(1));
	assert_int_equal(stats().pages_4k, GIB(1) / PAGE_SIZE);
}

/* With the n-th table missing, and each after it: what is not split is as it was. */
static void test_split_nomem(void **state)
{
	static const u32 counts[] = { 1, 2, 3, 258, 513, 514, 515, 518, 519 };

	/* Two GiBs, all of the first one's pieces, and four of the second's. */
	const u32 total = 2 + 512 + 4;

	(void)state;
	for (u32 i = 0; i < 2 * ARRAY_SIZE(counts); i++) {
		u32 n = counts[i / 2];
		const u64 *before;

		assert_int_equal(fault(BASE), TDP_FIXED);
		assert_int_equal(fault(BASE + GIB(1)), TDP_FIXED);
		before = translations(BASE, LEN);
		host_alloc_fail(n, i % 2);
		assert_int_equal(split(BASE, GIB(1) + MIB(8)), n <= total ? E_NOMEM : 0);
		host_alloc_fail(0, false);
		check_same(before, BASE, LEN);
		if (i % 2)
			assert_int_equal(stats().table_pages, 2 + n - 1);
		assert_int_equal(rounds(), 0);
		collapse(BASE, LEN);
		zap(0, BIT(48));
		end(state);
		fixture_start(&spte_format_npt, LEVEL_1G);
	}
}

/* Back to what a fresh fault maps: the entry, its size, and the memory of the tables. */
static void test_collapse(void **state)
{
	static const u64 gpas[] = { 0, BASE, GIB(8) + MIB(2), GIB(16) + MIB(2), BIT(48) - MIB(8) };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(gpas); i++) {
		u64 fresh, tables, before = rounds(), gpa = gpas[i];
		unsigned int level = fixture_leaf_level(gpa);

		assert_int_equal(fault(gpa), TDP_FIXED);
		fresh = walk_end(gpa).spte;
		tables = stats().table_pages;
		assert_int_equal(split(gpa, MIB(2)), 0);
		collapse(gpa, level_size(level));
		assert_int_equal(walk_end(gpa).spte, fresh);
		assert_int_equal(walk_end(gpa).level, level);
		assert_int_equal(stats().table_pages, tables);
		assert_int_equal(rounds(), before + (level > LEVEL_4K));
		tree_check();
		/* Again: there is nothing to do. */
		collapse(0, BIT(48));
		assert_int_equal(rounds(), before + (level > LEVEL_4K));
		zap(gpa, gpa + MIB(2));
	}
}

/* Of a table that has only some leaves, some without rights: the huge leaf has all that is right. */
static void test_collapse_partial(void **state)
{
	struct mem_slot *slot = &fixture_slot_table()->slots[0];

	(void)state;
	tdp.max_leaf_level = LEVEL_4K;
	for (u64 at = 0; at < MIB(64); at += MIB(1) + PAGE_SIZE)
		assert_int_equal(fault(BASE + at), TDP_FIXED);
	tdp_write_protect(&tdp, GFN(0), GFN(BIT(36)));
	slot->readonly = true;
	slot->plain = false;
	assert_int_equal(fault(MIB(6)), TDP_FIXED);
	tdp.max_leaf_level = LEVEL_2M;
	collapse(0, BIT(48));
	assert_int_equal(rounds(), 2);
	assert_int_equal(stats().pages_4k, 0);
	assert_int_equal(stats().pages_2m, 32 + 1);
	assert_int_equal(spte_access(tdp.fmt, walk_end(BASE).spte), ACCESS_ALL);
	assert_int_equal(spte_access(tdp.fmt, walk_end(MIB(6)).spte), ACCESS_READ | ACCESS_EXEC);
	tdp.max_leaf_level = LEVEL_1G;
	collapse(0, BIT(48));
	assert_int_equal(rounds(), 3);
	assert_int_equal(stats().pages_1g, 1);
	assert_int_equal(stats().pages_2m, 1);
	slot->readonly = false;
}

/* Where a slot is logged, small leaves are what its log needs. */
static void test_collapse_logged(void **state)
{
	struct mem_slot *slot = &fixture_slot_table()->slots[1];

	(void)state;
	slot->log = dirty_log_create(slot->npages, DIRTY_PROTECT);
	assert_non_null(slot->log);
	slot->plain = false;
	tdp.logs = 1;
	assert_int_equal(fault(BASE), TDP_FIXED);
	assert_int_equal(walk_end(BASE).level, LEVEL_4K);
	tdp.max_leaf_level = LEVEL_4K;
	assert_int_equal(fault(0), TDP_FIXED);
	tdp.max_leaf_level = LEVEL_1G;
	collapse(0, BIT(48));
	assert_int_equal(walk_end(BASE).level, LEVEL_4K);
	assert_int_equal(walk_end(0).level, LEVEL_2M);
	assert_int_equal(stats().collapses, 1);
	dirty_log_destroy(slot->log);
	slot->log = NULL;
	tdp.logs = 0;
	collapse(0, BIT(48));
	assert_int_equal(walk_end(BASE).level, LEVEL_1G);
}

/* One round for so many tables, and what is beyond them is found as well. */
static void test_collapse_many(void **state)
{
	(void)state;
	tdp.max_leaf_level = LEVEL_2M;
	for (u64 at = 0; at < GIB(3); at += MIB(2))
		assert_int_equal(fault(at), TDP_FIXED);
	assert_int_equal(split(0, GIB(3)), 0);
	assert_int_equal(stats().pages_2m, 0);
	collapse(PAGE_SIZE, GIB(3) - 2 * PAGE_SIZE);
	assert_int_equal(rounds(), (3 * 512 + TDP_COLLAPSE_TABLES - 1) / TDP_COLLAPSE_TABLES);
	assert_int_equal(stats().pages_4k, 0);
	assert_int_equal(tree_check().leaves[LEVEL_2M], 3 * 512);
	assert_int_equal(stats().collapses, 3 * 512);
	assert_int_equal(stats().pages_freed, 3 * 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_split_levels, start_npt, end),
		cmocka_unit_test_setup_teardown(test_split_part, start_npt, end),
		cmocka_unit_test_setup_teardown(test_split_keeps_bits, start_npt, end),
		cmocka_unit_test_setup_teardown(test_split_aged, start_npt, end),
		cmocka_unit_test_setup_teardown(test_split_nomem, start_npt, end),
		cmocka_unit_test_setup_teardown(test_collapse, start_npt, end),
		cmocka_unit_test_setup_teardown(test_collapse_partial, start_npt, end),
		cmocka_unit_test_setup_teardown(test_collapse_logged, start_npt, end),
		cmocka_unit_test_setup_teardown(test_collapse_many, start_npt, end),
	};

	return cmocka_run_group_tests_name("tdp_split", tests, NULL, NULL);
}
