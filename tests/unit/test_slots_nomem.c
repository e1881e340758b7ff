/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of slots when memory runs out: each allocation of each operation fails once, and once
 * with all that follow it. Whatever has failed, everything is as before, and the next try is right.
 */
#include "live_fixture.h"

#include <stdlib.h>

/* Three slots, the middle one logged, all mapped. */
static void start(void)
{
	live_start(&spte_format_npt, LEVEL_2M, MIB(64));
	assert_int_equal(add(MIB(4), MIB(4)), 0);
	assert_int_equal(add(MIB(16), MIB(4)), 0);
	assert_int_equal(add(MIB(24), MIB(2)), 0);
	assert_int_equal(dirty_log_start(&tdp, live_gfn(MIB(16)), DIRTY_BITS, true), 0);
	for (u64 gpa = 0; gpa < MIB(32); gpa += MIB(1))
		fault(gpa);
}

static int op_add(void)
{
	return add(MIB(32), MIB(6));
}

static int op_add_readonly(void)
{
	return slot_add(&tdp, live_gfn(MIB(8)), 512, true);
}

static int op_remove(void)
{
	return slot_remove(&tdp, live_gfn(MIB(4)));
}

static int op_remove_logged(void)
{
	return slot_remove(&tdp, live_gfn(MIB(16)));
}

static int op_move(void)
{
	return slot_move(&tdp, live_gfn(MIB(4)), live_gfn(GIB(600)));
}

static int op_move_onto_itself(void)
{
	return slot_move(&tdp, live_gfn(MIB(16)), live_gfn(MIB(18)));
}

static int op_readonly(void)
{
	return slot_set_readonly(&tdp, live_gfn(MIB(16)), true);
}

static const struct {
	const char *name;
	int (*run)(void);
	u32 least; /* allocations at least */
	u64 rounds; /* of a run that succeeds */
} ops[] = {
	/* Two arrays, three blocks, the table; small objects share pages. */
	{ "add", op_add, 6, 0 },
	{ "add, read-only", op_add_readonly, 4, 0 },
	{ "remove", op_remove, 1, 1 },
	{ "remove what is logged", op_remove_logged, 1, 1 },
	{ "move", op_move, 1, 1 },
	{ "move onto itself", op_move_onto_itself, 1, 1 },
	{ "read-only", op_readonly, 1, 1 },
};

/* The n-th allocation of an operation fails. False: it does not have so many. */
static bool try(u32 op, u32 n, bool more)
{
	struct live_snapshot before;
	u32 failed;
	int err;

	start();
	before = live_check();
	host_alloc_fail(n, more);
	err = ops[op].run();
	failed = host_alloc_failed;
	host_alloc_fail(0, false);
	assert_int_equal(err, failed ? E_NOMEM : 0);
	if (failed) {
		live_check_same(&before);
		assert_int_equal(ops[op].run(), 0);
	}
	assert_int_equal(live_check().rounds, before.rounds + ops[op].rounds);
	live_end();
	return failed;
}

static void test_every_failure(void **state)
{
	(void)state;
	for (u32 op = 0; op < ARRAY_SIZE(ops); op++) {
		for (u32 more = 0; more < 2; more++) {
			u32 n = 1;

			while (try(op, n, more))
				n++;
			assert_true(n > ops[op].least);
		}
	}
}

/* Without a GiB in one piece it is 512 small blocks; and when these run out, none. */
static void test_giga_block(void **state)
{
	struct live_snapshot before;

	(void)state;
	live_start(&spte_format_ept, LEVEL_1G, GIB(3));
	before = live_check();
	/* The arrays are four: two frames of them in runs, two objects; then comes the block. */
	for (u32 n = 1;; n++) {
		u32 failed;
		int err;

		host_alloc_fail(n, false);
		err = add(GIB(1), GIB(1) + MIB(4));
		failed = host_alloc_failed;
		host_alloc_fail(0, false);
		if (!failed)
			break;
		if (err) {
			assert_int_equal(err, E_NOMEM);
			live_check_same(&before);
			continue;
		}
		assert_int_equal(fault(GIB(1)), TDP_FIXED);
		assert_int_equal(walk_end(GIB(1)).level, LEVEL_2M);
		live_check();
		assert_int_equal(slot_remove(&tdp, live_gfn(GIB(1))), 0);
		live_check();
		live_end();
		live_start(&spte_format_ept, LEVEL_1G, GIB(3));
		before = live_check();
	}
	assert_int_equal(fault(GIB(1)), TDP_FIXED);
	assert_int_equal(walk_end(GIB(1)).level, LEVEL_1G);
	live_end();
}

/* Down to the last frame: what is left of memory is exactly what the slot needs, or less. */
static void test_last_frames(void **state)
{
	static hpa_t blocks[64];
	struct frame_owner hog = { 0 };

	(void)state;
	for (u32 left = 0; left <= 4; left++) {
		u32 count = 0;

		live_start(&spte_format_npt, LEVEL_2M, MIB(64));
		assert_int_equal(add(MIB(4), MIB(4)), 0);
		assert_int_equal(frame_owner_register(&hog, "hog"), 0);
		while (frame_alloc(&hog, LEVEL_2M, &blocks[count]) == 0)
			count++;
		for (u32 i = 0; i < left; i++)
			frame_free(&hog, LEVEL_2M, blocks[--count]);
		assert_int_equal(add(MIB(16), MIB(8)), left < 4 ? E_NOMEM : 0);
		assert_int_equal(guest_owner.frames, left < 4 ? 1024 : 3072);
		live_check();
		while (count)
			frame_free(&hog, LEVEL_2M, blocks[--count]);
		frame_owner_unregister(&hog);
		live_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_failure),
		cmocka_unit_test(test_giga_block),
		cmocka_unit_test(test_last_frames),
	};

	return cmocka_run_group_tests_name("slots_nomem", tests, NULL, NULL);
}
