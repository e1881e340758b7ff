/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dirty logs when memory runs out: of the log itself, and of the tables of an eager split, which a
 * start does without.
 */
#include "dirty_fixture.h"

#include <stdlib.h>

#define BASE GIB(4)
#define LEN (GIB(1) + MIB(8))

static void start(u64 len, unsigned int max_leaf_level)
{
	live_start(&spte_format_ept, max_leaf_level, GIB(3));
	assert_int_equal(add(BASE, len), 0);
	book_open(BASE, len, DIRTY_BITS);
	for (u64 at = 0; at < len; at += MIB(2))
		assert_true(cpu_write(BASE + at));
	memset(book.dirty, 0, sizeof(book.dirty));
}

/* Writes here and there, each reported; nothing was lost by a start without all its memory. */
static void check_log(void)
{
	u64 len = book.npages * PAGE_SIZE;

	assert_int_equal(book_harvest(), 0);
	for (u64 at = 0; at < len; at += MIB(2) - PAGE_SIZE)
		assert_true(cpu_write(BASE + at));
	assert_int_equal(book_harvest(), 1);
	assert_int_equal(book_harvest(), 0);
	live_check();
}

/*
 * The n-th allocation of a start fails, alone or with all that follow: before the tables of its
 * splits there is no log, after that there is. False: there are not so many.
 */
static bool try_start(enum dirty_means means, bool eager, u32 n, bool more)
{
	struct live_snapshot before;
	u32 failed;
	int err;

	start(MIB(8), LEVEL_2M);
	before = live_check();
	host_log_clear();
	host_alloc_fail(n, more);
	err = dirty_log_start(&tdp, live_gfn(BASE), means, eager);
	failed = host_alloc_failed;
	host_alloc_fail(0, false);
	if (err) {
		assert_true(failed);
		assert_int_equal(err, E_NOMEM);
		live_check_same(&before);
		assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), means, eager), 0);
	} else {
		assert_true(!failed || eager);
		assert_int_equal(live_check().rounds, before.rounds + 1);
		assert_int_equal(stats().pages_2m, failed && more ? failed : eager ? failed : 4);
		assert_int_equal(failed && eager, host_log[0] != '\0');
	}
	check_log();
	assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
	assert_int_equal(live_check().tree, before.tree);
	live_end();
	return failed;
}

static void test_start(void **state)
{
	(void)state;
	for (u32 i = 0; i < 8; i++) {
		enum dirty_means means = i & 4 ? DIRTY_BITS : DIRTY_PROTECT;
		u32 n = 1;

		while (try_start(means, i & 1, n, i & 2))
			n++;
		/* Four objects of the log, a table of slots; and four tables of leaves. */
		assert_in_range(n, 6 + (i & 1 ? 4 : 0), 20);
	}
}

/* Which allocation of an eager start is the first of its splits. */
static u32 first_split(void)
{
	u32 n = 1;

	for (;; n++) {
		int err;

		start(LEN, LEVEL_1G);
		host_alloc_fail(n, true);
		err = dirty_log_start(&tdp, live_gfn(BASE), DIRTY_PROTECT, true);
		live_end();
		if (!err)
			return n;
		assert_int_equal(err, E_NOMEM);
	}
}

/* Memory ends within the split of a GiB: what is split is right, what is not stays as it was. */
static void test_huge_split(void **state)
{
	static const u32 counts[] = { 0, 1, 2, 100, 512 };
	u32 first = first_split();

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(counts); i++) {
		u32 splits = counts[i];
		struct live_snapshot before;

		start(LEN, LEVEL_1G);
		before = live_check();
		host_alloc_fail(first + splits, true);
		assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), DIRTY_PROTECT, true), 0);
		host_alloc_fail(0, false);
		assert_int_equal(stats().splits, splits);
		assert_int_equal(stats().pages_1g, splits == 0);
		assert_int_equal(stats().pages_4k, splits ? (splits - 1) * 512 : 0);
		assert_int_equal(live_check().rounds, before.rounds + 1);
		for (u64 at = 0; at < LEN; at += MIB(1))
			assert_int_equal(spte_access(tdp.fmt, walk_end(BASE + at).spte),
					 ACCESS_READ | ACCESS_EXEC);
		check_log();
		assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
		assert_int_equal(live_check().tree, before.tree);
		assert_int_equal(stats().splits, 1 + 512 + 4);
		live_end();
	}
}

/* A fault that must split, and cannot: it says so, the leaf stays, and the next try is right. */
static void test_split_in_fault(void **state)
{
	(void)state;
	for (u32 n = 1; n <= 2; n++) {
		struct live_snapshot before;

		start(LEN, LEVEL_1G);
		assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), DIRTY_PROTECT, false), 0);
		before = live_check();
		host_alloc_fail(n, true);
		assert_int_equal(tdp_fault(&tdp, GPA(BASE + MIB(4)), ACCESS_WRITE), TDP_NOMEM);
		host_alloc_fail(0, false);
		assert_int_equal(stats().splits, n - 1);
		if (n == 1)
			live_check_same(&before);
		assert_false(spte_access(tdp.fmt, walk_end(BASE + MIB(4)).spte) & ACCESS_WRITE);
		assert_int_equal(book_harvest(), 0);
		assert_true(cpu_write(BASE + MIB(4)));
		assert_int_equal(book_harvest(), 1);
		live_end();
	}
}

/* Without memory for a table of slots a log goes on, and loses nothing. */
static void test_stop(void **state)
{
	struct live_snapshot before;
	u32 n;

	(void)state;
	start(MIB(8), LEVEL_2M);
	assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), DIRTY_BITS, true), 0);
	assert_true(cpu_write(BASE + MIB(1)));
	before = live_check();
	for (n = 1;; n++) {
		int err;

		host_alloc_fail(n, false);
		err = dirty_log_stop(&tdp, live_gfn(BASE));
		if (!host_alloc_failed)
			break;
		assert_int_equal(err, E_NOMEM);
		live_check_same(&before);
	}
	host_alloc_fail(0, false);
	assert_true(n > 1);
	assert_int_equal(stats().pages_2m, 4);
	live_end();
}

/* A harvest needs no memory. */
static void test_harvest(void **state)
{
	(void)state;
	start(MIB(8), LEVEL_2M);
	assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), DIRTY_BITS, true), 0);
	assert_true(cpu_write(BASE + MIB(1)));
	host_alloc_fail(1, true);
	assert_int_equal(book_harvest(), 1);
	assert_int_equal(host_alloc_failed, 0);
	live_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),          cmocka_unit_test(test_huge_split),
		cmocka_unit_test(test_split_in_fault), cmocka_unit_test(test_stop),
		cmocka_unit_test(test_harvest),
	};

	return cmocka_run_group_tests_name("dirty_log_nomem", tests, NULL, NULL);
}
