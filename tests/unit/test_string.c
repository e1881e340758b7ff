/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's memory and string functions against the host's C library. They are compiled
 * in under other names: the host's must stay what everything else in the process calls.
 */
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define memcpy sill_memcpy
#define memset sill_memset
#define memmove sill_memmove
#define memcmp sill_memcmp
#define strlen sill_strlen
#define strnlen sill_strnlen
#define strcmp sill_strcmp
#define strncmp sill_strncmp
#define strchr sill_strchr
#define strlcpy sill_strlcpy
#include "lib/string.c"
#include "lib/strlcpy.c"
#undef memcpy
#undef memset
#undef memmove
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strlcpy

#include "tests/unit/mutate.h"

#define SIZE 128u

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void fill(u8 *data)
{
	for (u32 i = 0; i < SIZE; i++)
		data[i] = (u8)(i * 7 + 3);
}

static void test_copy_and_move(void **state)
{
	struct mutator m = { .state = 1 };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t from = mutator_below(&m, SIZE), to = mutator_below(&m, SIZE);
		size_t len = mutator_below(&m, SIZE - MAX(from, to) + 1);
		u8 got[SIZE], want[SIZE], source[SIZE];

		fill(got);
		fill(want);
		memmove(want + to, want + from, len);
		assert_ptr_equal(sill_memmove(got + to, got + from, len), got + to);
		assert_memory_equal(got, want, SIZE);

		fill(got);
		fill(want);
		memset(source, 0x55, SIZE);
		memcpy(want + to, source, len);
		assert_ptr_equal(sill_memcpy(got + to, source, len), got + to);
		assert_memory_equal(got, want, SIZE);
	}
}

static void test_set(void **state)
{
	u8 got[SIZE], want[SIZE];

	(void)state;
	for (size_t len = 0; len < SIZE - 1; len++) {
		fill(got);
		fill(want);
		memset(want + 1, (int)len + 0x100, len);
		assert_ptr_equal(sill_memset(got + 1, (int)len + 0x100, len), got + 1);
		assert_memory_equal(got, want, SIZE);
	}
}

static void test_compare(void **state)
{
	struct mutator m = { .state = 2 };

	(void)state;
	for (int i = 0; i < 50000; i++) {
		size_t len = mutator_below(&m, 12);
		char a[12], b[12];

		for (size_t j = 0; j < sizeof(a); j++) {
			/* Few values, for long common beginnings; one has the sign bit. */
			a[j] = (char)("\0a\xff"[mutator_below(&m, 3)]);
			b[j] = mutator_below(&m, 4) ? a[j] : 'b';
		}
		assert_int_equal(sign(sill_memcmp(a, b, len)), sign(memcmp(a, b, len)));
		assert_int_equal(sign(sill_strncmp(a, b, len)), sign(strncmp(a, b, len)));
		assert_int_equal(sill_strnlen(a, len), strnlen(a, len));
		a[11] = b[11] = '\0';
		assert_int_equal(sign(sill_strcmp(a, b)), sign(strcmp(a, b)));
		assert_int_equal(sill_strlen(a), strlen(a));
		assert_ptr_equal(sill_strchr(a, 'b'), strchr(a, 'b'));
		assert_ptr_equal(sill_strchr(a, 0xff), strchr(a, 0xff));
		assert_ptr_equal(sill_strchr(a, '\0'), strchr(a, '\0'));
	}
}

/* In memory of exactly their size, so that a byte too far is an error. */
static void test_bounds(void **state)
{
	char *text = malloc(4), *other = malloc(4);

	(void)state;
	memcpy(text, "abcd", 4);
	memcpy(other, "abcd", 4);
	assert_int_equal(sill_strnlen(text, 4), 4);
	assert_int_equal(sill_strncmp(text, other, 4), 0);
	assert_int_equal(sill_memcmp(text, other, 4), 0);
	assert_int_equal(sill_memcmp(text, other, 0), 0);
	free(text);
	free(other);
}

static void test_strlcpy(void **state)
{
	char buf[8];

	(void)state;
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(sill_strlcpy(buf, "abc", 8), 3);
	assert_memory_equal(buf, "abc\0xxxx", 8);
	assert_int_equal(sill_strlcpy(buf, "defgh", 4), 5);
	assert_memory_equal(buf, "def\0xxxx", 8);
	assert_int_equal(sill_strlcpy(buf, "ijk", 4), 3);
	assert_string_equal(buf, "ijk");
	assert_int_equal(sill_strlcpy(buf, "lm", 1), 2);
	assert_memory_equal(buf, "\0jk\0xxxx", 8);
	assert_int_equal(sill_strlcpy(buf, "nop", 0), 3);
	assert_memory_equal(buf, "\0jk\0xxxx", 8);
	assert_int_equal(sill_strlcpy(buf, "", 8), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_and_move), cmocka_unit_test(test_set),
		cmocka_unit_test(test_compare),       cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_strlcpy),
	};

	return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
