/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Views of untrusted bytes: nothing outside of them is read, whatever offset is asked for.
 */
#include "lib/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "lib/checksum.h"

static struct bytes view;

/* Ten bytes in memory of exactly that size, so that a byte too far is an error. */
static int setup(void **state)
{
	u8 *data = malloc(10);

	(void)state;
	memcpy(data, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\xf0", 10);
	view = (struct bytes){ .data = data, .len = 10 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free((void *)(uintptr_t)view.data);
	return 0;
}

static void test_has(void **state)
{
	(void)state;
	assert_true(bytes_has(view, 0, 10));
	assert_true(bytes_has(view, 10, 0));
	assert_true(bytes_has(view, 9, 1));
	assert_false(bytes_has(view, 0, 11));
	assert_false(bytes_has(view, 10, 1));
	assert_false(bytes_has(view, 11, 0));
	assert_false(bytes_has(view, 1, UINT64_MAX));
	assert_false(bytes_has(view, UINT64_MAX, 1));
	assert_false(bytes_has(view, UINT64_MAX, UINT64_MAX));
	assert_false(bytes_has(view, UINT64_MAX - 3, 8));
}

static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(bytes_u8(view, 9), 0xf0);
	assert_int_equal(bytes_u8(view, 10), 0);
	assert_int_equal(bytes_u16(view, 8), 0xf009);
	assert_int_equal(bytes_u16(view, 9), 0);
	assert_int_equal(bytes_u32(view, 1), 0x05040302);
	assert_int_equal(bytes_u32(view, 7), 0);
	assert_int_equal(bytes_u64(view, 2), 0xf009080706050403);
	assert_int_equal(bytes_u64(view, 3), 0);
	assert_int_equal(bytes_u64(view, UINT64_MAX - 3), 0);
	assert_int_equal(bytes_get(view, 7, 3), 0xf00908);
}

static void test_slice(void **state)
{
	struct bytes slice = bytes_slice(view, 2, 4);

	(void)state;
	assert_int_equal(slice.len, 4);
	assert_int_equal(bytes_u32(slice, 0), 0x06050403);
	assert_int_equal(bytes_u32(slice, 1), 0);
	assert_int_equal(bytes_slice(view, 10, 0).len, 0);
	assert_int_equal(bytes_slice(view, 2, 9).len, 0);
	assert_int_equal(bytes_slice(view, UINT64_MAX, 2).len, 0);
}

static void test_checksum(void **state)
{
	(void)state;
	assert_int_equal(checksum_bytes(view.data, 0), 0);
	assert_int_equal(checksum_bytes(view.data, 9), 45);
	assert_int_equal(checksum_bytes(view.data, 10), (45 + 0xf0) & 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_slice),
		cmocka_unit_test(test_checksum),
	};

	return cmocka_run_group_tests_name("bytes", tests, setup, teardown);
}
