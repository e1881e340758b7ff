/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text against the host's C library, and where ours means something else.
 */
#include "lib/printf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "tests/unit/mutate.h"

#define check_same(...)                                                     \
	do {                                                                \
		char got[256], want[256];                                   \
		size_t got_len = str_printf(got, sizeof(got), __VA_ARGS__); \
		int want_len = snprintf(want, sizeof(want), __VA_ARGS__);   \
		assert_string_equal(got, want);                             \
		assert_int_equal(got_len, want_len);                        \
	} while (0)

static void test_directed(void **state)
{
	(void)state;
	check_same("plain");
	check_same("%d %i %u %x %X %c %s %%", -1, 42, 7u, 0xabcu, 0xabcu, 'q', "text");
	check_same("%ld %lld %zu %lx %llX", LONG_MIN, LLONG_MAX, SIZE_MAX, ULONG_MAX, ~0ull);
	check_same("%d %d %u", INT_MIN, INT_MAX, UINT_MAX);
	check_same("%hhd %hhu %hd %hu %hhx", (s8)-1, (u8)255, (s16)-2, (u16)65535, (u8)0xab);
	check_same("[%5d][%-5d][%05d][%5s][%-5s][%3c][%-3c]", 42, 42, -42, "ab", "ab", 'x', 'x');
	check_same("[%.3d][%8.3d][%-8.3d][%.0d]", 7, -7, 7, 0);
	check_same("[%*d][%-*d][%*d][%.*d]", 6, 1, 6, 2, -6, 3, 4, 5);
	check_same("[%.2s][%.*s][%.*s][%8.2s]", "abcdef", 3, "abcdef", -1, "abcdef", "abcdef");
	check_same("%#x %#X %#x %#10x %#010x %#lx", 0xabu, 0xabu, 0u, 0xabu, 0xabu, ~0ul);
	check_same("%+d %+d % d % d", 5, -5, 5, -5);
	check_same("%016lx:%08x", 0x123456789ul, 0xfu);
	check_same("%p", (void *)(uintptr_t)0xffff800000001000ull);
}

/* Formats made of random pieces, and random values. */
static void test_random_integers(void **state)
{
	static const char *const flags[] = { "", "-", "0", "+", " ", "#", "-0", "+0", "+ ", " -" };
	static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z" };
	struct mutator m = { .state = 3 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		u64 value = mutator_next(&m) << 8 >> mutator_below(&m, 64);
		const char *length = lengths[mutator_below(&m, ARRAY_SIZE(lengths))];
		char letter = "diuxX"[mutator_below(&m, 5)];
		char fmt[64], precision[8] = "", width[8] = "";

		if (mutator_below(&m, 2))
			snprintf(width, sizeof(width), "%d", (int)mutator_below(&m, 30));
		if (mutator_below(&m, 2))
			snprintf(precision, sizeof(precision), ".%d", (int)mutator_below(&m, 30));
		snprintf(fmt, sizeof(fmt), "<%%%s%s%s%s%c>",
			 flags[mutator_below(&m, ARRAY_SIZE(flags))], width[0] == '0' ? "" : width,
			 precision, length, letter);
		if (length[0] == 'l' || length[0] == 'z')
			check_same(fmt, value);
		else
			check_same(fmt, (unsigned int)value);
	}
}

static void test_too_long(void **state)
{
	char *buf = malloc(4); /* of exactly this size, so that a byte too far is an error */

	(void)state;
	assert_int_equal(str_printf(buf, 4, "%s", "abcdefgh"), 8);
	assert_string_equal(buf, "abc");
	assert_int_equal(str_printf(buf, 4, "abc"), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(str_printf(buf, 1, "%d", 12345), 5);
	assert_string_equal(buf, "");
	buf[0] = 'x';
	assert_int_equal(str_printf(buf, 0, "%d", 12345), 5);
	assert_int_equal(buf[0], 'x');
	assert_int_equal(str_printf(NULL, 0, "%30d", 1), 30);
	free(buf);
}

static void test_strings_without_end(void **state)
{
	char *text = malloc(3);
	char buf[32];

	(void)state;
	memcpy(text, "abc", 3);
	assert_int_equal(str_printf(buf, sizeof(buf), "%.3s|%.*s", text, 2, text), 6);
	assert_string_equal(buf, "abc|ab");
	free(text);
}

static void test_our_own(void **state)
{
	const char *unknown = "%d %y %5q %";
	const char *volatile null = NULL; /* or else the compiler objects to what we test */
	char buf[64];

	(void)state;
	assert_int_equal(str_printf(buf, sizeof(buf), "%s|%10s", null, null), 17);
	assert_string_equal(buf, "(null)|    (null)");
	assert_int_equal(str_printf(buf, sizeof(buf), "%.0s", null), 0);
	str_printf(buf, sizeof(buf), "%p", NULL);
	assert_string_equal(buf, "0x0");
	str_printf(buf, sizeof(buf), unknown, 1);
	assert_string_equal(buf, "1 %y %5q %");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directed), cmocka_unit_test(test_random_integers),
		cmocka_unit_test(test_too_long), cmocka_unit_test(test_strings_without_end),
		cmocka_unit_test(test_our_own),
	};

	return cmocka_run_group_tests_name("printf", tests, NULL, NULL);
}
