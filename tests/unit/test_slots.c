/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots that are added, removed, moved and made read-only under a tree that maps them: what is
 * refused, and that a refusal leaves no trace; what becomes of frames, contents and
 * translations; and the rounds that it costs. See test_slots_rights.c for what is read-only and
 * for CPUs that are in the guest, test_slots_nomem.c for allocations that fail.
 */
#include "live_fixture.h"

#include <stdlib.h>

#define GPA_BITS 40u

static int setup(void **state)
{
	struct tdp_config config = {
		.fmt = &spte_format_ept,
		.max_leaf_level = LEVEL_2M,
		.hw_ad = true,
		.mmio_signal = SPTE_EPT_MISCONFIGURED,
	};

	(void)state;
	live_start_with(&config, MIB(64), GPA_BITS);
	return 0;
}

/* A word of each page of [gpa, gpa + len) says where it was written. */
static void put_marks(u64 gpa, u64 len, u64 salt)
{
	for (u64 at = 0; at < len; at += PAGE_SIZE) {
		u64 mark = salt + at;

		assert_int_equal(guest_mem_write(&fixture_mem, GPA(gpa + at), &mark, sizeof(mark)),
				 0);
	}
}

static void check_marks(u64 gpa, u64 len, u64 salt)
{
	for (u64 at = 0; at < len; at += PAGE_SIZE) {
		u64 mark;

		assert_int_equal(guest_mem_read(&fixture_mem, GPA(gpa + at), &mark, sizeof(mark)),
				 0);
		assert_int_equal(mark, salt + at);
	}
}

/* Two slots with something between, mapped and written: what errors must not touch. */
static struct live_snapshot two_slots(void)
{
	assert_int_equal(add(MIB(8), MIB(4)), 0);
	assert_int_equal(add(MIB(16), MIB(4)), 0);
	put_marks(MIB(8), MIB(4), 1);
	put_marks(MIB(16), MIB(4), 2);
	assert_int_equal(write_fault(MIB(8)), TDP_FIXED);
	assert_int_equal(fault(MIB(18)), TDP_FIXED);
	assert_int_equal(fault(MIB(12)), TDP_EMULATE);
	return live_check();
}

static void check_two_slots(const struct live_snapshot *before)
{
	live_check_same(before);
	check_marks(MIB(8), MIB(4), 1);
	check_marks(MIB(16), MIB(4), 2);
	assert_true(is_mapped(MIB(8)) && is_mapped(MIB(18)));
	assert_false(is_mapped(MIB(12)));
}

#define END BIT(GPA_BITS - PAGE_SHIFT)
#define CHUNK 512ull

static const struct {
	u64 base, npages;
	int err;
} bad_adds[] = {
	/* Unaligned, in base or size or both; empty. */
	{ 1, CHUNK, E_INVAL },
	{ CHUNK - 1, CHUNK, E_INVAL },
	{ CHUNK / 2, CHUNK, E_INVAL },
	{ CHUNK, CHUNK - 1, E_INVAL },
	{ CHUNK, CHUNK + 1, E_INVAL },
	{ CHUNK, 1, E_INVAL },
	{ CHUNK, 0, E_INVAL },
	{ END, 0, E_INVAL },
	/* Wrapping. */
	{ CHUNK, -CHUNK, E_INVAL },
	{ 32 * CHUNK, -64 * CHUNK, E_RANGE },
	{ -CHUNK, CHUNK, E_INVAL },
	{ -CHUNK, 2 * CHUNK, E_INVAL },
	{ -2 * CHUNK, CHUNK, E_RANGE },
	/* Beyond what the guest can address. */
	{ END, CHUNK, E_RANGE },
	{ END - CHUNK, 2 * CHUNK, E_RANGE },
	{ BIT(36), CHUNK, E_RANGE },
	{ BIT(63), CHUNK, E_RANGE },
	{ MIB(16) / PAGE_SIZE + 2 * CHUNK, END, E_RANGE },
	/* Over the first slot, which is [4, 6) chunks: its beginning, its end, within, exactly, around. */
	{ 3 * CHUNK, 2 * CHUNK, E_EXIST },
	{ 5 * CHUNK, 2 * CHUNK, E_EXIST },
	{ 4 * CHUNK, CHUNK, E_EXIST },
	{ 5 * CHUNK, CHUNK, E_EXIST },
	{ 4 * CHUNK, 2 * CHUNK, E_EXIST },
	{ 3 * CHUNK, 4 * CHUNK, E_EXIST },
	{ 3 * CHUNK, 3 * CHUNK, E_EXIST },
	{ 4 * CHUNK, 3 * CHUNK, E_EXIST },
	/* Over the second one, [8, 10); over both. */
	{ 7 * CHUNK, 2 * CHUNK, E_EXIST },
	{ 9 * CHUNK, 2 * CHUNK, E_EXIST },
	{ 5 * CHUNK, 4 * CHUNK, E_EXIST },
	{ 0, 1024 * CHUNK, E_EXIST },
	/* More than there is; than the heap has in one piece; than a slot's arrays can hold. */
	{ 32 * CHUNK, 32 * CHUNK, E_NOMEM },
	{ 32 * CHUNK, GIB(512) / PAGE_SIZE, E_NOMEM },
	{ 32 * CHUNK, GIB(512) / PAGE_SIZE + CHUNK, E_NOMEM },
};

static void test_add_errors(void **state)
{
	struct live_snapshot before = two_slots();

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad_adds); i++) {
		assert_int_equal(slot_add(&tdp, GFN(bad_adds[i].base), bad_adds[i].npages, i % 2),
				 bad_adds[i].err);
		live_check_same(&before);
	}
	check_two_slots(&before);
	/* What only touches a slot, or the end of what can be addressed, is right. */
	assert_int_equal(add(MIB(4), MIB(4)), 0);
	assert_int_equal(add(MIB(12), MIB(4)), 0);
	assert_int_equal(add(BIT(GPA_BITS) - MIB(2), MIB(2)), 0);
	assert_int_equal(fixture_mem.table->count, 5);
	live_check();
}

static void test_too_many(void **state)
{
	struct live_snapshot before;

	(void)state;
	live_end();
	live_start(&spte_format_npt, LEVEL_2M, (GUEST_MEM_MAX_SLOTS + 8) * MIB(2));
	for (u32 i = 0; i < GUEST_MEM_MAX_SLOTS; i++)
		assert_int_equal(add(MIB(4) * (i * 37 % GUEST_MEM_MAX_SLOTS), MIB(2)), 0);
	for (u32 i = 0; i < GUEST_MEM_MAX_SLOTS; i++)
		assert_int_equal(fixture_mem.table->slots[i].base.raw, i * 1024);
	before = live_check();
	assert_int_equal(add(GIB(1), MIB(2)), E_NOMEM);
	live_check_same(&before);
	/* None more, but the same number in another place, or again. */
	assert_int_equal(slot_move(&tdp, live_gfn(MIB(8)), live_gfn(GIB(1))), 0);
	assert_int_equal(slot_set_readonly(&tdp, live_gfn(GIB(1)), true), 0);
	assert_int_equal(slot_remove(&tdp, live_gfn(GIB(1))), 0);
	assert_int_equal(add(GIB(2), MIB(2)), 0);
	assert_int_equal(add(GIB(3), MIB(2)), E_NOMEM);
	live_check();
}

static void test_absent(void **state)
{
	static const u64 absent[] = { 0,       MIB(8) + PAGE_SIZE, MIB(10), MIB(12),
				      MIB(20), BIT(GPA_BITS),      BIT(63), ~(MIB(2) - 1) };
	struct live_snapshot before = two_slots();

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(absent); i++) {
		gfn_t gfn = live_gfn(absent[i]);

		assert_int_equal(slot_remove(&tdp, gfn), E_NOENT);
		assert_int_equal(slot_move(&tdp, gfn, live_gfn(MIB(32))), E_NOENT);
		assert_int_equal(slot_move(&tdp, gfn, GFN(1)), E_NOENT);
		assert_int_equal(slot_set_readonly(&tdp, gfn, true), E_NOENT);
		assert_int_equal(slot_set_readonly(&tdp, gfn, false), E_NOENT);
	}
	check_two_slots(&before);
}

static const struct {
	u64 to;
	int err;
} bad_moves[] = {
	{ 1, E_INVAL },
	{ 16 * CHUNK + 1, E_INVAL },
	{ 16 * CHUNK + CHUNK / 2, E_INVAL },
	{ -CHUNK, E_INVAL },
	/* Ends where numbers do. */
	{ -2 * CHUNK, E_INVAL },
	{ -4 * CHUNK, E_RANGE },
	{ END, E_RANGE },
	{ END - CHUNK, E_RANGE },
	{ BIT(36), E_RANGE },
	{ 7 * CHUNK, E_EXIST },
	{ 8 * CHUNK, E_EXIST },
	{ 9 * CHUNK, E_EXIST },
};

static void test_move_errors(void **state)
{
	struct live_snapshot before = two_slots();

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad_moves); i++) {
		assert_int_equal(slot_move(&tdp, live_gfn(MIB(8)), GFN(bad_moves[i].to)),
				 bad_moves[i].err);
		live_check_same(&before);
	}
	check_two_slots(&before);
	assert_int_equal(slot_move(&tdp, live_gfn(MIB(8)), GFN(END - 2 * CHUNK)), 0);
	check_marks(BIT(GPA_BITS) - MIB(4), MIB(4), 1);
}

/* Until it is added, an access is one to a device; then to zeroed memory. No round. */
static void test_add(void **state)
{
	(void)state;
	/* Not the first to have the frames. */
	assert_int_equal(add(MIB(8), MIB(40)), 0);
	put_marks(MIB(8), MIB(40), ~0ull << 40);
	assert_int_equal(slot_remove(&tdp, live_gfn(MIB(8))), 0);
	assert_int_equal(fault(GIB(1)), TDP_EMULATE);
	assert_true(spte_is_mmio(walk_end(GIB(1)).spte));

	for (u64 i = 0; i < 10; i++) {
		u64 before = rounds();

		assert_int_equal(add(GIB(1) + i * MIB(4), MIB(4)), 0);
		assert_int_equal(rounds(), before);
	}
	assert_false(tdp_mmio_is_current(&tdp));
	for (u64 at = 0; at < MIB(40); at += sizeof(u64)) {
		if (at % MIB(2) == 0)
			assert_int_equal(write_fault(GIB(1) + at), TDP_FIXED);
		assert_int_equal(*(u64 *)guest_mem_ptr(&fixture_mem, GPA(GIB(1) + at)), 0);
	}
	live_check();
}

static void test_remove(void **state)
{
	u64 free, before;
	struct frame_stats now;

	(void)state;
	frame_stats_read(&now);
	free = now.free;
	two_slots();
	for (u64 at = 0; at < MIB(4); at += MIB(2))
		fault(MIB(8) + at);
	before = rounds();
	assert_int_equal(slot_remove(&tdp, live_gfn(MIB(8))), 0);
	assert_int_equal(rounds(), before + 1);
	assert_false(is_mapped(MIB(8)) || is_mapped(MIB(10)));
	assert_true(is_mapped(MIB(18)));
	assert_null(guest_mem_ptr(&fixture_mem, GPA(MIB(8))));
	assert_null(guest_mem_ptr(&fixture_mem, GPA(MIB(12) - 1)));
	assert_int_equal(fault(MIB(8)), TDP_EMULATE);
	assert_int_equal(write_fault(MIB(11)), TDP_EMULATE);
	assert_int_equal(guest_owner.frames, 2 * CHUNK);
	check_marks(MIB(16), MIB(4), 2);
	live_check();
	/* Nothing was mapped of this: the round is for those who hold pointers until they flush. */
	assert_int_equal(add(GIB(2), MIB(2)), 0);
	before = rounds();
	assert_int_equal(slot_remove(&tdp, live_gfn(GIB(2))), 0);
	assert_int_equal(rounds(), before + 1);
	assert_int_equal(slot_remove(&tdp, live_gfn(MIB(16))), 0);
	assert_int_equal(live_check().count.tables, 1);
	frame_stats_read(&now);
	/* All but the root and the heap's one page with the table of no slots. */
	assert_int_equal(now.free, free - 1);
}

/* slot_move with what has to be true of any. */
static void move(u64 from, u64 to, u64 len, u64 salt)
{
	u64 before = rounds(), generation = fixture_mem.table->generation;
	u64 frames = guest_owner.frames;

	for (u64 at = 0; at < len; at += MIB(2))
		fault(from + at);
	put_marks(from, len, salt);
	assert_int_equal(slot_move(&tdp, live_gfn(from), live_gfn(to)), 0);
	assert_int_equal(rounds(), before + 1);
	assert_int_equal(fixture_mem.table->generation, generation + 1);
	assert_int_equal(guest_owner.frames, frames);
	for (u64 at = 0; at < len; at += MIB(1)) {
		assert_false(is_mapped(from + at));
		assert_int_equal(fault(from + at), live_slot(from + at) ? TDP_FIXED : TDP_EMULATE);
		assert_false(is_mapped(to + at) && from + at != to + at && from + len <= to);
	}
	check_marks(to, len, salt);
	live_check();
}

static void test_move(void **state)
{
	(void)state;
	assert_int_equal(add(MIB(8), MIB(8)), 0);
	assert_int_equal(add(MIB(64), MIB(2)), 0);
	move(MIB(8), MIB(32), MIB(8), 3); /* away, and past another slot's place in the order */
	move(MIB(32), GIB(1) - MIB(4), MIB(8), 4); /* to both sides of a table's end */
	move(GIB(1) - MIB(4), GIB(1) + MIB(4), MIB(8), 5); /* to where it ends */
	move(GIB(1) + MIB(4), 0, MIB(8), 6);
	assert_int_equal(fixture_mem.table->slots[0].base.raw, 0);
	assert_int_equal(fixture_mem.table->slots[1].base.raw, MIB(64) / PAGE_SIZE);
}

/* To a place that it has a part of already: each page is now in one place, the new one. */
static void test_move_onto_itself(void **state)
{
	static const u64 places[] = { MIB(10), MIB(8), MIB(6), MIB(12), MIB(12) };
	u64 at = MIB(8);

	(void)state;
	assert_int_equal(add(at, MIB(6)), 0);
	put_marks(at, MIB(6), 7);
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		u64 before = rounds();

		for (u64 page = 0; page < MIB(6); page += MIB(2))
			assert_int_equal(fault(at + page), TDP_FIXED);
		assert_int_equal(slot_move(&tdp, live_gfn(at), live_gfn(places[i])), 0);
		assert_int_equal(rounds(), before + 1);
		at = places[i];
		check_marks(at, MIB(6), 7);
		assert_int_equal(live_check().count.tables, 1);
	}
}

/* A mark is right only for the table of slots that it was made for. */
static void test_marks(void **state)
{
	(void)state;
	assert_int_equal(add(MIB(8), MIB(4)), 0);
	assert_int_equal(fault(MIB(8)), TDP_FIXED);
	for (u32 change = 0; change < 4; change++) {
		u64 mark, made = stats().pf_mmio_spte_created;

		assert_int_equal(fault(GIB(3)), TDP_EMULATE);
		mark = walk_end(GIB(3)).spte;
		assert_true(spte_is_mmio(mark));
		assert_int_equal(stats().pf_mmio_spte_created, made + 1);
		assert_int_equal(fault(GIB(3) + MIB(1)), TDP_EMULATE);
		assert_int_equal(stats().pf_mmio_spte_created, made + 1);
		if (change == 0)
			assert_int_equal(add(MIB(16), MIB(4)), 0);
		if (change == 1)
			assert_int_equal(slot_move(&tdp, live_gfn(MIB(16)), live_gfn(MIB(24))), 0);
		if (change == 2)
			assert_int_equal(slot_remove(&tdp, live_gfn(MIB(24))), 0);
		assert_false(tdp_mmio_is_current(&tdp));
		assert_int_equal(spte_make_mmio(fixture_mem.table->generation) == (mark & ~7ull),
				 change == 3);
	}
	/* In the middle of a mark's range a slot appears. */
	assert_int_equal(add(GIB(3) + MIB(2), MIB(2)), 0);
	assert_int_equal(fault(GIB(3) + MIB(2)), TDP_FIXED);
	assert_int_equal(fault(GIB(3)), TDP_EMULATE);
	assert_int_equal(fault(GIB(3) + MIB(4)), TDP_EMULATE);
	live_check();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_errors, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_move_errors, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_add, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_remove, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_move, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_move_onto_itself, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_marks, setup, live_teardown),
	};

	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
