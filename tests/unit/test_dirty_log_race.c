/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What other CPUs do in the middle of a round of a harvest, or of a zap of what is logged, when
 * entries are changed already and the CPU that has written may still write by its old translations;
 * and for whom a harvest waits.
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

static void take(void)
{
	memset(book.seen, 0, sizeof(book.seen));
	assert_int_equal(dirty_log_harvest(&tdp, live_gfn(BASE), book_see, &book), 0);
}

/* A harvest begins, and there is time enough for it to end, would it not wait. */
static void start_harvest(void)
{
	returned = false;
	assert_int_equal(pthread_create(&thread, NULL, late_thread, (void *)take), 0);
	for (u32 i = 0; i < 1000 && !atomic_load(&returned); i++)
		sched_yield();
}

/* All that was noted before the harvest's end is in it. */
static void check_harvested(u64 gpa)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(early);
	book_note(gpa, 1);
	assert_memory_equal(book.seen, book.dirty, sizeof(book.seen));
}

/* A fault has let the CPU write, and is about to say so in the log. */
static void test_harvest_waits_for_faults(void **state)
{
	u64 gpa = BASE + MIB(3);
	struct tdp_entry entry;

	(void)state;
	assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), DIRTY_PROTECT, true), 0);
	cpu_read(gpa);
	tlb_walk_begin(&tdp.tlb);
	entry = tdp_entry_lowest(tdp.fmt, tdp_entry_root(&tdp, live_gfn(gpa)));
	assert_true(tdp_spte_set(&tdp, &entry, entry.spte | tdp.fmt->write));
	start_harvest();
	dirty_log_mark(live_slot(gpa), live_gfn(gpa));
	early = atomic_load(&returned);
	tlb_walk_end();
	check_harvested(gpa);
	assert_false(spte_access(tdp.fmt, walk_end(gpa).spte) & ACCESS_WRITE);
}

/* A CPU has a page in its list, which comes into the log when it handles its exit. */
static void test_harvest_waits_for_lists(void **state)
{
	struct tdp_config config = {
		.fmt = &spte_format_ept, .max_leaf_level = LEVEL_2M, .hw_ad = true, .pml = true
	};
	u64 gpa = BASE + MIB(3);

	(void)state;
	live_end();
	live_start_with(&config, MIB(64), 48);
	assert_int_equal(add(BASE, LEN), 0);
	assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), DIRTY_PML, true), 0);
	cpus[HOST_SPARE_CPU]->space = &tdp.tlb;
	start_harvest();
	dirty_log_mark(live_slot(gpa), live_gfn(gpa));
	early = atomic_load(&returned);
	/* Again and again: the harvest may have begun only now. */
	while (!atomic_load(&returned)) {
		atomic_fetch_add(&cpus[HOST_SPARE_CPU]->entries, 1u);
		sched_yield();
	}
	check_harvested(gpa);
}

static void stop(void)
{
	assert_int_equal(dirty_log_stop(&tdp, live_gfn(BASE)), 0);
}

/* The zap goes on to take notes after its round: the log that it may look at has to wait. */
static void nmi_stop(u32 id)
{
	live_nmi_leave(id);
	if (kicks++)
		return;
	/* Nobody handles an exit, so that is not what keeps it. */
	cpus[HOST_SPARE_CPU]->space = NULL;
	assert_int_equal(pthread_create(&thread, NULL, late_thread, (void *)stop), 0);
	while (live_slot(BASE)->log)
		sched_yield();
	for (u32 i = 0; i < 1000 && !atomic_load(&returned); i++)
		sched_yield();
	early = atomic_load(&returned);
}

static void test_stop_in_zap(void **state)
{
	(void)state;
	assert_int_equal(dirty_log_start(&tdp, live_gfn(BASE), DIRTY_BITS, true), 0);
	assert_true(cpu_write(BASE + MIB(3)));
	kicks = 0;
	returned = early = false;
	enter_spare_cpu(nmi_stop);
	zap(BASE, BASE + LEN);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(kicks);
	assert_false(early);
	assert_true(returned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_protect_in_harvest, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_harvest_in_protect, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_write_in_harvest, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_dirty_in_harvest, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_harvest_waits_for_faults, setup,
						live_teardown),
		cmocka_unit_test_setup_teardown(test_harvest_waits_for_lists, setup, live_teardown),
		cmocka_unit_test_setup_teardown(test_stop_in_zap, setup, live_teardown),
	};

	return cmocka_run_group_tests_name("dirty_log_race", tests, NULL, NULL);
}
