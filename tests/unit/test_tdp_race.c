/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What other CPUs may do while a zap is under way: seen from inside its shootdown round,
 * and with real threads. And the checks that the funnel makes in debug builds.
 */
#include "tdp_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* What other CPUs see and do in the middle of a zap: called where the round waits for them. */
static struct {
	u32 calls;
	u64 tables, generation;
	struct tdp_entry walker; /* has stopped in a table that is being removed */
} mid_zap;

static void nmi_mid_zap(u32 id)
{
	assert_int_equal(id, HOST_SPARE_CPU);
	mid_zap.calls++;
	/* CPUs that enter from now on flush; nothing that others may still use has been freed. */
	assert_true(tdp.tlb.generation > mid_zap.generation);
	assert_int_equal(stats().table_pages, mid_zap.tables);
	assert_int_equal(tdp.tables.frames, mid_zap.tables);
	/* Gone for all who begin now, but not to be mapped again before the flush. */
	assert_false(is_mapped(0));
	assert_int_equal(fault(0), TDP_RETRY);
	assert_int_equal(fault(MIB(510)), TDP_RETRY);
	assert_int_equal(fault(MIB(600)), TDP_FIXED);
	assert_int_equal(fault(GIB(1)), TDP_FIXED);
	mid_zap.tables = stats().table_pages;
	/* One who came before the zap may still add to a table that has left the tree. */
	tlb_walk_begin(&tdp.tlb);
	assert_true(tdp_spte_add(&tdp, &mid_zap.walker,
				 spte_make_leaf(tdp.fmt, PFN(5), LEVEL_4K, ACCESS_ALL)));
	tlb_walk_end();
	cpus[1]->walks++;
	cpus[HOST_SPARE_CPU]->mode = CPU_HOST;
}

static void test_mid_zap(void **state)
{
	(void)state;
	fixture_start(&spte_format_npt, LEVEL_4K);
	for (u64 gpa = 0; gpa < MIB(512); gpa += MIB(1))
		assert_int_equal(fault(gpa), TDP_FIXED);
	/* Keeps the table above in use; or the zap would remove that too, and MIB(600) with it. */
	assert_int_equal(fault(MIB(700)), TDP_FIXED);
	/* A CPU reads tables without a lock, and only goes on in the middle of the round. */
	cpus[1]->walking = &tdp.tlb;
	cpus[1]->walks++;
	mid_zap.walker = tdp_entry_lowest(tdp.fmt, tdp_entry_root(&tdp, GFN(5)));
	assert_int_equal(mid_zap.walker.level, LEVEL_4K);
	mid_zap.tables = stats().table_pages;
	mid_zap.generation = tdp.tlb.generation;
	enter_spare_cpu(nmi_mid_zap);
	zap(0, MIB(512));
	assert_int_equal(mid_zap.calls, 1);
	assert_int_equal(tdp.tlb.stats.ipis_sent, 1);
	assert_int_equal(tdp.tlb.stats.ipis_avoided, HOST_CPUS - 1);
	assert_int_equal(fault(0), TDP_FIXED);
	assert_int_equal(tree_check().leaves[LEVEL_4K], 4);
}

static bool round_over;

static void *round_thread(void *arg)
{
	tlb_shootdown(arg);
	atomic_store(&round_over, true);
	return NULL;
}

/* A round ends only when those end who began to walk before it. */
static void test_round_waits_for_walkers(void **state)
{
	pthread_t thread;

	(void)state;
	round_over = false;
	tlb_walk_begin(&tdp.tlb);
	assert_int_equal(pthread_create(&thread, NULL, round_thread, &tdp.tlb), 0);
	while (!atomic_load(&tdp.tlb.stats.walks_waited) && !atomic_load(&round_over))
		sched_yield();
	for (u32 i = 0; i < 100; i++)
		sched_yield();
	assert_false(atomic_load(&round_over));
	tlb_walk_end();
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(round_over);
}

static void drop_gather(void)
{
	TDP_GATHER(gather, &tdp);
	struct tdp_entry entry = tdp_entry_lowest(tdp.fmt, tdp_entry_root(&tdp, GFN(0)));

	tdp_spte_freeze(&gather, entry);
}

static void add_over_leaf(void)
{
	struct tdp_entry entry = tdp_entry_lowest(tdp.fmt, tdp_entry_root(&tdp, GFN(0)));

	assert_true(tdp_spte_set(&tdp, &entry, 0));
}

/* Nobody but the one who has frozen an entry makes it something else. */
static void thaw_another_ones(void)
{
	struct tdp_entry entry = tdp_entry_lowest(tdp.fmt, tdp_entry_root(&tdp, GFN(0)));

	entry.spte = *entry.sptep = spte_make_frozen(this_cpu()->index + 1, HPA(0));
	assert_true(tdp_spte_set(&tdp, &entry, 0));
}

static void add_too_large(void)
{
	struct tdp_entry entry = tdp_entry_root(&tdp, GFN(BIT(35)));
	u64 leaf = spte_make_leaf(tdp.fmt, PFN(0), LEVEL_1G, ACCESS_ALL);

	assert_true(tdp_spte_add(&tdp, &entry, leaf));
}

/* The checks of debug builds: each of these would break an invariant. */
static void test_funnel_checks(void **state)
{
	static const struct {
		void (*wrong)(void);
		const char *message;
	} all[] = {
		{ drop_gather, "gather->flush" },
		{ add_over_leaf, "change_is_legal" },
		{ thaw_another_ones, "spte_is_frozen_by" },
		{ add_too_large, "max_leaf_level" },
	};

	(void)state;
	for (volatile u32 i = 0; i < ARRAY_SIZE(all); i++) {
		fixture_start(&spte_format_npt, LEVEL_1G);
		assert_int_equal(fault(0), TDP_FIXED);
		expect_panic(all[i].wrong());
		assert_non_null(strstr(host_panic_message, "walks & 1"));
		tlb_walk_begin(&tdp.tlb);
		expect_panic(all[i].wrong());
		assert_non_null(strstr(host_panic_message, all[i].message));
		tlb_walk_end();
	}
	fixture_start(&spte_format_npt, LEVEL_1G);
}

/*
 * Real threads: two that fault while a third zaps, for so many rounds that each step of a fault
 * meets each step of a zap, and of another fault. Whatever they do, the counters end right.
 */
#define FAULT_THREADS 2u
#define ZAP_THREADS 1u
#define THREADS (FAULT_THREADS + ZAP_THREADS)
#define ROUNDS 1000u

static bool zaps_done;

static u64 random_gpa(unsigned int *seed)
{
	/* Mostly the slot of single pages; few tables, so that all are often at the same one. */
	u32 which = (u32)rand_r(seed) % (2 * FIXTURE_SLOTS);
	const struct fixture_slot *slot = &fixture_slots[MIN(which, FIXTURE_SLOTS - 1)];

	return slot->gpa + (u64)rand_r(seed) % MIN(slot->len, (u64)MIB(4));
}

static void *fault_thread(void *arg)
{
	unsigned int seed = *(unsigned int *)arg;
	u64 bad = 0;

	while (!atomic_load(&zaps_done)) {
		enum tdp_result result = fault(random_gpa(&seed));

		if (result == TDP_RETRY)
			sched_yield();
		else
			bad += result != TDP_FIXED && result != TDP_SPURIOUS;
	}
	return (void *)bad;
}

static void *zap_thread(void *arg)
{
	unsigned int seed = *(unsigned int *)arg;

	while (atomic_load(&tdp.tlb.stats.remote_tlb_flush) < ROUNDS) {
		u64 start = align_down(random_gpa(&seed), PAGE_SIZE);

		if ((u32)rand_r(&seed) % 4)
			zap(start, start + (PAGE_SIZE << (u32)rand_r(&seed) % 12));
		else
			zap(0, BIT(48));
	}
	atomic_store(&zaps_done, true);
	return NULL;
}

/* Give others time to meet what is frozen; not by sleeping, they may wait for the lock. */
static void nmi_linger(u32 id)
{
	(void)id;
	for (u32 i = 0; i < 300; i++)
		__builtin_ia32_pause();
	/* Has left the guest, and is in it again. */
	atomic_fetch_add(&cpus[HOST_SPARE_CPU]->entries, 1u);
}

static void test_threads(void **state)
{
	unsigned int seeds[THREADS];
	pthread_t threads[THREADS];
	struct tree_count tree;

	(void)state;
	zaps_done = false;
	enter_spare_cpu(nmi_linger);
	for (u32 i = 0; i < THREADS; i++) {
		seeds[i] = i + 10;
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < FAULT_THREADS ? fault_thread : zap_thread,
						&seeds[i]),
				 0);
	}
	for (u32 i = 0; i < THREADS; i++) {
		void *bad;

		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	tree = tree_check();
	assert_int_equal(stats().pf_fixed + stats().pf_spurious + stats().pf_retry,
			 stats().pf_taken);
	assert_true(tree_leaves(&tree) <= stats().pf_fixed);
	zap(0, BIT(48));
	cpus[HOST_SPARE_CPU]->mode = CPU_HOST;
	assert_int_equal(tree_check().tables, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mid_zap, start_npt, end),
		cmocka_unit_test_setup_teardown(test_round_waits_for_walkers, start_npt, end),
		cmocka_unit_test_setup_teardown(test_funnel_checks, start_npt, end),
		cmocka_unit_test_setup_teardown(test_threads, start_npt, end),
	};

	return cmocka_run_group_tests_name("tdp_race", tests, NULL, NULL);
}
