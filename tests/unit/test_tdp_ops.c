/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done to leaves in place: write protection and the faults that undo it, ageing on CPUs
 * with accessed bits and on those without; huge pages from which nothing is executed; and what
 * trees of every size cost in memory and rounds.
 */
#include "tdp_fixture.h"

#include <stdlib.h>

#define ALL GFN(0), GFN(BIT(36))

static gfn_t gfn_of(u64 gpa)
{
	return gpa_to_gfn(GPA(gpa));
}

static void protect(u64 start, u64 end_)
{
	tdp_write_protect(&tdp, gfn_of(start), gfn_of(end_));
}

static enum tdp_result exec_fault(u64 gpa)
{
	return tdp_fault(&tdp, GPA(gpa), ACCESS_EXEC);
}

static unsigned int rights(u64 gpa)
{
	return spte_access(tdp.fmt, walk_end(gpa).spte);
}

/* A leaf of each size; they may all be written. */
static const u64 mapped[] = { MIB(2), GIB(1), GIB(8) + MIB(8), BIT(48) - MIB(4) };

static void map_each(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(mapped); i++)
		assert_int_equal(fault(mapped[i]), TDP_FIXED);
}

static void test_protect(void **state)
{
	(void)state;
	map_each();
	protect(0, BIT(48));
	assert_int_equal(rounds(), 1);
	for (u32 i = 0; i < ARRAY_SIZE(mapped); i++) {
		struct tdp_walk_step step = walk_end(mapped[i]);
		u64 before = step.spte;

		assert_int_equal(rights(mapped[i]), ACCESS_READ | ACCESS_EXEC);
		assert_int_equal(fault(mapped[i]), TDP_SPURIOUS);
		assert_int_equal(exec_fault(mapped[i]), TDP_SPURIOUS);
		/* The CPU need not set the dirty bit: nobody asks for it. */
		*tdp_entry_lowest(tdp.fmt, tdp_entry_root(&tdp, gfn_of(mapped[i]))).sptep &=
			~tdp.fmt->dirty;
		assert_int_equal(write_fault(mapped[i]), TDP_FIXED);
		assert_int_equal(write_fault(mapped[i]), TDP_SPURIOUS);
		assert_int_equal(walk_end(mapped[i]).spte, before | tdp.fmt->write);
		assert_int_equal(walk_end(mapped[i]).level, step.level);
	}
	assert_int_equal(rounds(), 1);
	tree_check();
}

/* A leaf that is only partly in the range is protected as a whole; its neighbours are not. */
static void test_protect_range(void **state)
{
	(void)state;
	for (u64 at = 0; at < MIB(16); at += MIB(2))
		assert_int_equal(fault(at), TDP_FIXED);
	protect(MIB(6) - PAGE_SIZE, MIB(8) + PAGE_SIZE);
	for (u64 at = 0; at < MIB(16); at += MIB(2))
		assert_int_equal(!(rights(at) & ACCESS_WRITE), at >= MIB(4) && at < MIB(10));
	assert_int_equal(rounds(), 1);
	/* What says so already costs nothing; nor does what is not there. */
	protect(MIB(4), MIB(10));
	protect(MIB(32), GIB(1));
	protect(MIB(2), MIB(2));
	assert_int_equal(rounds(), 1);
}

/* So many leaves that the walk must take a breath, more than once. */
static void test_protect_many(void **state)
{
	u64 base = GIB(16) + MIB(2);

	(void)state;
	tdp.max_leaf_level = LEVEL_4K;
	for (u64 at = 0; at < MIB(32); at += PAGE_SIZE)
		assert_int_equal(fault(base + at), TDP_FIXED);
	protect(base, base + MIB(32));
	assert_int_equal(rounds(), 1);
	for (u64 at = 0; at < MIB(32); at += PAGE_SIZE)
		assert_int_equal(rights(base + at), ACCESS_READ | ACCESS_EXEC);
	tree_check();
}

static void test_age(void **state)
{
	(void)state;
	map_each();
	/* A fault sets the bit in advance: the CPU was about to. */
	assert_int_equal(tdp_age(&tdp, ALL), 512 + 512 * 512 + 512 + 1);
	assert_int_equal(rounds(), 1);
	assert_int_equal(tdp_age(&tdp, ALL), 0);
	assert_int_equal(rounds(), 1);
	for (u32 i = 0; i < ARRAY_SIZE(mapped); i++) {
		struct tdp_entry at = tdp_entry_lowest(tdp.fmt,
						       tdp_entry_root(&tdp, gfn_of(mapped[i])));

		assert_int_equal(rights(mapped[i]), ACCESS_ALL);
		assert_true(*at.sptep & tdp.fmt->dirty);
		*at.sptep |= tdp.fmt->accessed;
		assert_int_equal(tdp_age(&tdp, gfn_of(mapped[i]), GFN(gfn_of(mapped[i]).raw + 1)),
				 level_pages(at.level));
		assert_int_equal(rounds(), 2 + i);
		assert_int_equal(tdp_age(&tdp, ALL), 0);
	}
	assert_int_equal(stats().pf_taken, ARRAY_SIZE(mapped));
	tree_check();
}

/* Without accessed bits: entries that the CPU cannot use, until a fault finds all as it was. */
static void test_age_no_ad(void **state)
{
	static const struct spte_format *const formats[] = { &spte_format_npt, &spte_format_ept };

	(void)state;
	for (u32 f = 0; f < 2; f++) {
		struct tdp_config config = { .fmt = formats[f], .max_leaf_level = LEVEL_1G };
		u64 before[ARRAY_SIZE(mapped)];

		end(state);
		fixture_start_with(&config);
		map_each();
		protect(GIB(8), GIB(16));
		for (u32 i = 0; i < ARRAY_SIZE(mapped); i++)
			before[i] = walk_end(mapped[i]).spte;
		assert_int_equal(tdp_age(&tdp, ALL), 512 + 512 * 512 + 512 + 1);
		assert_int_equal(rounds(), 2);
		assert_int_equal(tdp_age(&tdp, ALL), 0);
		assert_int_equal(rounds(), 2);
		assert_int_equal(stats().pages_1g, 1);
		for (u32 i = 0; i < ARRAY_SIZE(mapped); i++) {
			assert_int_equal(rights(mapped[i]), 0);
			assert_int_equal(i % 2 ? fault(mapped[i]) : exec_fault(mapped[i]),
					 TDP_FIXED);
			assert_int_equal(walk_end(mapped[i]).spte, before[i]);
			assert_int_equal(fault(mapped[i]), TDP_SPURIOUS);
		}
		tree_check();
		assert_int_equal(tdp_age(&tdp, gfn_of(GIB(1)), gfn_of(GIB(2))), 512 * 512);
		assert_int_equal(rounds(), 3);
	}
}

/* What is done to a leaf while it is aged. */
static void test_aged_leaves(void **state)
{
	struct tdp_config config = { .fmt = &spte_format_ept, .max_leaf_level = LEVEL_1G };

	(void)state;
	end(state);
	fixture_start_with(&config);
	map_each();
	tdp_age(&tdp, ALL);
	protect(0, BIT(48));
	assert_int_equal(rounds(), 2);
	/* Young again it is still protected; the next fault gives the right. */
	assert_int_equal(write_fault(GIB(1)), TDP_FIXED);
	assert_int_equal(rights(GIB(1)), ACCESS_READ | ACCESS_EXEC);
	assert_int_equal(write_fault(GIB(1)), TDP_FIXED);
	assert_int_equal(rights(GIB(1)), ACCESS_ALL);
	/* A zap takes what is aged as well, with a round. */
	zap(MIB(2), MIB(4));
	assert_int_equal(rounds(), 3);
	assert_int_equal(stats().pages_2m, 1);
	zap(0, BIT(48));
	assert_int_equal(tree_check().tables, 1);
}

static void nx_start(const struct spte_format *fmt)
{
	struct tdp_config config = {
		.fmt = fmt, .max_leaf_level = LEVEL_1G, .hw_ad = true, .nx_huge = true
	};

	fixture_start_with(&config);
}

/* Data stays huge; the first fetch takes apart what it must, and only there one can execute. */
static void test_nx_huge(void **state)
{
	const unsigned int data = ACCESS_READ | ACCESS_WRITE;

	(void)state;
	end(state);
	nx_start(&spte_format_ept);
	assert_int_equal(fault(GIB(1)), TDP_FIXED);
	assert_int_equal(write_fault(GIB(1) + MIB(512)), TDP_SPURIOUS);
	assert_int_equal(rights(GIB(1)), data);
	assert_int_equal(stats().pages_1g, 1);
	assert_int_equal(stats().nx_lpage_splits, 0);
	exec_fault(GIB(1) + MIB(4) + PAGE_SIZE);
	assert_int_equal(exec_fault(GIB(1) + MIB(4) + PAGE_SIZE), TDP_SPURIOUS);
	assert_int_equal(stats().nx_lpage_splits, 2);
	assert_int_equal(stats().pages_2m, 511);
	assert_int_equal(stats().pages_4k, 512);
	assert_int_equal(rights(GIB(1) + MIB(4)), ACCESS_ALL);
	assert_int_equal(rights(GIB(1) + MIB(6)), data);
	assert_int_equal(write_fault(GIB(1) + MIB(6)), TDP_SPURIOUS);
	/* What is first executed from is small at once, and counts; a 2 MiB leaf is split once. */
	assert_int_equal(exec_fault(GIB(2)), TDP_FIXED);
	assert_int_equal(walk_end(GIB(2)).level, LEVEL_4K);
	assert_int_equal(fault(MIB(2)), TDP_FIXED);
	assert_int_equal(walk_end(MIB(2)).level, LEVEL_2M);
	exec_fault(MIB(2));
	assert_int_equal(rights(MIB(2)), ACCESS_ALL);
	assert_int_equal(stats().nx_lpage_splits, 4);
	assert_int_equal(stats().splits, 3);
	assert_int_equal(rounds(), 0);
}

/* Huge again they are for data only; and counted are those that are still apart. */
static void test_nx_recovery(void **state)
{
	(void)state;
	end(state);
	nx_start(&spte_format_npt);
	for (u64 gpa = 0; gpa < MIB(8); gpa += MIB(2)) {
		assert_int_equal(fault(gpa), TDP_FIXED);
		exec_fault(gpa);
	}
	assert_int_equal(fault(GIB(1)), TDP_FIXED);
	exec_fault(GIB(1));
	assert_int_equal(stats().nx_lpage_splits, 4 + 2);
	tdp_collapse(&tdp, gfn_of(MIB(2)), gfn_of(MIB(4)));
	assert_int_equal(rights(MIB(2)), ACCESS_READ | ACCESS_WRITE);
	assert_int_equal(walk_end(MIB(2)).level, LEVEL_2M);
	assert_int_equal(rights(MIB(4)), ACCESS_ALL);
	assert_int_equal(stats().nx_lpage_splits, 3 + 2);
	zap(MIB(4), MIB(6));
	assert_int_equal(stats().nx_lpage_splits, 2 + 2);
	tdp_collapse(&tdp, ALL);
	assert_int_equal(stats().nx_lpage_splits, 0);
	assert_int_equal(stats().pages_1g, 1);
	assert_int_equal(stats().pages_4k, 0);
	exec_fault(MIB(2));
	assert_int_equal(rights(MIB(2)), ACCESS_ALL);
	assert_int_equal(stats().nx_lpage_splits, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_protect, start_npt, end),
		cmocka_unit_test_setup_teardown(test_protect_range, start_npt, end),
		cmocka_unit_test_setup_teardown(test_protect_many, start_npt, end),
		cmocka_unit_test_setup_teardown(test_age, start_npt, end),
		cmocka_unit_test_setup_teardown(test_age_no_ad, start_npt, end),
		cmocka_unit_test_setup_teardown(test_aged_leaves, start_npt, end),
		cmocka_unit_test_setup_teardown(test_nx_huge, start_npt, end),
		cmocka_unit_test_setup_teardown(test_nx_recovery, start_npt, end),
	};

	return cmocka_run_group_tests_name("tdp_ops", tests, NULL, NULL);
}
