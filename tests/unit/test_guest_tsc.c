/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's scaled TSC: what the CPU's multiplication gives, how long until it has come to a value, and
 * that neither overflows.
 */
#include "host.h"
#include "vm/config.h"
#include "vm/guest_tsc.h"

#define HOST_KHZ 2596137u
#define MOST (~0ull)

static struct guest_tsc tsc;

static void test_unscaled(void **state)
{
	(void)state;
	guest_tsc_init(&tsc, HOST_KHZ, 0);
	assert_int_equal(tsc.khz, HOST_KHZ);
	assert_int_equal(tsc.ratio, TSC_RATIO_ONE);
	assert_false(tsc.scaled);
	assert_true(guest_tsc_at(&tsc, MOST) == MOST);
	assert_true(guest_tsc_until(&tsc, MOST) == MOST);
	guest_tsc_init(&tsc, HOST_KHZ, HOST_KHZ);
	assert_false(tsc.scaled);
	guest_tsc_init(&tsc, HOST_KHZ, HOST_KHZ + 1);
	assert_true(tsc.scaled);
}

static void test_rates(void **state)
{
	static const u32 rates[] = { VM_TSC_KHZ_MIN, 1000000, HOST_KHZ - 1, HOST_KHZ * 2,
				     VM_TSC_KHZ_MAX };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		const u64 hour = 3600ull * 1000 * HOST_KHZ;
		s64 off;

		guest_tsc_init(&tsc, HOST_KHZ, rates[i]);
		assert_int_equal(tsc.khz, rates[i]);
		assert_int_equal(tsc.ratio & 0xffff, 0);
		/* To what 32 fraction bits can tell apart. */
		off = (s64)(guest_tsc_at(&tsc, hour) - 3600ull * 1000 * rates[i]);
		assert_in_range(-off, 0, (hour >> 32) + 1);
		assert_true(guest_tsc_at(&tsc, -hour) == -guest_tsc_at(&tsc, hour));
	}
}

/* Never too early, and not much too late. */
static void test_until(void **state)
{
	static const u32 rates[] = { VM_TSC_KHZ_MIN, HOST_KHZ + 1, VM_TSC_KHZ_MAX };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		guest_tsc_init(&tsc, HOST_KHZ, rates[i]);
		for (u64 ticks = 1; ticks < 1ull << 50; ticks = ticks * 3 + 1) {
			u64 host = guest_tsc_until(&tsc, ticks), most;

			assert_true(guest_tsc_at(&tsc, host) >= ticks);
			most = host - host / (1u << 24) - 1;
			assert_true(guest_tsc_at(&tsc, most) <= ticks);
		}
	}
}

static void test_extremes(void **state)
{
	(void)state;
	guest_tsc_init(&tsc, HOST_KHZ, VM_TSC_KHZ_MIN);
	assert_true(guest_tsc_until(&tsc, MOST) == MOST);
	assert_true(guest_tsc_until(&tsc, MOST / 260) < MOST);
	assert_true(guest_tsc_until(&tsc, 0) == 0);
	guest_tsc_init(&tsc, 10000000, VM_TSC_KHZ_MIN);
	assert_true(guest_tsc_at(&tsc, guest_tsc_until(&tsc, 1ull << 40)) >= 1ull << 40);
	guest_tsc_init(&tsc, 400000, VM_TSC_KHZ_MAX);
	assert_int_equal(tsc.ratio >> TSC_RATIO_SHIFT, 50);
	assert_true(guest_tsc_until(&tsc, MOST) < MOST / 49);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unscaled),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_until),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests_name("guest_tsc", tests, NULL, NULL);
}
