/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry formats: masks against literal bit numbers as the manuals give them, and every
 * level and access combination built and read back in both formats.
 */
#include "host.h"

#include "mm/spte.h"

static const struct spte_format *const formats[] = { &spte_format_npt, &spte_format_ept };

static void test_masks_are_disjoint(void **state)
{
	(void)state;
	for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
		const struct spte_format *fmt = formats[f];
		const u64 masks[] = { fmt->read,     fmt->write, fmt->exec,       fmt->nx,
				      fmt->user,     fmt->large, fmt->memtype_wb, fmt->frame,
				      fmt->accessed, fmt->dirty, fmt->soft };
		u64 seen = 0;

		for (u32 i = 0; i < ARRAY_SIZE(masks); i++) {
			assert_int_equal(seen & masks[i], 0);
			seen |= masks[i];
		}
		assert_int_equal(fmt->all, seen);
		assert_false(spte_is_present(fmt, fmt->frozen));
		assert_int_not_equal(fmt->frozen, 0);
		assert_int_equal(fmt->frozen & ~fmt->soft, 0);
		assert_int_equal(fmt->present & fmt->read, fmt->read);
	}
}

/* Bits that must be 0 in a table link: EPT 7:3; and bits that a CPU may give a meaning to. */
static void test_literal_entries(void **state)
{
	const hpa_t table = HPA(0x123456789000);
	const pfn_t pfn = PFN(0x40000);

	(void)state;
	assert_int_equal(spte_make_table(&spte_format_npt, table), table.raw | 0x27);
	assert_int_equal(spte_make_table(&spte_format_ept, table), table.raw | 0x107);

	assert_int_equal(spte_make_leaf(&spte_format_npt, pfn, LEVEL_4K, ACCESS_ALL), 0x40000067);
	assert_int_equal(spte_make_leaf(&spte_format_npt, pfn, LEVEL_2M, ACCESS_ALL), 0x400000e7);
	assert_int_equal(spte_make_leaf(&spte_format_npt, pfn, LEVEL_1G, ACCESS_READ),
			 0x80000000400000a5);
	assert_int_equal(spte_make_leaf(&spte_format_ept, pfn, LEVEL_4K, ACCESS_ALL), 0x40000377);
	assert_int_equal(spte_make_leaf(&spte_format_ept, pfn, LEVEL_2M, ACCESS_ALL), 0x400003f7);
	assert_int_equal(spte_make_leaf(&spte_format_ept, pfn, LEVEL_1G, ACCESS_READ), 0x400001f1);
}

/* What the CPU would let a guest do with an entry, read off the bits by their numbers. */
static unsigned int cpu_access(const struct spte_format *fmt, u64 spte)
{
	if (fmt == &spte_format_ept)
		return (unsigned int)spte & 7; /* R, W, X in the order of enum spte_access */
	if ((spte & 5) != 5) /* P, U */
		return 0;
	return ACCESS_READ | (spte & BIT(1) ? ACCESS_WRITE : 0) |
	       (spte & BIT(63) ? 0 : ACCESS_EXEC);
}

static void test_truth_table(void **state)
{
	(void)state;
	for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
		const struct spte_format *fmt = formats[f];

		for (unsigned int level = LEVEL_4K; level <= LEVEL_1G; level++) {
			for (unsigned int access = 0; access <= ACCESS_ALL; access++) {
				pfn_t pfn = PFN(7 * level_pages(level));
				u64 spte = spte_make_leaf(fmt, pfn, level, access);

				assert_true(spte_is_present(fmt, spte));
				assert_true(spte_is_leaf(fmt, spte, level));
				assert_false(spte_is_table(fmt, spte, level));
				assert_false(spte_is_frozen(fmt, spte));
				assert_int_equal(spte_pfn(fmt, spte).raw, pfn.raw);
				assert_int_equal(spte_access(fmt, spte), access | ACCESS_READ);
				assert_int_equal(cpu_access(fmt, spte), access | ACCESS_READ);
				assert_true(spte & fmt->accessed);
				assert_int_equal(!!(spte & fmt->dirty), !!(access & ACCESS_WRITE));
				assert_int_equal(!!(spte & BIT(7)), level > LEVEL_4K);
				assert_int_equal(spte & ~fmt->all, 0);
				assert_int_equal(spte & fmt->soft, 0);
			}
		}
	}
}

static void test_tables_and_absent(void **state)
{
	(void)state;
	for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
		const struct spte_format *fmt = formats[f];
		u64 table = spte_make_table(fmt, HPA(BIT(45)));
		u64 frozen = spte_make_frozen(fmt, HPA(0x7000));

		for (unsigned int level = LEVEL_2M; level <= 4; level++) {
			assert_true(spte_is_table(fmt, table, level));
			assert_false(spte_is_leaf(fmt, table, level));
		}
		assert_int_equal(spte_hpa(fmt, table).raw, BIT(45));
		assert_int_equal(cpu_access(fmt, table), ACCESS_ALL);

		assert_false(spte_is_present(fmt, 0));
		assert_false(spte_is_frozen(fmt, 0));
		assert_int_equal(spte_access(fmt, 0), 0);

		assert_true(spte_is_frozen(fmt, spte_make_frozen(fmt, HPA(0))));
		assert_true(spte_is_frozen(fmt, frozen));
		assert_false(spte_is_present(fmt, frozen));
		assert_false(spte_is_leaf(fmt, frozen, LEVEL_4K));
		assert_int_equal(spte_hpa(fmt, frozen).raw, 0x7000);
		assert_int_equal(spte_access(fmt, frozen), 0);
		assert_int_equal(cpu_access(fmt, frozen), 0);
	}
}

static void test_wrong_arguments(void **state)
{
	(void)state;
	for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
		const struct spte_format *fmt = formats[f];

		expect_panic(spte_make_leaf(fmt, PFN(1), LEVEL_2M, ACCESS_ALL));
		expect_panic(spte_make_leaf(fmt, PFN(512), LEVEL_1G, ACCESS_ALL));
		expect_panic(spte_make_leaf(fmt, PFN(BIT(40)), LEVEL_4K, ACCESS_ALL));
		expect_panic(spte_make_table(fmt, HPA(0)));
		expect_panic(spte_make_table(fmt, HPA(0x1008)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masks_are_disjoint), cmocka_unit_test(test_literal_entries),
		cmocka_unit_test(test_truth_table),        cmocka_unit_test(test_tables_and_absent),
		cmocka_unit_test(test_wrong_arguments),
	};

	return cmocka_run_group_tests_name("spte", tests, NULL, NULL);
}
