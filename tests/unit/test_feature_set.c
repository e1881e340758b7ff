/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs that differ: what the first one has and another one lacks is found and named.
 */
#include "arch/feature_set.h"

#include <string.h>

#include "host.h"

static struct feature_set first, other;
static u32 needed[FEATURE_WORD_COUNT];
static char text[200];

static u32 word_of(u32 leaf, enum feature_reg reg)
{
	for (u32 i = 0; i < FEATURE_WORD_COUNT; i++) {
		if (feature_words[i].leaf == leaf && feature_words[i].reg == reg)
			return i;
	}
	fail_msg("no word for leaf %x", leaf);
	return 0;
}

static void reset(void)
{
	memset(&first, 0xff, sizeof(first));
	first.phys_bits = 46;
	other = first;
	memset(needed, 0xff, sizeof(needed));
	memset(text, 0x55, sizeof(text));
}

static bool missing(void)
{
	return feature_set_missing(&first, &other, needed, text, sizeof(text));
}

static void test_same(void **state)
{
	(void)state;
	reset();
	assert_false(missing());
	assert_string_equal(text, "");
	/* More than the first one has does no harm. */
	memset(first.words, 0, sizeof(first.words));
	first.xsave_mask = 3;
	first.phys_bits = 39;
	assert_false(missing());
}

/* Each bit of each word, alone: found when it is needed and the first CPU has it, only then. */
static void test_every_bit(void **state)
{
	(void)state;
	for (u32 i = 0; i < FEATURE_WORD_COUNT; i++) {
		for (u32 bit = 0; bit < 32; bit++) {
			reset();
			other.words[i] &= ~(1u << bit);
			assert_true(missing());
			assert_null(strchr(text, ','));
			needed[i] &= ~(1u << bit);
			assert_false(missing());
			reset();
			first.words[i] = other.words[i] = ~(1u << bit);
			assert_false(missing());
		}
	}
}

static void test_names(void **state)
{
	(void)state;
	reset();
	other.words[word_of(7, FEATURE_EBX)] &= ~(1u << 20 | 1u << 5);
	other.words[word_of(0x80000001, FEATURE_ECX)] &= ~(1u << 2);
	assert_true(missing());
	assert_string_equal(text, "CPUID 7.0 EBX bit 5, smap, svm");
	reset();
	other.xsave_mask = 3;
	first.xsave_mask = 7;
	other.phys_bits = 39;
	assert_true(missing());
	assert_string_equal(text, "XSAVE components 4, 46-bit physical addresses (it has 39)");
}

/* A CPU without anything: the text is cut off where the buffer ends. */
static void test_long(void **state)
{
	(void)state;
	for (size_t size = 1; size < sizeof(text); size++) {
		reset();
		memset(&other, 0, sizeof(other));
		assert_true(feature_set_missing(&first, &other, needed, text, size));
		assert_true(strnlen(text, size) < size);
		assert_int_equal(text[size], 0x55);
	}
}

static void test_used(void **state)
{
	const struct feature_word *leaf7 = &feature_words[word_of(7, FEATURE_EBX)];
	const struct feature_word *leaf7c = &feature_words[word_of(7, FEATURE_ECX)];

	(void)state;
	assert_int_equal(feature_word_used(leaf7), 1u << 7 | 1u << 20);
	assert_int_equal(feature_word_used(leaf7c), 1u << 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),  cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_names), cmocka_unit_test(test_long),
		cmocka_unit_test(test_used),
	};

	return cmocka_run_group_tests_name("feature_set", tests, NULL, NULL);
}
