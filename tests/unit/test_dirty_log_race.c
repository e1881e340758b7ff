/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What other CPUs do in the middle of a harvest's round, when entries are changed already and the
 * CPU that has written may still write by its old translations.
 */
#include "dirty_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define BASE GIB(4)
#define LEN MIB(8)

static int setup(void **state)
{
	(void)state;
	live_start(&spte_format_ept, LEVEL_2M, MIB(64));
	assert_int_equal(add(BASE, LEN), 0);
	book_open(BASE, LEN, DIRTY_PROTECT);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	live_check();
	live_end();
	return 0;
}

static u64 requests(void)
{
	return atomic_load(&tdp.tlb.stats.remote_tlb_flush_requests);
}

static bool returned, early;
static u32 kicks;
static pthread_t thread;

static void *late_thread(void *late)
{
	((void (*)(void))late)();
	atomic_store(&returned, true);
	return NULL;
}

static void protect(void)
{
	tdp_write_protect(&tdp, live_gfn(BASE), live_gfn(BASE + LEN));
}

static void harvest(void)
{
	book_harvest();
}

static void (*late)(void);

/* In the middle of a round another CPU begins something: does it return before the round is over? */
static void nmi_late(u32 id)
{
	u64 before = requests();

	if (kicks++ == 0) {
		assert_int_equal(pthread_create(&thread, NULL, late_thread, (void *)late), 0);
		while (requests() == before && !atomic_load(&returned))
			sched_yield();
		early = atomic_load(&returned);
	}
	live_nmi_leave(id);
}

/*
 * One has taken the right to write, and is about to flush. The other finds nothing left to take,
 * and promises that no CPU writes unnoticed: so it waits for that flush, or makes one.
 */
static void check_late(void (*first)(void), void (*second)(void))
{
	assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), DIRTY_PROTECT, true), 0);
	assert_true(cpu_write(BASE + MIB(3)));
	kicks = 0;
	returned = early = false;
	late = second;
	enter_spare_cpu(nmi_late);
	first();
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(kicks);
	assert_false(early);
	assert_int_equal(tdp.passes, 0);
}

static void test_protect_in_harvest(void **state)
{
	(void)state;
	check_late(harvest, protect);
}

static void test_harvest_in_protect(void **state)
{
	(void)state;
	check_late(protect, harvest);
}

static enum tdp_result wrote;

/* A page that is written again in the round, by a fault, is news for the next harvest. */
static void nmi_write(u32 id)
{
	if (kicks++ == 0)
		wrote = tdp_fault(&tdp, GPA(BASE + MIB(3)), ACCESS_WRITE);
	live_nmi_leave(id);
}

static void test_write_in_harvest(void **state)
{
	(void)state;
	assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), DIRTY_PROTECT, true), 0);
	assert_true(cpu_write(BASE + MIB(3)));
	assert_true(cpu_write(BASE + MIB(5)));
	kicks = 0;
	enter_spare_cpu(nmi_write);
	assert_int_equal(book_harvest(), 1);
	assert_int_equal(kicks, 1);
	assert_int_equal(wrote, TDP_FIXED);
	book_note(BASE + MIB(3), 1);
	assert_int_equal(book_harvest(), 1);
	assert_int_equal(book_harvest(), 0);
}

/* So is one whose dirty bit the CPU sets in the round, by what it still holds or by a walk. */
static void nmi_dirty(u32 id)
{
	unsigned int level;

	if (kicks++ == 0) {
		*cpu_entry(BASE + MIB(3), &level) |= tdp.fmt->dirty;
		guest_mem_written(&fixture_mem, GPA(BASE));
	}
	live_nmi_leave(id);
}

static void test_dirty_in_harvest(void **state)
{
	(void)state;
	assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), DIRTY_BITS, true), 0);
	cpu_read(BASE + MIB(3));
	assert_true(cpu_write(BASE + MIB(5)));
	assert_true(cpu_write(BASE));
	kicks = 0;
	enter_spare_cpu(nmi_dirty);
	assert_int_equal(book_harvest(), 1);
	book_note(BASE + MIB(3), 1);
	book_note(BASE, 1);
	assert_int_equal(book_harvest(), 1);
	assert_int_equal(book_harvest(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_protect_in_harvest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_harvest_in_protect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_in_harvest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dirty_in_harvest, setup, teardown),
	};

	return cmocka_run_group_tests_name("dirty_log_race", tests, NULL, NULL);
}
