/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is concluded from two CPUs' TSCs.
 */
#include "arch/tsc_sync.h"

#include "host.h"

/*
 * Round trips of different lengths, the answer at any place in each, between CPUs that are off
 * apart.
 */
static struct tsc_skew measure(u64 start, u64 off)
{
	struct tsc_skew skew = { 0 };
	u64 state = 7;

	for (u32 i = 0; i < 64; i++) {
		u64 length, place;

		state = state * 6364136223846793005ull + 1442695040888963407ull;
		length = 100 + (state >> 33) % 5000;
		place = (state >> 20) % (length + 1);
		tsc_skew_add(&skew, start, start + off + place, start + length);
		start += 10000;
	}
	assert_int_equal(skew.samples, 64);
	return skew;
}

static void check(u64 start, s64 off)
{
	struct tsc_skew skew = measure(start, (u64)off);
	s64 distance = skew.ticks - off;

	assert_true(skew.error <= 400);
	assert_true(distance <= (s64)skew.error && -distance <= (s64)skew.error);
	if (off == 0)
		assert_false(tsc_skew_is_real(&skew));
	else if (off > 1000 || off < -1000)
		assert_true(tsc_skew_is_real(&skew));
}

static void test_skew(void **state)
{
	static const s64 offsets[] = {
		0, 10, -10, 1001, -1001, 123456789, -123456789, INT64_MAX / 2, INT64_MIN / 2,
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
		check(1000000, offsets[i]);
		/* TSCs that wrap meanwhile, as no real one does. */
		check(UINT64_MAX - 200000, offsets[i]);
		check(0, offsets[i]);
	}
}

/* The shortest exchange counts, wherever it comes. */
static void test_shortest(void **state)
{
	struct tsc_skew skew = { 0 };

	(void)state;
	tsc_skew_add(&skew, 1000, 9000, 2000);
	assert_int_equal(skew.error, 500);
	assert_true(tsc_skew_is_real(&skew));
	tsc_skew_add(&skew, 5000, 5010, 5020);
	assert_int_equal(skew.ticks, 0);
	assert_int_equal(skew.error, 10);
	tsc_skew_add(&skew, 6000, 90000, 7000);
	assert_int_equal(skew.ticks, 0);
	assert_false(tsc_skew_is_real(&skew));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_skew),
		cmocka_unit_test(test_shortest),
	};

	return cmocka_run_group_tests_name("tsc_skew", tests, NULL, NULL);
}
