/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who gets how much of the CPUs, and how soon: the policy of vm/runq.c, under the simulation of
 * runq_fixture.h.
 */
#include "tests/unit/runq_fixture.h"

static void test_equal(void **state)
{
	(void)state;
	for (u32 vm = 0; vm < 3; vm++)
		add(vm, 0, WEIGHT_DEFAULT);
	run(1, 3000);
	for (u32 vm = 0; vm < 3; vm++)
		assert_about(had_ms(vm), 1000, 2);
}

static void test_weights(void **state)
{
	(void)state;
	add(0, 0, 100);
	add(1, 0, 300);
	add(2, 0, 600);
	run(1, 10000);
	assert_about(had_ms(0), 1000, 5);
	assert_about(had_ms(1), 3000, 3);
	assert_about(had_ms(2), 6000, 3);
}

/* The smallest beside the largest still gets its part. */
static void test_extremes(void **state)
{
	struct task *small = add(0, 0, WEIGHT_MIN);

	(void)state;
	for (u32 i = 0; i < 3; i++)
		add(1, 0, WEIGHT_MAX);
	run(1, 60000);
	assert_in_range(small->had, 30 * NS_PER_MS, 200 * NS_PER_MS);
}

/* Four vCPUs that spin have no more of one CPU than one that does. */
static void test_many_vcpus(void **state)
{
	(void)state;
	add(0, 0, WEIGHT_DEFAULT);
	for (u32 i = 0; i < 4; i++)
		add(1, 0, WEIGHT_DEFAULT);
	run(1, 4000);
	assert_about(had_ms(0), 2000, 3);
	assert_about(had_ms(1), 2000, 3);
}

/* On two CPUs one vCPU can have one CPU, and the four of the other VM share the other. */
static void test_many_vcpus_two_cpus(void **state)
{
	(void)state;
	add(0, 0, WEIGHT_DEFAULT);
	for (u32 i = 0; i < 4; i++)
		add(1, (int)i % 2, WEIGHT_DEFAULT);
	run(2, 4000);
	assert_about(had_ms(0), 4000, 10);
	for (u32 i = 1; i < 5; i++)
		assert_about(tasks[i].had / NS_PER_MS, 1000, 20);
}

/* Three on two CPUs: nobody stays with a CPU of its own. */
static void test_three_on_two(void **state)
{
	(void)state;
	for (u32 vm = 0; vm < 3; vm++)
		add(vm, 0, WEIGHT_DEFAULT);
	run(2, 6000);
	for (u32 vm = 0; vm < 3; vm++)
		assert_about(had_ms(vm), 4000, 10);
}

/* By weight as well; moves cost some exactness. */
static void test_weights_two_cpus(void **state)
{
	(void)state;
	add(0, 0, 300);
	add(1, 0, 300);
	add(2, 0, 100);
	run(2, 7000);
	assert_about(had_ms(0), 6000, 10);
	assert_about(had_ms(1), 6000, 10);
	assert_about(had_ms(2), 2000, 40);
}

/* A CPU is never idle while another has more than it can run. */
static void test_no_idle_cpu(void **state)
{
	(void)state;
	for (u32 vm = 0; vm < 5; vm++)
		add(vm, 0, WEIGHT_DEFAULT);
	run(4, 2000);
	assert_about(had_ms(0) + had_ms(1) + had_ms(2) + had_ms(3) + had_ms(4), 8000, 1);
}

/* Who sleeps most of the time runs soon after it wakes up, beside many that never do. */
static void test_sleeper(void **state)
{
	struct task *sleeper = add(0, 0, WEIGHT_DEFAULT);

	(void)state;
	sleeper->run_ns = 200000;
	sleeper->sleep_ns = 20 * NS_PER_MS;
	for (u32 vm = 1; vm < 9; vm++)
		add(vm, 0, WEIGHT_DEFAULT);
	run(1, 1000); /* the first second is not like the others: all begin at once */
	run(1, 5000);
	assert_in_range(sleeper->late, 0, 2 * NS_PER_MS);
	assert_in_range(had_ms(0), 40, 60);
}

/* Sleeping saves up no credit: after ten seconds it has no more than its part. */
static void test_no_credit(void **state)
{
	struct task *late = add(0, 0, WEIGHT_DEFAULT);

	(void)state;
	late->run_ns = 1;
	late->sleep_ns = 10 * NS_PER_SEC;
	add(1, 0, WEIGHT_DEFAULT);
	run(1, 9990);
	late->run_ns = 0;
	run(1, 1010);
	assert_about(had_ms(0), 505, 5);
}

/* Nor does sleeping for a moment before the turn is over. */
static void test_cheat(void **state)
{
	struct task *cheat = add(0, 0, WEIGHT_DEFAULT);

	(void)state;
	cheat->run_ns = TURN_NS - STEP_NS;
	cheat->sleep_ns = STEP_NS;
	add(1, 0, WEIGHT_DEFAULT);
	run(1, 4000);
	assert_in_range(had_ms(0), 1600, 2080);
}

/* Nor do vCPUs of one VM that run by turns, so that always one of them has slept. */
static void test_relay(void **state)
{
	(void)state;
	add(0, 0, WEIGHT_DEFAULT);
	for (u32 i = 0; i < 4; i++) {
		struct task *task = add(1, 0, WEIGHT_DEFAULT);

		task->run_ns = 4 * STEP_NS;
		task->sleep_ns = 12 * STEP_NS;
	}
	run(1, 4000);
	assert_in_range(had_ms(0), 1950, 2600);
}

static void test_pinned(void **state)
{
	(void)state;
	add(0, 0, WEIGHT_DEFAULT)->pinned = true;
	add(1, 0, WEIGHT_DEFAULT)->pinned = true;
	run(2, 1000);
	assert_about(had_ms(0), 500, 5);
	assert_about(had_ms(1), 500, 5);
	assert_int_equal(tasks[0].cpu, 0);
	assert_int_equal(tasks[1].cpu, 0);
}

/* Used time wraps after weeks. */
static void test_wrap(void **state)
{
	(void)state;
	sim[0].runq.floor = UINT64_MAX - 20 * NS_PER_MS;
	add(0, 0, WEIGHT_DEFAULT);
	add(1, 0, WEIGHT_DEFAULT);
	run(1, 1000);
	assert_about(had_ms(0), 500, 5);
}

static void test_yield(void **state)
{
	struct runq *runq = &sim[0].runq;
	struct task *a = add(0, 0, WEIGHT_DEFAULT), *b = add(1, 0, WEIGHT_DEFAULT);

	(void)state;
	a->share.used = 100;
	runq_put(runq, &a->share, now);
	runq_yield(runq, &b->share);
	runq_put(runq, &b->share, now);
	assert_ptr_equal(runq_first(runq), &a->share);
	runq_take(runq, &a->share, now);
	assert_ptr_equal(runq_first(runq), &b->share);
}

/* Anything goes: all CPUs busy if there is work, and everybody has some of it. */
static void test_random(void **state)
{
	(void)state;
	for (u32 seed = 1; seed <= 40; seed++) {
		setup(NULL);
		srand(seed);
		for (u32 i = 0; i < 20; i++) {
			struct task *task = add((u32)rand() % 6, rand() % 4,
						1 + (u32)rand() % WEIGHT_MAX);

			task->run_ns = rand() % 2 ? 0 : (u64)rand() % (20 * NS_PER_MS) + 1;
			task->sleep_ns = (u64)rand() % (50 * NS_PER_MS);
			task->pinned = rand() % 4 == 0;
		}
		run(4, 4000);
		for (u32 i = 0; i < task_count; i++) {
			if (!tasks[i].had)
				fail_msg("seed %u: %u starves", seed, i);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_equal, setup),
		cmocka_unit_test_setup(test_weights, setup),
		cmocka_unit_test_setup(test_extremes, setup),
		cmocka_unit_test_setup(test_many_vcpus, setup),
		cmocka_unit_test_setup(test_many_vcpus_two_cpus, setup),
		cmocka_unit_test_setup(test_three_on_two, setup),
		cmocka_unit_test_setup(test_weights_two_cpus, setup),
		cmocka_unit_test_setup(test_no_idle_cpu, setup),
		cmocka_unit_test_setup(test_sleeper, setup),
		cmocka_unit_test_setup(test_no_credit, setup),
		cmocka_unit_test_setup(test_cheat, setup),
		cmocka_unit_test_setup(test_relay, setup),
		cmocka_unit_test_setup(test_pinned, setup),
		cmocka_unit_test_setup(test_wrap, setup),
		cmocka_unit_test_setup(test_yield, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests_name("runq", tests, NULL, NULL);
}
