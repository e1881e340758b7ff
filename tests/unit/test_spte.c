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
		const u64 masks[] = { fmt->read,  fmt->write,    fmt->exec,
				      fmt->nx,    fmt->large,    fmt->memtype_wb,
				      fmt->frame, fmt->accessed, fmt->dirty };
		u64 seen = 0;

		for (u32 i = 0; i < ARRAY_SIZE(masks); i++) {
			assert_int_equal(seen & masks[i], 0);
			seen |= masks[i];
		}
		assert_int_equal(fmt->all, seen);
		assert_int_equal(seen & SPTE_KIND, 0);
		assert_int_equal(fmt->present & ~fmt->read, 0);
		assert_int_equal(fmt->user & ~fmt->read, 0);
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
				assert_false(spte_is_frozen(spte) || spte_is_mmio(spte) ||
					     spte_is_aged(spte));
				assert_int_equal(spte_pfn(fmt, spte).raw, pfn.raw);
				assert_int_equal(spte_access(fmt, spte), access | ACCESS_READ);
				assert_int_equal(cpu_access(fmt, spte), access | ACCESS_READ);
				assert_true(spte & fmt->accessed);
				assert_int_equal(!!(spte & fmt->dirty), !!(access & ACCESS_WRITE));
				assert_int_equal(!!(spte & BIT(7)), level > LEVEL_4K);
				assert_int_equal(spte & ~fmt->all, 0);
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
		u64 frozen = spte_make_frozen(SPTE_OWNERS - 1, HPA(0x7000));

		for (unsigned int level = LEVEL_2M; level <= 4; level++) {
			assert_true(spte_is_table(fmt, table, level));
			assert_false(spte_is_leaf(fmt, table, level));
		}
		assert_int_equal(spte_hpa(fmt, table).raw, BIT(45));
		assert_int_equal(cpu_access(fmt, table), ACCESS_ALL);

		assert_false(spte_is_present(fmt, 0));
		assert_false(spte_is_frozen(0));
		assert_int_equal(spte_access(fmt, 0), 0);

		assert_true(spte_is_frozen(spte_make_frozen(0, HPA(0))));
		assert_true(spte_is_frozen(frozen));
		assert_true(spte_is_frozen_by(frozen, SPTE_OWNERS - 1));
		assert_false(spte_is_frozen_by(frozen, 0));
		assert_false(spte_is_present(fmt, frozen));
		assert_false(spte_is_leaf(fmt, frozen, LEVEL_4K));
		assert_int_equal(spte_frozen_table(frozen).raw, 0x7000);
		assert_int_equal(spte_access(fmt, frozen), 0);
		assert_int_equal(cpu_access(fmt, frozen), 0);
	}
}

/* Marks fault on both CPUs, whatever their generation, and are told apart by it. */
static void test_marks(void **state)
{
	static const u64 generations[] = { 0, 1, 0x123456, BIT(28) - 1 };
	static const u64 signals[] = { SPTE_NPT_RESERVED, SPTE_EPT_MISCONFIGURED };

	(void)state;
	for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
		for (u32 i = 0; i < ARRAY_SIZE(generations); i++) {
			u64 mark = spte_make_mmio(generations[i]) | signals[f];

			assert_true(spte_is_mmio(mark));
			assert_false(spte_is_counted(formats[f], mark) || spte_is_frozen(mark));
			assert_int_equal(spte_access(formats[f], mark), 0);
			/* Present without U and beyond any memory; writable but not readable. */
			assert_int_equal(mark & 7, f == 0 ? 1 : 2);
			assert_int_equal(mark >> 40 & 0xfff, 0xfff);
			for (u32 j = 0; j < i; j++)
				assert_int_not_equal(mark,
						     spte_make_mmio(generations[j]) | signals[f]);
		}
	}
}

/* Aged, a leaf is as absent for the CPU, and comes back as it was. */
static void test_aged(void **state)
{
	(void)state;
	for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
		const struct spte_format *fmt = formats[f];

		for (unsigned int level = LEVEL_4K; level <= LEVEL_1G; level++) {
			for (unsigned int access = 0; access <= ACCESS_ALL; access++) {
				pfn_t pfn = PFN(7 * level_pages(level));
				u64 spte = spte_make_leaf(fmt, pfn, level, access);
				u64 aged = spte_make_aged(fmt, spte);

				assert_int_equal(cpu_access(fmt, aged), 0);
				assert_true(spte_is_aged(aged) && spte_is_leaf(fmt, aged, level));
				assert_false(spte_is_present(fmt, aged));
				assert_int_equal(spte_pfn(fmt, aged).raw, pfn.raw);
				assert_int_equal(spte_make_young(fmt, aged), spte);
			}
		}
	}
}

/* The pieces of a leaf are the leaves that would have been made one by one. */
static void test_pieces(void **state)
{
	(void)state;
	for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
		for (unsigned int level = LEVEL_2M; level <= LEVEL_1G; level++) {
			for (unsigned int access = 0; access <= ACCESS_ALL; access++) {
				u64 pages = level_pages(level - 1), first = 5 * level_pages(level);
				u64 spte = spte_make_leaf(formats[f], PFN(first), level, access);

				for (u32 i = 0; i < TABLE_ENTRIES; i++)
					assert_int_equal(spte_make_piece(formats[f], spte, level) +
								 i * pages * PAGE_SIZE,
							 spte_make_leaf(formats[f],
									PFN(first + i * pages),
									level - 1, access));
			}
		}
	}
}

static void test_set_access(void **state)
{
	(void)state;
	for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
		for (unsigned int access = 1; access <= ACCESS_ALL; access += 2) {
			u64 all = spte_make_leaf(formats[f], PFN(9), LEVEL_4K, ACCESS_ALL);
			u64 some = spte_set_access(formats[f], all, access);

			assert_int_equal(spte_access(formats[f], some), access);
			assert_int_equal(cpu_access(formats[f], some), access);
			assert_int_equal(spte_set_access(formats[f], some, ACCESS_ALL), all);
		}
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
		cmocka_unit_test(test_masks_are_disjoint),
		cmocka_unit_test(test_literal_entries),
		cmocka_unit_test(test_truth_table),
		cmocka_unit_test(test_tables_and_absent),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_aged),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_set_access),
		cmocka_unit_test(test_wrong_arguments),
	};

	return cmocka_run_group_tests_name("spte", tests, NULL, NULL);
}
