/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dirty logs, step by step: what a start does to the leaves, what harvests cost, what becomes of a
 * log when its memory is split, zapped, moved or removed, and what a stop brings back. See
 * test_dirty_log_model.c for all of it at random, test_dirty_log_nomem.c for want of memory.
 */
#include "dirty_fixture.h"

#include <stdlib.h>

#define BASE GIB(4)
#define LEN (GIB(1) + MIB(8))

/* One GiB that one entry maps, four times 2 MiB behind it, and another slot. */
static void start(const struct spte_format *fmt, bool hw_ad, bool pml)
{
	struct tdp_config config = {
		.fmt = fmt, .max_leaf_level = LEVEL_1G, .hw_ad = hw_ad, .pml = pml
	};

	live_start_with(&config, GIB(3), 48);
	assert_int_equal(add(BASE, LEN), 0);
	assert_int_equal(add(MIB(8), MIB(4)), 0);
	book_open(BASE, LEN, DIRTY_PROTECT);
}

static int setup(void **state)
{
	(void)state;
	start(&spte_format_ept, true, true);
	return 0;
}

static int log_start(enum dirty_means means, bool eager)
{
	book.means = means;
	return dirty_log_start(&tdp, live_gfn(BASE), means, eager);
}

static void map_all(void)
{
	for (u64 gpa = BASE; gpa < BASE + LEN; gpa += MIB(2))
		assert_true(cpu_write(gpa));
	assert_true(cpu_write(MIB(8)));
	memset(book.dirty, 0, sizeof(book.dirty));
	assert_int_equal(stats().pages_1g, 1);
	assert_int_equal(stats().pages_2m, 5);
}

static void test_errors(void **state)
{
	struct live_snapshot before;
	u64 absent[] = { 0, BASE + PAGE_SIZE, BASE + MIB(2), BASE + LEN, BIT(48), BIT(63) };

	(void)state;
	map_all();
	before = live_check();
	for (u32 i = 0; i < ARRAY_SIZE(absent); i++) {
		gfn_t gfn = live_gfn(absent[i]);

		assert_int_equal(dirty_log_start(&tdp, gfn, DIRTY_PROTECT, true), E_NOENT);
		assert_int_equal(dirty_log_harvest(&tdp, gfn, book_see, &book), E_NOENT);
		assert_int_equal(dirty_log_stop(&tdp, gfn), E_NOENT);
	}
	/* There, but not logged. */
	assert_int_equal(dirty_log_harvest(&tdp, live_gfn(BASE), book_see, &book), E_NOENT);
	assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), E_NOENT);
	live_check_same(&before);
	assert_int_equal(log_start(DIRTY_BITS, false), 0);
	assert_true(cpu_write(BASE));
	before = live_check();
	assert_int_equal(log_start(DIRTY_BITS, false), E_EXIST);
	assert_int_equal(log_start(DIRTY_PROTECT, true), E_EXIST);
	live_check_same(&before);
	book_harvest();
	assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
	assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), E_NOENT);
}

static void test_means(void **state)
{
	struct live_snapshot before;

	(void)state;
	for (u32 cpu = 0; cpu < 4; cpu++) {
		bool ad = cpu & 1, pml = cpu & 2;

		live_end();
		start(&spte_format_ept, ad, pml);
		before = live_check();
		if (!ad)
			assert_int_equal(log_start(DIRTY_BITS, true), E_UNSUPPORTED);
		if (!ad || !pml)
			assert_int_equal(log_start(DIRTY_PML, true), E_UNSUPPORTED);
		live_check_same(&before);
		for (u32 means = DIRTY_PROTECT; means <= (ad ? pml ? DIRTY_PML : DIRTY_BITS : 0);
		     means++) {
			assert_int_equal(log_start(means, true), 0);
			assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
		}
	}
}

/* What all leaves of the slot may do, and how many there are of each size, once its log begins. */
static void check_started(enum dirty_means means, bool eager)
{
	unsigned int rights = ACCESS_READ | ACCESS_EXEC;

	if (eager && means != DIRTY_PROTECT)
		rights |= ACCESS_WRITE;
	for (u64 gpa = BASE; gpa < BASE + LEN; gpa += MIB(1) + PAGE_SIZE) {
		struct tdp_walk_step step = walk_end(gpa);

		assert_int_equal(spte_access(tdp.fmt, step.spte), rights);
		if (means != DIRTY_PROTECT)
			assert_false(step.spte & tdp.fmt->dirty);
		assert_int_equal(step.level, eager                 ? LEVEL_4K
					     : gpa < BASE + GIB(1) ? LEVEL_1G
								   : LEVEL_2M);
	}
	assert_int_equal(stats().pages_4k, eager ? LEN / PAGE_SIZE : 0);
	assert_int_equal(spte_access(tdp.fmt, walk_end(MIB(8)).spte), ACCESS_ALL);
	assert_int_equal(walk_end(MIB(8)).level, LEVEL_2M);
}

/* The first writes after a start, each in a leaf of its own, split what they must and no more. */
static void check_first_writes(enum dirty_means means, bool eager)
{
	u64 splits = stats().splits;

	assert_int_equal(book_harvest(), 0);
	assert_true(cpu_write(BASE + MIB(6) + 5 * PAGE_SIZE));
	assert_true(cpu_write(BASE + GIB(1) + MIB(2)));
	cpu_read(BASE + GIB(1));
	assert_int_equal(stats().splits, splits + (eager ? 0 : 3));
	if (!eager)
		assert_int_equal(stats().pages_2m, 511 + 3 + 1);
	assert_int_equal(walk_end(BASE + MIB(6) + 5 * PAGE_SIZE).level, LEVEL_4K);
	/* The neighbour of a written page has not been. */
	if (means == DIRTY_PROTECT)
		assert_false(spte_access(tdp.fmt, walk_end(BASE + MIB(6)).spte) & ACCESS_WRITE);
	assert_int_equal(book_harvest(), 1);
	assert_int_equal(book_harvest(), 0);
	assert_true(cpu_write(BASE + MIB(6) + 5 * PAGE_SIZE));
	assert_true(cpu_write(BASE + MIB(6) + 5 * PAGE_SIZE));
	assert_int_equal(book_harvest(), 1);
}

static void test_start(void **state)
{
	(void)state;
	for (u32 i = 0; i < 6; i++) {
		enum dirty_means means = (enum dirty_means)(i / 2);
		struct live_snapshot before;

		live_end();
		start(&spte_format_ept, true, true);
		map_all();
		before = live_check();
		assert_int_equal(log_start(means, i % 2), 0);
		assert_int_equal(rounds(), before.rounds + 1);
		check_started(means, i % 2);
		live_check();
		check_first_writes(means, i % 2);
		/*
		 * And back to what it was, with the memory of the tables; but what was never split
		 * gets its right to write from a fault.
		 */
		assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
		for (u64 gpa = BASE; gpa < BASE + LEN; gpa += MIB(2))
			assert_true(cpu_write(gpa));
		assert_int_equal(live_check().tree, before.tree);
		assert_int_equal(stats().table_pages, before.count.tables);
	}
}

/* Nothing is mapped, or only read: no round for anybody. */
static void test_nothing(void **state)
{
	(void)state;
	for (u32 means = 0; means < 3; means++) {
		u64 before = rounds();

		assert_int_equal(log_start(means, true), 0);
		assert_int_equal(rounds(), before);
		assert_int_equal(book_harvest(), 0);
		for (u64 gpa = BASE; gpa < BASE + MIB(4); gpa += PAGE_SIZE)
			cpu_read(gpa);
		/* By dirty bits, tables that were walked are to be noticed anew. */
		assert_in_range(book_harvest(), 0, means == DIRTY_BITS);
		assert_int_equal(book_harvest(), 0);
		before = rounds();
		/* The hypervisor's writes to what no guest could have written need none either. */
		assert_true(host_write(BASE + MIB(512)));
		assert_int_equal(book_harvest(), 0);
		assert_int_equal(rounds(), before);
		assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
		assert_int_equal(rounds(), before + 1);
		tdp_zap(&tdp, GFN(0), GFN(BIT(36)));
	}
}

/* However many pages: one round. */
static void test_one_round(void **state)
{
	static const u64 steps[] = { LEN, MIB(512), MIB(2) + PAGE_SIZE, 7 * PAGE_SIZE, PAGE_SIZE };

	(void)state;
	for (u32 means = 0; means < 3; means++) {
		map_all();
		assert_int_equal(log_start(means, means == 1), 0);
		/* Each single page only once: that takes long. */
		for (u32 i = 0; i < ARRAY_SIZE(steps) - (means != DIRTY_BITS); i++) {
			for (u64 at = 0; at < LEN; at += steps[i])
				assert_true(cpu_write(BASE + at));
			assert_int_equal(book_count(book.dirty), (LEN + steps[i] - 1) / steps[i]);
			assert_int_equal(book_harvest(), 1);
			assert_int_equal(book_harvest(), 0);
		}
		live_check();
		assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
		tdp_zap(&tdp, GFN(0), GFN(BIT(36)));
	}
}

static void write_some(void)
{
	static const u64 edges[] = { MIB(2) + PAGE_SIZE, GIB(1) - PAGE_SIZE, GIB(1) };

	for (u64 at = 0; at < LEN; at += MIB(16) + PAGE_SIZE)
		assert_true(cpu_write(BASE + at));
	for (u32 i = 0; i < ARRAY_SIZE(edges); i++)
		assert_true(cpu_write(BASE + edges[i]));
	assert_true(host_write(BASE + LEN - 1));
}

/* What leaves the tree, whole tables or single leaves, leaves its dirty bits in the log. */
static void test_zap(void **state)
{
	static const struct {
		u64 start, end;
	} ranges[] = {
		{ 0, BIT(48) },
		{ BASE, BASE + LEN },
		{ BASE + MIB(1), BASE + GIB(1) + MIB(1) },
		{ BASE + MIB(2) + PAGE_SIZE, BASE + MIB(2) + 3 * PAGE_SIZE },
		{ BASE + GIB(1) - PAGE_SIZE, BASE + GIB(1) + PAGE_SIZE },
	};

	(void)state;
	for (u32 i = 0; i < 3 * ARRAY_SIZE(ranges); i++) {
		u32 which = i / 3;
		u64 before;

		assert_int_equal(log_start((enum dirty_means)(i % 3), false), 0);
		write_some();
		before = rounds();
		tdp_zap(&tdp, live_gfn(ranges[which].start), live_gfn(ranges[which].end));
		assert_int_equal(rounds(), before + 1);
		assert_true(cpu_write(BASE + MIB(2) + PAGE_SIZE));
		book_harvest();
		assert_int_equal(book_harvest(), 0);
		live_check();
		assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
	}
}

static void test_split(void **state)
{
	(void)state;
	for (u32 means = 0; means < 3; means++) {
		u64 before;

		map_all();
		assert_int_equal(log_start(means, false), 0);
		before = rounds();
		assert_true(cpu_write(BASE + MIB(2)));
		assert_int_equal(tdp_split(&tdp, live_gfn(BASE), live_gfn(BASE + LEN)), 0);
		assert_int_equal(stats().pages_4k, LEN / PAGE_SIZE);
		assert_int_equal(rounds(), before);
		write_some();
		assert_int_equal(book_harvest(), 1);
		/* What is logged is not made huge again. */
		tdp_collapse(&tdp, GFN(0), GFN(BIT(36)));
		assert_int_equal(stats().pages_4k, LEN / PAGE_SIZE);
		write_some();
		assert_int_equal(book_harvest(), 1);
		assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
		assert_int_equal(stats().pages_4k, 0);
		tdp_zap(&tdp, GFN(0), GFN(BIT(36)));
	}
}

/* At its new place all of a slot is news; then only what is written there. */
static void test_move(void **state)
{
	(void)state;
	for (u32 means = 0; means < 3; means++) {
		u64 to = BASE + GIB(2) + MIB(2) * means;

		book.base = BASE;
		assert_int_equal(log_start(means, means != 1), 0);
		write_some();
		assert_int_equal(slot_move(&tdp, live_gfn(BASE), live_gfn(to)), 0);
		book.base = to;
		book_note(to, LEN);
		book_harvest();
		assert_int_equal(book_harvest(), 0);
		assert_true(cpu_write(to + MIB(512)));
		assert_false(cpu_write(BASE));
		assert_int_equal(book_harvest(), 1);
		assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), E_NOENT);
		assert_int_equal(dirty_log_stop(&tdp, live_gfn(to)), 0);
		assert_int_equal(slot_move(&tdp, live_gfn(to), live_gfn(BASE)), 0);
	}
}

/* A log ends with its slot; and one log is not another. */
static void test_two_logs(void **state)
{
	(void)state;
	map_all();
	assert_int_equal(log_start(DIRTY_PROTECT, true), 0);
	assert_int_equal(dirty_log_start(&tdp, live_gfn(MIB(8)), DIRTY_BITS, false), 0);
	assert_int_equal(tdp.logs, 2);
	write_some();
	assert_true(cpu_write(MIB(8) + PAGE_SIZE * 3));
	assert_int_equal(book_harvest(), 1);
	book_open(MIB(8), MIB(4), DIRTY_BITS);
	book_note(MIB(8) + PAGE_SIZE * 3, 1);
	assert_int_equal(book_harvest(), 1);
	assert_int_equal(book_harvest(), 0);
	assert_int_equal(slot_remove(&tdp, live_gfn(BASE)), 0);
	live_check();
	assert_true(host_write(MIB(10)));
	assert_true(cpu_write(MIB(12) - 1));
	assert_int_equal(book_harvest(), 1);
	assert_int_equal(slot_remove(&tdp, live_gfn(MIB(8))), 0);
	assert_int_equal(tdp.logs, 0);
	assert_int_equal(live_check().count.tables, 1);
}

/* The guest's writes to a read-only slot are none; the hypervisor's are. */
static void test_readonly(void **state)
{
	(void)state;
	for (u32 means = 0; means < 3; means++) {
		map_all();
		assert_int_equal(log_start(means, true), 0);
		assert_true(cpu_write(BASE));
		assert_int_equal(slot_set_readonly(&tdp, live_gfn(BASE), true), 0);
		assert_false(cpu_write(BASE));
		assert_false(cpu_write(BASE + PAGE_SIZE));
		assert_false(host_write(BASE + PAGE_SIZE * 2));
		assert_int_equal(guest_mem_zero(&fixture_mem, GPA(BASE + MIB(2) - 1), 2), 0);
		book_note(BASE + MIB(2) - 1, 2);
		book_harvest();
		assert_int_equal(slot_set_readonly(&tdp, live_gfn(BASE), false), 0);
		assert_true(cpu_write(BASE + PAGE_SIZE));
		assert_int_equal(book_harvest(), 1);
		assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
		tdp_zap(&tdp, GFN(0), GFN(BIT(36)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_errors, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_means, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_start, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_nothing, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_one_round, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_zap, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_split, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_move, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_two_logs, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_readonly, setup, live_teardown),
	};

	return cmocka_run_group_tests_name("dirty_log", tests, NULL, NULL);
}
