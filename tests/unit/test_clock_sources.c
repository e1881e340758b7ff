/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TSC's frequency as the CPU tells it.
 */
#include "arch/clock_sources.h"

#include "host.h"

static u64 hz(u32 eax, u32 ebx, u32 ecx)
{
	const struct cpuid leaf15 = { .eax = eax, .ebx = ebx, .ecx = ecx };

	return clock_cpuid_hz(&leaf15);
}

static void test_complete(void **state)
{
	(void)state;
	assert_int_equal(hz(2, 216, 24000000), 2592000000);
	assert_int_equal(hz(2, 250, 38400000), 4800000000);
	assert_int_equal(hz(1, 1, 100000000), 100000000);
}

static void test_incomplete(void **state)
{
	(void)state;
	assert_int_equal(hz(0, 0, 0), 0);
	assert_int_equal(hz(2, 216, 0), 0);
	assert_int_equal(hz(2, 0, 24000000), 0);
	assert_int_equal(hz(0, 216, 24000000), 0);
}

static void test_nonsense(void **state)
{
	(void)state;
	assert_int_equal(hz(1, 0xffffffff, 0xffffffff), 0);
	assert_int_equal(hz(0xffffffff, 1, 24000000), 0);
	assert_int_equal(hz(1, 1, 99999999), 0);
	assert_int_equal(hz(1, 201, 100000000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests_name("clock_sources", tests, NULL, NULL);
}
