/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shootdown rounds that meet: those who wait become one, each is served by a round that began after
 * it asked, and nobody returns before a round that he relies on is over, though another CPU makes
 * it.
 */
#include "tdp_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define WAITERS 4u

static u64 requests(void)
{
	return atomic_load(&tdp.tlb.stats.remote_tlb_flush_requests);
}

static u32 unserved;

/* Ask for a round, and see that one has begun since. */
static void *ask(void *arg)
{
	u64 before = atomic_load(&tdp.tlb.generation);

	tlb_shootdown(&tdp.tlb);
	if (atomic_load(&tdp.tlb.generation) == before)
		atomic_fetch_add(&unserved, 1u);
	return arg;
}

static pthread_t waiters[WAITERS];
static u32 waiting, kicks;

/* In the middle of a round others come, who cannot be served by it. */
static void nmi_others_come(u32 id)
{
	u64 before = requests();

	assert_int_equal(id, HOST_SPARE_CPU);
	if (kicks++ == 0) {
		for (waiting = 0; waiting < WAITERS; waiting++)
			assert_int_equal(pthread_create(&waiters[waiting], NULL, ask, NULL), 0);
		while (requests() < before + WAITERS)
			sched_yield();
	}
	atomic_fetch_add(&cpus[HOST_SPARE_CPU]->entries, 1u);
}

/* As many as like while a round is under way: one more for all of them. */
static void test_merge(void **state)
{
	(void)state;
	kicks = waiting = unserved = 0;
	enter_spare_cpu(nmi_others_come);
	ask(NULL);
	while (waiting)
		assert_int_equal(pthread_join(waiters[--waiting], NULL), 0);
	assert_int_equal(unserved, 0);
	assert_int_equal(requests(), 1 + WAITERS);
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 2);
	assert_int_equal(tdp.tlb.generation, 1 + 2);
	assert_int_equal(tdp.tlb.asked, 1 + WAITERS);
	assert_int_equal(tdp.tlb.done, tdp.tlb.asked);
	assert_int_equal(tdp.tlb.stats.ipis_sent, 2);
	assert_int_equal(tdp.tlb.stats.ipis_avoided, 2 * (HOST_CPUS - 1));
	assert_int_equal(kicks, 2);
	/* Alone again: a round of its own. */
	ask(NULL);
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 3);
	cpus[HOST_SPARE_CPU]->mode = CPU_HOST;
}

#define ROUNDS 300u

static void *ask_often(void *arg)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		ask(NULL);
		sched_yield();
	}
	return arg;
}

static void nmi_slow(u32 id)
{
	(void)id;
	sched_yield();
	atomic_fetch_add(&cpus[HOST_SPARE_CPU]->entries, 1u);
}

/* By chance, often: fewer rounds than requests, all of them served. */
static void test_merge_often(void **state)
{
	(void)state;
	unserved = 0;
	enter_spare_cpu(nmi_slow);
	for (u32 i = 0; i < WAITERS; i++)
		assert_int_equal(pthread_create(&waiters[i], NULL, ask_often, NULL), 0);
	for (u32 i = 0; i < WAITERS; i++)
		assert_int_equal(pthread_join(waiters[i], NULL), 0);
	cpus[HOST_SPARE_CPU]->mode = CPU_HOST;
	assert_int_equal(unserved, 0);
	assert_int_equal(requests(), WAITERS * ROUNDS);
	assert_int_equal(tdp.tlb.done, tdp.tlb.asked);
	assert_int_equal(tdp.tlb.generation, 1 + tdp.tlb.stats.remote_tlb_flush);
	assert_true(tdp.tlb.stats.remote_tlb_flush < requests());
}

/* Rounds of two spaces at once do not wait for each other: each is made within the other one. */
static struct tlb_space other;

static void nmi_other_space(u32 id)
{
	(void)id;
	cpus[HOST_SPARE_CPU]->mode = CPU_HOST;
	tlb_shootdown(&other);
}

static void test_two_spaces(void **state)
{
	(void)state;
	tlb_space_init(&other);
	enter_spare_cpu(nmi_other_space);
	tlb_shootdown(&tdp.tlb);
	assert_int_equal(other.stats.remote_tlb_flush, 1);
	assert_int_equal(other.stats.ipis_sent, 0);
	assert_int_equal(tdp.tlb.stats.remote_tlb_flush, 1);
	assert_int_equal(other.generation, 2);
	/* Who reads the tables of one space is nobody to the other. */
	tlb_walk_begin(&tdp.tlb);
	tlb_wait_for_walks(&other);
	tlb_walk_end();
	assert_int_equal(other.stats.walks_waited, 0);
}

/*
 * A CPU has changed entries, and is about to flush: another one that finds them as it wants them
 * must not return before that is done.
 */
static struct {
	void (*late)(void); /* what the other CPU does */
	u64 requests;
	bool returned, early;
	pthread_t thread;
} late;

static void *late_thread(void *arg)
{
	late.late();
	atomic_store(&late.returned, true);
	return arg;
}

static void nmi_late(u32 id)
{
	(void)id;
	if (late.requests == 0) {
		late.requests = requests();
		assert_int_equal(pthread_create(&late.thread, NULL, late_thread, NULL), 0);
		/* It has asked for a round that is to come, or has gone without one. */
		while (requests() == late.requests && !atomic_load(&late.returned))
			sched_yield();
		late.early = atomic_load(&late.returned);
	}
	atomic_fetch_add(&cpus[HOST_SPARE_CPU]->entries, 1u);
}

static void protect_all(void)
{
	tdp_write_protect(&tdp, GFN(0), GFN(BIT(36)));
}

static void zap_all(void)
{
	zap(0, BIT(48));
}

static void age_all(void)
{
	tdp_age(&tdp, GFN(0), GFN(BIT(36)));
}

static void test_late(void **state)
{
	/*
	 * The first one is in its round when the second one begins. With these threads all of
	 * HOST_CPUS are in use: one more would be taken for the main one.
	 */
	static void (*const pairs[][2])(void) = {
		{ protect_all, protect_all }, { zap_all, zap_all },     { zap_all, protect_all },
		{ age_all, age_all },         { protect_all, zap_all }, { age_all, zap_all },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(pairs); i++) {
		late.requests = 0;
		late.returned = late.early = false;
		late.late = pairs[i][1];
		assert_int_equal(fault(GIB(1)), TDP_FIXED);
		assert_int_equal(fault(0), TDP_FIXED);
		enter_spare_cpu(nmi_late);
		pairs[i][0]();
		assert_true(late.requests);
		assert_int_equal(pthread_join(late.thread, NULL), 0);
		assert_false(late.early);
		cpus[HOST_SPARE_CPU]->mode = CPU_HOST;
		zap(0, BIT(48));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_merge, start_npt, end),
		cmocka_unit_test_setup_teardown(test_merge_often, start_npt, end),
		cmocka_unit_test_setup_teardown(test_two_spaces, start_npt, end),
		cmocka_unit_test_setup_teardown(test_late, start_npt, end),
	};

	return cmocka_run_group_tests_name("tlb", tests, NULL, NULL);
}
