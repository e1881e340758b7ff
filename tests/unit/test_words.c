/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Splitting command lines into words, and the kinds of values.
 */
#include "lib/words.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "lib/err.h"
#include "tests/unit/mutate.h"

static struct span span(const char *text)
{
	return (struct span){ .ptr = text, .len = strlen(text) };
}

#define assert_span(got, want)                                         \
	do {                                                           \
		struct span _got = (got);                              \
		assert_int_equal(_got.len, strlen(want));              \
		if (_got.len)                                          \
			assert_memory_equal(_got.ptr, want, _got.len); \
	} while (0)

static void start(struct words *words, const char *text)
{
	words_start(words, text, strlen(text));
}

static void test_split(void **state)
{
	struct words words;
	struct word word;

	(void)state;
	start(&words, " \tfile.gz  a=1\tb= =c d=e=f bare  ");
	assert_true(words_next(&words, &word));
	assert_span(words.file, "file.gz");
	assert_span(word.text, "a=1");
	assert_span(word.key, "a");
	assert_span(word.value, "1");
	assert_true(word.has_value);
	assert_true(words_next(&words, &word));
	assert_span(word.key, "b");
	assert_span(word.value, "");
	assert_true(word.has_value);
	assert_true(words_next(&words, &word));
	assert_span(word.key, "");
	assert_span(word.value, "c");
	assert_true(words_next(&words, &word));
	assert_span(word.key, "d");
	assert_span(word.value, "e=f");
	assert_true(words_next(&words, &word));
	assert_span(word.key, "bare");
	assert_false(word.has_value);
	assert_false(words_next(&words, &word));
	assert_false(words_next(&words, &word));
	assert_false(words.has_tail);
}

static void test_no_file_name(void **state)
{
	struct words words;
	struct word word;

	(void)state;
	start(&words, "vm=a type=kernel");
	assert_true(words_next(&words, &word));
	assert_span(word.text, "vm=a");
	assert_span(words.file, "");

	start(&words, "only");
	assert_false(words_next(&words, &word));
	assert_span(words.file, "only");

	start(&words, "   ");
	assert_false(words_next(&words, &word));
	assert_span(words.file, "");

	words_start(&words, NULL, 0);
	assert_false(words_next(&words, &word));
	assert_span(words.file, "");
}

static void check_tail(const char *text, const char *tail)
{
	struct words words;
	struct word word;

	start(&words, text);
	while (words_next(&words, &word))
		;
	assert_true(words.has_tail);
	assert_span(words.tail, tail);
	/* The end stays the end. */
	assert_false(words_next(&words, &word));
	assert_span(words.tail, tail);
}

static void test_tail(void **state)
{
	(void)state;
	check_tail("f a=1 -- console=ttyS0  quiet ", "console=ttyS0  quiet ");
	check_tail("f a=1 --", "");
	check_tail("f a=1 -- ", "");
	check_tail("--  two blanks -- again", " two blanks -- again");
	check_tail("a=1\t--\tx", "x");
}

static void test_not_a_tail(void **state)
{
	struct words words;
	struct word word;

	(void)state;
	start(&words, "f --x -- y");
	assert_true(words_next(&words, &word));
	assert_span(word.text, "--x");
	assert_false(words_next(&words, &word));
	assert_span(words.tail, "y");
	start(&words, "f a=-- ---");
	assert_true(words_next(&words, &word));
	assert_true(words_next(&words, &word));
	assert_span(word.text, "---");
	assert_false(words.has_tail);
}

static void test_find(void **state)
{
	const char *text = "vm vm vm=a vm=b mem=1 -- cpus=2";
	struct word word;

	(void)state;
	assert_true(words_find(text, strlen(text), "vm", &word));
	assert_span(word.value, "a");
	assert_true(words_find(text, strlen(text), "mem", &word));
	assert_false(words_find(text, strlen(text), "cpus", &word));
	assert_false(words_find(text, strlen(text), "me", &word));
}

static void check_number(const char *text, int err, u64 want)
{
	u64 value = 12345;

	assert_int_equal(span_parse_number(span(text), &value), err);
	assert_int_equal(value, err ? 12345 : want);
}

static void test_numbers(void **state)
{
	u64 value;

	(void)state;
	check_number("0", 0, 0);
	check_number("00042", 0, 42);
	check_number("0x0", 0, 0);
	check_number("0xfFa0", 0, 0xffa0);
	check_number("0X10", 0, 16);
	check_number("18446744073709551615", 0, UINT64_MAX);
	check_number("0xffffffffffffffff", 0, UINT64_MAX);
	check_number("18446744073709551616", E_RANGE, 0);
	check_number("0x10000000000000000", E_RANGE, 0);
	check_number("99999999999999999999999999999999999999", E_RANGE, 0);
	check_number("99999999999999999999999999999999999999x", E_INVAL, 0);
	check_number("", E_INVAL, 0);
	check_number("0x", E_INVAL, 0);
	check_number("x10", E_INVAL, 0);
	check_number("-1", E_INVAL, 0);
	check_number("+1", E_INVAL, 0);
	check_number("1 ", E_INVAL, 0);
	check_number("1a", E_INVAL, 0);
	check_number("0xg", E_INVAL, 0);
	assert_int_equal(span_parse_range(span("5"), 5, 7, &value), 0);
	assert_int_equal(value, 5);
	assert_int_equal(span_parse_range(span("7"), 5, 7, &value), 0);
	assert_int_equal(span_parse_range(span("4"), 5, 7, &value), E_RANGE);
	assert_int_equal(span_parse_range(span("8"), 5, 7, &value), E_RANGE);
	assert_int_equal(span_parse_range(span("seven"), 5, 7, &value), E_INVAL);
}

static void check_size(const char *text, int err, u64 want)
{
	u64 bytes = 12345;

	assert_int_equal(span_parse_size(span(text), &bytes), err);
	assert_int_equal(bytes, err ? 12345 : want);
}

static void test_sizes(void **state)
{
	(void)state;
	check_size("0", 0, 0);
	check_size("4096", 0, 4096);
	check_size("4K", 0, KIB(4));
	check_size("256M", 0, MIB(256));
	check_size("256m", 0, MIB(256));
	check_size("3G", 0, GIB(3));
	check_size("2T", 0, GIB(2048));
	check_size("0x10M", 0, MIB(16));
	check_size("16777215T", 0, 16777215ull << 40);
	check_size("16777216T", E_RANGE, 0);
	check_size("18446744073709551615", 0, UINT64_MAX);
	check_size("18446744073709551615K", E_RANGE, 0);
	check_size("18446744073709551616K", E_RANGE, 0);
	check_size("M", E_INVAL, 0);
	check_size("", E_INVAL, 0);
	check_size("1MM", E_INVAL, 0);
	check_size("1MB", E_INVAL, 0);
	check_size("1P", E_INVAL, 0);
	check_size("12Q", E_INVAL, 0);
	check_size("1.5G", E_INVAL, 0);
	check_size("-1M", E_INVAL, 0);
	check_size("0xM", E_INVAL, 0);
}

static void test_match(void **state)
{
	static const char *const names[] = { "auto", "off" };

	(void)state;
	assert_int_equal(span_match(span("auto"), names, 2), 0);
	assert_int_equal(span_match(span("off"), names, 2), 1);
	assert_int_equal(span_match(span("of"), names, 2), -1);
	assert_int_equal(span_match(span("offf"), names, 2), -1);
	assert_int_equal(span_match(span(""), names, 2), -1);
	assert_int_equal(span_match((struct span){ .ptr = "auto\0", .len = 5 }, names, 2), -1);
	assert_true(span_is((struct span){ .ptr = NULL, .len = 0 }, ""));
}

/* Whatever the bytes: words lie in the text, in order, without blanks, and it ends. */
static void check_words(const char *text, size_t len)
{
	struct words words;
	struct word word;
	const char *end = text;
	u64 value;

	words_start(&words, text, len);
	while (words_next(&words, &word)) {
		assert_true(word.text.len > 0);
		assert_true(word.text.ptr >= end);
		end = word.text.ptr + word.text.len;
		assert_true(end <= text + len);
		assert_null(memchr(word.text.ptr, ' ', word.text.len));
		assert_null(memchr(word.key.ptr, '=', word.key.len));
		assert_int_equal(word.key.len + word.value.len + word.has_value, word.text.len);
		if (span_parse_size(word.value, &value) == 0)
			assert_true(word.value.ptr[0] >= '0' && word.value.ptr[0] <= '9');
	}
	if (words.has_tail)
		assert_ptr_equal(words.tail.ptr + words.tail.len, text + len);
}

static void test_random(void **state)
{
	static const char valid[] =
		"vmlinuz vm=linux type=kernel mem=256M cpus=0x2 -- root=/dev/a b";
	struct mutator m = { .state = 4 };

	(void)state;
	for (int i = 0; i < 150000; i++) {
		char buf[256];
		size_t len = sizeof(valid) - 1;
		char *text;

		memcpy(buf, valid, len);
		mutate_text(&m, buf, &len, sizeof(buf));
		/* Of exactly its size, so that a byte too far is an error. */
		text = malloc(len);
		memcpy(text, buf, len);
		check_words(text, len);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),  cmocka_unit_test(test_no_file_name),
		cmocka_unit_test(test_tail),   cmocka_unit_test(test_not_a_tail),
		cmocka_unit_test(test_find),   cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_sizes),  cmocka_unit_test(test_match),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
