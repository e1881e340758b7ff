/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's memory map: its entries for memory of every size, and the question whether a
 * range is usable.
 */
#include "tests/unit/host/host.h"

#include "vm/guest_e820.h"

static void expect_map(u64 mem_size, const struct e820_entry *expected, u32 count)
{
	struct guest_e820 map;

	guest_e820_build(&map, mem_size);
	assert_int_equal(map.count, count);
	assert_memory_equal(map.entries, expected, count * sizeof(expected[0]));
}

static void test_map_small(void **state)
{
	static const struct e820_entry expected[] = {
		{ .base = 0, .size = 0x9fc00, .type = E820_RAM },
		{ .base = 0x9fc00, .size = 0x400, .type = E820_RESERVED },
		{ .base = 0xe0000, .size = 0x20000, .type = E820_RESERVED },
		{ .base = 0x100000, .size = 0x3f00000, .type = E820_RAM },
	};

	(void)state;
	expect_map(MIB(64), expected, 4);
	expect_map(MIB(1), expected, 3);
}

static void test_map_large(void **state)
{
	struct e820_entry expected[] = {
		{ .base = 0, .size = 0x9fc00, .type = E820_RAM },
		{ .base = 0x9fc00, .size = 0x400, .type = E820_RESERVED },
		{ .base = 0xe0000, .size = 0x20000, .type = E820_RESERVED },
		{ .base = 0x100000, .size = 0xbff00000, .type = E820_RAM },
		{ .base = 0x100000000, .size = 0x200000, .type = E820_RAM },
	};

	(void)state;
	expect_map(GIB(3), expected, 4);
	expect_map(GIB(3) + MIB(2), expected, 5);
	expected[4].size = GIB(61);
	expect_map(GIB(64), expected, 5);
}

static void test_map_degenerate(void **state)
{
	static const u64 sizes[] = { 0, 1, KIB(512), 0x9fc00, 0x9fc01, UINT64_MAX, BIT(63) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct guest_e820 map;
		u64 end = 0;

		guest_e820_build(&map, sizes[i]);
		assert_true(map.count <= GUEST_E820_MAX);
		for (u32 j = 0; j < map.count; j++) {
			const struct e820_entry *entry = &map.entries[j];

			assert_true(entry->base >= end);
			end = entry->base + entry->size;
			assert_true(end > entry->base);
			if (entry->type == E820_RAM && entry->base < GIB(4))
				assert_true(end <= sizes[i]);
		}
	}
}

static void test_sizes(void **state)
{
	(void)state;
	assert_int_equal(guest_low_size(MIB(64)), MIB(64));
	assert_int_equal(guest_high_size(MIB(64)), 0);
	assert_int_equal(guest_low_size(GIB(8)), GIB(3));
	assert_int_equal(guest_high_size(GIB(8)), GIB(5));
}

static void test_is_ram(void **state)
{
	struct guest_e820 map;

	(void)state;
	guest_e820_build(&map, GIB(4));
	assert_true(guest_e820_is_ram(&map, 0, 0x9fc00));
	assert_false(guest_e820_is_ram(&map, 0, 0x9fc01));
	assert_false(guest_e820_is_ram(&map, 0x9fc00, 1));
	assert_false(guest_e820_is_ram(&map, 0xa0000, 1));
	assert_false(guest_e820_is_ram(&map, 0xfffff, 1));
	assert_false(guest_e820_is_ram(&map, 0x90000, MIB(1)));
	assert_true(guest_e820_is_ram(&map, MIB(1), GIB(3) - MIB(1)));
	assert_false(guest_e820_is_ram(&map, MIB(1), GIB(3)));
	assert_false(guest_e820_is_ram(&map, MIB(1), UINT64_MAX));
	assert_false(guest_e820_is_ram(&map, UINT64_MAX, 2));
	assert_false(guest_e820_is_ram(&map, GIB(3), 1));
	assert_true(guest_e820_is_ram(&map, GIB(4), GIB(1)));
	assert_false(guest_e820_is_ram(&map, GIB(4), GIB(1) + 1));
	assert_true(guest_e820_is_ram(&map, GIB(5) - 1, 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_small),      cmocka_unit_test(test_map_large),
		cmocka_unit_test(test_map_degenerate), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_is_ram),
	};

	return cmocka_run_group_tests_name("e820", tests, NULL, NULL);
}
