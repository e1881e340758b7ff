/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time to ticks and back, for the clocks that devices have.
 */
#include "dev_fixture.h"

#include "dev/ticks.h"

#define PIT_HZ 1193182u

static void test_round_trip(void **state)
{
	u64 random = 3;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		u64 tick = test_random(&random) >> (16 + random % 40);
		u64 ns = ticks_to_ns(tick, PIT_HZ);

		assert_true(ns_to_ticks(ns, PIT_HZ) == tick);
		assert_true(ns == 0 || ns_to_ticks(ns - 1, PIT_HZ) == tick - 1);
	}
	assert_int_equal(ns_to_ticks(3600 * NS_PER_SEC, PIT_HZ), 3600ull * PIT_HZ);
	assert_true(ns_to_ticks(~0ull, PIT_HZ) > 0);
}

static void test_skew(void **state)
{
	(void)state;
	assert_int_equal(ticks_since(10, 3), 7);
	assert_int_equal(ticks_since(3, 10), 0);
	assert_int_equal(ticks_since(5, -5ull), 10); /* started before time 0 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_skew),
	};

	return cmocka_run_group_tests_name("ticks", tests, NULL, NULL);
}
