/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMU's test of record: see doc/oracle.md. Random programs by seed, and directed ones
 * with all schedules of a few preemptions. Environment: ORACLE_SEED, ORACLE_RUNS,
 * ORACLE_PREEMPTIONS, ORACLE_ONLY (a pattern: run the tests that match), ORACLE_STOP.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "directed.h"
#include "dirty.h"
#include "run.h"

#define SEED 1u
#define RUNS 20000u

static struct program program;

static u64 setting(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* With ORACLE_STOP no more is wanted than to know that something fails, and what. */
static void fail_program(void)
{
	if (getenv("ORACLE_STOP")) {
		printf("# %s: %s\n", outcome.name, outcome.text);
		exit(1);
	}
	program_shrink(&program);
	program_print(&program);
	fail_msg("%s", outcome.name);
}

static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void test_random(void **state)
{
	u64 seed = setting("ORACLE_SEED", SEED);
	u64 runs = setting("ORACLE_RUNS", RUNS);
	double start = cpu_seconds();

	(void)state;
	memset(&run_totals, 0, sizeof(run_totals));
	printf("# ORACLE_SEED=%lu ORACLE_RUNS=%lu\n", seed, runs);
	for (u64 i = 0; i < runs; i++) {
		program_random(&program, seed + i);
		if (!program_run(&program))
			fail_program();
	}
	printf("# %lu operations in %lu programs, %lu steps: %.1f million per CPU-minute\n",
	       run_totals.ops, run_totals.runs, run_totals.steps,
	       (double)run_totals.ops * 60e-6 / (cpu_seconds() - start));
}

static void test_directed(void **state)
{
	const struct directed *directed = *state;
	u64 preemptions = setting("ORACLE_PREEMPTIONS", directed->preemptions);
	double start = cpu_seconds();

	memset(&run_totals, 0, sizeof(run_totals));
	for (u32 variant = 0; variant < 4; variant++) {
		directed->make(&program);
		program.schedule.drain = variant & 1 ? DRAIN_LATE : DRAIN_AT_ONCE;
		program.world.fmt = variant & 2 ? &spte_format_ept : &spte_format_npt;
		if (!program_explore(&program, (u32)preemptions))
			fail_program();
	}
	printf("# %s: %lu schedules of up to %lu preemptions, %.1f s\n", directed->name,
	       run_totals.runs, preemptions, cpu_seconds() - start);
}

/* Does the book about dirty pages itself tell right from wrong? t is the clock's time. */
static void write_at(u64 t)
{
	sched.clock = t;
	dirty_written(0, POSITION_GFN(0) + 5);
}

static void harvest(u64 begin, u64 end, bool reports)
{
	struct dirty_harvest harvest;

	sched.clock = begin;
	dirty_harvest_begin(&harvest, 0, POSITION_GFN(0), POSITION_GFN(0) + 512);
	sched.clock = end;
	if (reports)
		dirty_harvest_report(&harvest, POSITION_GFN(0) + 5);
	dirty_harvest_end(&harvest);
}

static void dirty_start(void)
{
	dirty_reset();
	dirty_log(0, POSITION_GFN(0), true);
	write_at(10);
	harvest(20, 30, true);
	harvest(40, 50, false);
}

static void dirty_right(void)
{
	dirty_start();
	/* During a harvest: left to the next one, or reported by both. */
	write_at(65);
	harvest(60, 70, false);
	harvest(80, 90, true);
	write_at(105);
	harvest(100, 110, true);
	harvest(120, 130, true);
}

static void dirty_lost(void)
{
	dirty_start();
	write_at(60);
	harvest(70, 80, false);
}

static void dirty_twice(void)
{
	dirty_start();
	harvest(60, 70, true);
}

static void dirty_off(void)
{
	dirty_start();
	write_at(60);
	dirty_log(0, POSITION_GFN(0), false);
	write_at(65);
	harvest(70, 80, false);
}

static void test_dirty(void **state)
{
	(void)state;
	assert_true(sched_call(dirty_right));
	assert_true(sched_call(dirty_off));
	assert_false(sched_call(dirty_lost));
	assert_string_equal(outcome.name, "LOST_DIRTY");
	assert_false(sched_call(dirty_twice));
	assert_string_equal(outcome.name, "DOUBLE_DIRTY");
}

int main(void)
{
	struct CMUnitTest tests[56];
	size_t count = 0;

	for (const struct directed *at = directed_programs; at->name; at++)
		tests[count++] = (struct CMUnitTest){
			.name = at->name,
			.test_func = test_directed,
			.initial_state = (void *)(uintptr_t)at,
		};
	tests[count++] = (struct CMUnitTest){ .name = "dirty pages", .test_func = test_dirty };
	tests[count++] = (struct CMUnitTest){ .name = "random", .test_func = test_random };
	if (getenv("ORACLE_ONLY"))
		cmocka_set_test_filter(getenv("ORACLE_ONLY"));
	/* The function behind cmocka's macro, which wants an array of a constant size. */
	return _cmocka_run_group_tests("oracle", tests, count, NULL, NULL);
}
