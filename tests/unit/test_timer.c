/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer queue: order, cancelling and arming from inside of timer functions, no endless
 * runs, and random use against an unsorted array.
 */
#include "dev_fixture.h"

#include <string.h>

#define TIMERS 12u

static struct timer_queue queue;
static struct timer timers[TIMERS];
static unsigned int order[64], ran;

static unsigned int index_of(const struct timer *timer)
{
	return (unsigned int)(timer - timers);
}

static void record(struct timer *timer)
{
	assert_false(timer_armed(timer));
	order[ran++ % ARRAY_SIZE(order)] = index_of(timer);
}

static void reset(void (*fn)(struct timer *))
{
	ran = 0;
	timer_queue_init(&queue);
	for (unsigned int i = 0; i < TIMERS; i++)
		timer_init(&timers[i], &queue, fn);
}

static void test_order(void **state)
{
	static const unsigned int expected[] = { 2, 1, 3, 0 };

	(void)state;
	reset(record);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	timer_queue_run(&queue, TIMER_NEVER - 1);
	timer_arm(&timers[0], 100);
	timer_arm(&timers[1], 50);
	timer_arm(&timers[2], 10);
	timer_arm(&timers[3], 50);
	assert_int_equal(timer_queue_next(&queue), 10);
	timer_queue_run(&queue, 9);
	assert_int_equal(ran, 0);
	timer_queue_run(&queue, 50);
	assert_int_equal(ran, 3);
	assert_int_equal(timer_queue_next(&queue), 100);
	assert_true(timer_armed(&timers[0]));
	timer_queue_run(&queue, 1000);
	assert_int_equal(ran, 4);
	assert_memory_equal(order, expected, sizeof(expected));
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

static void test_move_and_cancel(void **state)
{
	(void)state;
	reset(record);
	timer_arm(&timers[0], 10);
	timer_arm(&timers[0], 30);
	assert_int_equal(timer_queue_next(&queue), 30);
	timer_arm(&timers[1], 20);
	timer_cancel(&timers[1]);
	timer_cancel(&timers[1]);
	assert_false(timer_armed(&timers[1]));
	assert_int_equal(timer_queue_next(&queue), 30);
	timer_queue_run(&queue, 30);
	assert_int_equal(ran, 1);
}

static void again_in_the_past(struct timer *timer)
{
	record(timer);
	timer_arm(timer, 0);
}

/* Neither an endless run, nor does one such timer keep others from running. */
static void test_rearm_in_the_past(void **state)
{
	(void)state;
	reset(again_in_the_past);
	timer_arm(&timers[0], 5);
	timer_arm(&timers[1], 6);
	for (unsigned int i = 1; i < 5; i++) {
		timer_queue_run(&queue, 10);
		assert_int_equal(ran, 2 * i);
		assert_int_not_equal(order[2 * i - 1], order[2 * i - 2]);
		assert_int_equal(timer_queue_next(&queue), 0);
	}
}

/* The first cancels the second, which has expired too, and moves the third. */
static void meddle(struct timer *timer)
{
	record(timer);
	if (index_of(timer) != 0)
		return;
	assert_true(timer_armed(&timers[1]));
	timer_cancel(&timers[1]);
	timer_arm(&timers[2], 100);
}

static void test_meddling(void **state)
{
	(void)state;
	reset(meddle);
	for (unsigned int i = 0; i < 4; i++)
		timer_arm(&timers[i], i);
	timer_queue_run(&queue, 50);
	assert_int_equal(ran, 2);
	assert_int_equal(order[1], 3);
	assert_int_equal(timer_queue_next(&queue), 100);
	timer_queue_run(&queue, 100);
	assert_int_equal(order[2], 2);
}

static u64 model[TIMERS], model_now;

static void check_model(struct timer *timer)
{
	record(timer);
	assert_true(model[index_of(timer)] <= model_now);
	for (unsigned int i = 0; i < TIMERS; i++)
		assert_true(model[i] >= model[index_of(timer)]);
	model[index_of(timer)] = TIMER_NEVER;
}

static void test_against_model(void **state)
{
	u64 random = 99;

	(void)state;
	reset(check_model);
	memset(model, 0xff, sizeof(model));
	for (unsigned int i = 0; i < 100000; i++) {
		unsigned int which = (unsigned int)(test_random(&random) % TIMERS);
		u64 earliest = TIMER_NEVER;

		switch (test_random(&random) % 4) {
		case 0:
			timer_cancel(&timers[which]);
			model[which] = TIMER_NEVER;
			break;
		case 1:
			model_now += test_random(&random) % 64;
			timer_queue_run(&queue, model_now);
			break;
		default:
			model[which] = model_now + test_random(&random) % 256;
			timer_arm(&timers[which], model[which]);
			break;
		}
		for (unsigned int j = 0; j < TIMERS; j++) {
			earliest = MIN(earliest, model[j]);
			assert_int_equal(timer_armed(&timers[j]), model[j] != TIMER_NEVER);
		}
		assert_true(timer_queue_next(&queue) == earliest);
	}
	assert_true(ran > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_move_and_cancel),
		cmocka_unit_test(test_rearm_in_the_past),
		cmocka_unit_test(test_meddling),
		cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
