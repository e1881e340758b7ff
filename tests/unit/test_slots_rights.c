/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots that change under those who use them: read-only ones, by the guest and by the hypervisor;
 * CPUs that are in the guest when a slot changes, and how often they are disturbed; and slots of
 * huge pages, which may have to be small ones in another place.
 */
#include "live_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

static int setup(void **state)
{
	(void)state;
	live_start(&spte_format_ept, LEVEL_2M, MIB(64));
	assert_int_equal(add(MIB(8), MIB(8)), 0);
	return 0;
}

static int set_readonly(u64 gpa, bool readonly)
{
	return slot_set_readonly(&tdp, live_gfn(gpa), readonly);
}

/* Reading goes on, in the same frame; a write is an access to a device, and the CPU may not. */
static void check_readonly(u64 gpa)
{
	u64 word = gpa, read = 0;
	u64 *at = guest_mem_ptr(&fixture_mem, GPA(gpa));

	assert_int_equal(write_fault(gpa), TDP_EMULATE);
	assert_int_equal(spte_access(tdp.fmt, walk_end(gpa).spte), ACCESS_READ | ACCESS_EXEC);
	assert_int_equal(fault(gpa), TDP_SPURIOUS);
	assert_int_equal(tdp_fault(&tdp, GPA(gpa), ACCESS_EXEC), TDP_SPURIOUS);
	assert_null(guest_mem_ptr_write(&fixture_mem, GPA(gpa)));
	assert_non_null(at);
	/* The hypervisor's own writes are none of the guest's: a loader fills such slots. */
	assert_int_equal(guest_mem_write(&fixture_mem, GPA(gpa), &word, sizeof(word)), 0);
	assert_int_equal(guest_mem_read(&fixture_mem, GPA(gpa), &read, sizeof(read)), 0);
	assert_int_equal(read, word);
	assert_int_equal(*at, word);
}

static void test_readonly(void **state)
{
	u64 before = rounds();

	(void)state;
	/* Mapped for writing, for reading, and not at all. */
	assert_int_equal(write_fault(MIB(8)), TDP_FIXED);
	assert_int_equal(fault(MIB(10)), TDP_FIXED);
	assert_int_equal(set_readonly(MIB(8), true), 0);
	assert_int_equal(rounds(), before + 1);
	live_check();
	check_readonly(MIB(8));
	check_readonly(MIB(10));
	assert_int_equal(fault(MIB(12)), TDP_FIXED);
	check_readonly(MIB(12));
	assert_int_equal(write_fault(MIB(14)), TDP_FIXED);
	check_readonly(MIB(14));
	/* Nothing left to take away: at most one round, and here none. */
	assert_int_equal(set_readonly(MIB(8), true), 0);
	assert_int_equal(rounds(), before + 1);
	live_check();
}

static void test_writable_again(void **state)
{
	u64 before;

	(void)state;
	assert_int_equal(write_fault(MIB(8)), TDP_FIXED);
	assert_int_equal(set_readonly(MIB(8), true), 0);
	assert_int_equal(write_fault(MIB(8)), TDP_EMULATE);
	before = rounds();
	assert_int_equal(set_readonly(MIB(8), false), 0);
	/* By the fault of who wants it. */
	assert_false(spte_access(tdp.fmt, walk_end(MIB(8)).spte) & ACCESS_WRITE);
	assert_int_equal(write_fault(MIB(8)), TDP_FIXED);
	assert_int_equal(write_fault(MIB(8)), TDP_SPURIOUS);
	assert_int_equal(walk_end(MIB(8)).level, LEVEL_2M);
	assert_non_null(guest_mem_ptr_write(&fixture_mem, GPA(MIB(8))));
	assert_int_equal(rounds(), before);
	live_check();
}

static void test_add_readonly(void **state)
{
	(void)state;
	assert_int_equal(slot_add(&tdp, live_gfn(GIB(4)), 1024, true), 0);
	assert_int_equal(write_fault(GIB(4)), TDP_FIXED);
	check_readonly(GIB(4));
	assert_non_null(guest_mem_ptr_write(&fixture_mem, GPA(MIB(8))));
	assert_int_equal(rounds(), 0);
	/* A move takes it along; another slot is none of its business. */
	assert_int_equal(slot_move(&tdp, live_gfn(GIB(4)), live_gfn(GIB(5))), 0);
	assert_int_equal(fault(GIB(5)), TDP_FIXED);
	check_readonly(GIB(5));
	assert_int_equal(write_fault(MIB(8)), TDP_FIXED);
	live_check();
}

/* In single pages, some written, next to a slot that keeps its rights. */
static void test_readonly_small(void **state)
{
	(void)state;
	assert_int_equal(add(MIB(16), MIB(2)), 0);
	tdp.max_leaf_level = LEVEL_4K;
	for (u64 gpa = MIB(14); gpa < MIB(18); gpa += PAGE_SIZE)
		assert_int_equal(gpa % MIB(1) ? write_fault(gpa) : fault(gpa), TDP_FIXED);
	assert_int_equal(set_readonly(MIB(8), true), 0);
	assert_int_equal(rounds(), 1);
	for (u64 gpa = MIB(14); gpa < MIB(18); gpa += PAGE_SIZE)
		assert_int_equal(spte_access(tdp.fmt, walk_end(gpa).spte),
				 gpa < MIB(16) ? ACCESS_READ | ACCESS_EXEC : ACCESS_ALL);
	live_check();
}

static u32 kicks;

static void nmi_count(u32 id)
{
	live_nmi_leave(id);
	kicks++;
}

static struct tlb_stats ipis_of(int (*change)(void))
{
	struct tlb_stats before = tdp.tlb.stats, after;

	assert_int_equal(change(), 0);
	after = tdp.tlb.stats;
	return (struct tlb_stats){
		.remote_tlb_flush = after.remote_tlb_flush - before.remote_tlb_flush,
		.ipis_sent = after.ipis_sent - before.ipis_sent,
		.ipis_avoided = after.ipis_avoided - before.ipis_avoided,
	};
}

static int do_add(void)
{
	return add(MIB(32), MIB(2));
}

static int do_move(void)
{
	return slot_move(&tdp, live_gfn(MIB(32)), live_gfn(MIB(40)));
}

static int do_readonly(void)
{
	return set_readonly(MIB(8), true);
}

static int do_remove(void)
{
	return slot_remove(&tdp, live_gfn(MIB(40)));
}

/* One CPU in the guest: kicked by rounds, and where its handlers are waited for; nobody else is. */
static void test_ipis(void **state)
{
	static const struct {
		int (*change)(void);
		u64 rounds;
	} changes[] = { { do_add, 0 }, { do_move, 1 }, { do_readonly, 1 }, { do_remove, 1 } };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(changes); i++) {
		u32 entries = cpus[HOST_SPARE_CPU]->entries;
		struct tlb_stats cost;

		kicks = 0;
		assert_int_equal(write_fault(MIB(8) + MIB(2) * i), TDP_FIXED);
		enter_spare_cpu(nmi_count);
		cost = ipis_of(changes[i].change);
		assert_int_equal(cost.remote_tlb_flush, changes[i].rounds);
		assert_int_equal(cost.ipis_sent, changes[i].rounds);
		assert_int_equal(cost.ipis_avoided, (HOST_CPUS - 1) * changes[i].rounds);
		/* And once more, when its pointers have to be gone. */
		assert_int_equal(kicks, changes[i].rounds + 1);
		assert_int_equal(cpus[HOST_SPARE_CPU]->entries, entries + kicks);
	}
}

/* A CPU in another VM's guest is nobody to kick. */
static void test_other_space(void **state)
{
	static struct tlb_space other;
	struct tlb_stats cost;

	(void)state;
	assert_int_equal(write_fault(MIB(8)), TDP_FIXED);
	enter_spare_cpu(nmi_count);
	cpus[HOST_SPARE_CPU]->space = &other;
	kicks = 0;
	cost = ipis_of(do_readonly);
	assert_int_equal(cost.remote_tlb_flush, 1);
	assert_int_equal(cost.ipis_sent, 0);
	assert_int_equal(cost.ipis_avoided, HOST_CPUS);
	assert_int_equal(kicks, 0);
}

static bool removed;

static void *remove_thread(void *arg)
{
	assert_int_equal(slot_remove(&tdp, live_gfn(MIB(8))), 0);
	atomic_store(&removed, true);
	return arg;
}

/* A CPU handles an exit, with a pointer: the frames stay until it has come by its next entry. */
static void test_waits_for_exits(void **state)
{
	struct percpu *spare = cpus[HOST_SPARE_CPU];
	pthread_t thread;
	u64 *at;

	(void)state;
	removed = false;
	spare->space = &tdp.tlb;
	spare->mode = CPU_HOST;
	at = guest_mem_ptr_write(&fixture_mem, GPA(MIB(8)));
	assert_int_equal(pthread_create(&thread, NULL, remove_thread, NULL), 0);
	while (atomic_load(&tdp.tlb.stats.remote_tlb_flush) == 0 || atomic_load(&tdp.tlb.busy) ||
	       guest_mem_ptr(&fixture_mem, GPA(MIB(8))))
		__builtin_ia32_pause();
	for (u32 i = 0; i < 200000; i++)
		__builtin_ia32_pause();
	assert_false(atomic_load(&removed));
	assert_int_equal(atomic_load(&guest_owner.frames), MIB(8) / PAGE_SIZE);
	*at = 1;
	/* Again and again: it may begin to wait for this only now. */
	while (!atomic_load(&removed)) {
		atomic_fetch_add(&spare->entries, 1u);
		sched_yield();
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(guest_owner.frames, 0);
}

/* A fault that has found the slot before it went still adds a leaf: that has to go as well. */
static void test_waits_for_walks(void **state)
{
	struct tdp_entry entry;
	pthread_t thread;

	(void)state;
	assert_int_equal(add(MIB(16), MIB(2)), 0);
	assert_int_equal(fault(MIB(16)), TDP_FIXED);
	removed = false;
	tlb_walk_begin(&tdp.tlb);
	entry = tdp_entry_lowest(tdp.fmt, tdp_entry_root(&tdp, live_gfn(MIB(8))));
	assert_int_equal(pthread_create(&thread, NULL, remove_thread, NULL), 0);
	while (!atomic_load(&tdp.tlb.stats.walks_waited) && !atomic_load(&removed))
		__builtin_ia32_pause();
	assert_null(live_slot(MIB(8)));
	assert_true(tdp_spte_add(&tdp, &entry,
				 spte_make_leaf(tdp.fmt, PFN(512), LEVEL_2M, ACCESS_ALL)));
	tlb_walk_end();
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(is_mapped(MIB(8)));
	assert_true(is_mapped(MIB(16)));
	live_check();
}

/* A GiB in one piece is a 1 GiB leaf where it lies alike, and else the largest that is right. */
static void test_move_huge(void **state)
{
	static const struct {
		u64 to;
		unsigned int level;
	} places[] = {
		{ GIB(4), LEVEL_1G },
		{ GIB(4) + MIB(2), LEVEL_2M },
		{ GIB(700) + MIB(512), LEVEL_2M },
		{ GIB(700), LEVEL_1G },
		{ BIT(48) - GIB(1), LEVEL_1G },
	};
	u64 at = GIB(1);

	(void)state;
	live_end();
	live_start(&spte_format_npt, LEVEL_1G, GIB(3));
	assert_int_equal(add(at, GIB(1)), 0);
	assert_int_equal(fault(at), TDP_FIXED);
	assert_int_equal(walk_end(at).level, LEVEL_1G);
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		u64 before = rounds(), to = places[i].to;

		assert_int_equal(slot_move(&tdp, live_gfn(at), live_gfn(to)), 0);
		assert_int_equal(rounds(), before + 1);
		assert_false(is_mapped(at));
		for (u64 gpa = to; gpa < to + GIB(1); gpa += MIB(64)) {
			fault(gpa);
			assert_int_equal(walk_end(gpa).level, places[i].level);
		}
		assert_int_equal(fault(to + GIB(1)), TDP_EMULATE);
		at = to;
		live_check();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_readonly, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_writable_again, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_add_readonly, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_readonly_small, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_ipis, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_other_space, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_exits, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_walks, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_move_huge, setup, live_teardown),
	};

	return cmocka_run_group_tests_name("slots_rights", tests, NULL, NULL);
}
