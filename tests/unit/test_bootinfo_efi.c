/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EFI's memory map as the only one of a multiboot 2 loader: which memory is free.
 */
#include "tests/unit/bootinfo_fixture.h"
#include "tests/unit/mutate.h"

#define STRIDE 48u /* as firmware has it, larger than what is known of an entry */

struct range {
	u32 type;
	u64 start, pages;
};

static u64 map_at;

static void put_map(const struct range *ranges, u32 count, u32 stride)
{
	u8 body[8192] = { 0 };
	const struct mb2_efi_mmap map = { .entry_size = stride, .entry_version = 1 };

	memcpy(body, &map, sizeof(map));
	for (u32 i = 0; i < count; i++) {
		const struct mb2_efi_entry entry = { .type = ranges[i].type,
						     .start = ranges[i].start,
						     .pages = ranges[i].pages };

		memcpy(body + sizeof(map) + i * STRIDE, &entry, sizeof(entry));
	}
	map_at = mb2_put(MB2_TAG_EFI_MMAP, body, sizeof(map) + count * STRIDE);
}

/* The information is this map alone. */
static void parse(const struct range *ranges, u32 count, u32 stride)
{
	mb2_begin();
	put_map(ranges, count, stride);
	mb2_finish();
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	check_info();
	assert_true(info.efi_memory_map);
}

static void check_range(u32 index, u64 start, u64 len, u32 type)
{
	assert_int_equal(info.memory[index].start, start);
	assert_int_equal(info.memory[index].len, len);
	assert_int_equal(info.memory[index].type, type);
}

static const struct range usual[] = {
	{ MB2_EFI_BOOT_CODE, 0, 1 },
	{ MB2_EFI_CONVENTIONAL, 0x1000, 0x9f },
	{ MB2_EFI_LOADER_DATA, MIB(1), 0x100 },
	{ MB2_EFI_LOADER_CODE, MIB(2), 0x100 },
	{ MB2_EFI_BOOT_DATA, MIB(3), 0x100 },
	{ MB2_EFI_RUNTIME_DATA, MIB(4), 0x80 },
	{ MB2_EFI_RUNTIME_CODE, MIB(4) + 0x80000, 0x80 },
	{ MB2_EFI_ACPI_RECLAIM, MIB(5), 0x10 },
	{ 10 /* ACPI NVS */, MIB(6), 0x10 },
	{ 8 /* unusable */, MIB(7), 0x10 },
	{ 14 /* persistent */, GIB(4), 0x10 },
	{ 0x80000000u /* an OEM's own */, GIB(5), 0x10 },
};

static void test_types(void **state)
{
	(void)state;
	parse(usual, ARRAY_SIZE(usual), STRIDE);
	assert_string_equal(host_log, "");
	assert_int_equal(info.memory_count, 8);
	check_range(0, 0, 0xa0000, BOOT_MEMORY_USABLE);
	check_range(1, MIB(1), MIB(3), BOOT_MEMORY_USABLE);
	check_range(2, MIB(4), MIB(1), BOOT_MEMORY_RESERVED);
	check_range(3, MIB(5), 0x10000, BOOT_MEMORY_ACPI);
	for (u32 i = 4; i < 8; i++)
		assert_int_equal(info.memory[i].type, BOOT_MEMORY_RESERVED);
}

static void test_plain_map_counts(void **state)
{
	const struct {
		struct mb2_mmap map;
		struct mb2_mmap_entry entry;
	} plain = { { .entry_size = 24 }, { .addr = MIB(1), .len = MIB(8), .type = 1 } };

	(void)state;
	mb2_begin();
	put_map(usual, ARRAY_SIZE(usual), STRIDE);
	mb2_put(MB2_TAG_MMAP, &plain, sizeof(plain));
	mb2_finish();
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	assert_int_equal(info.memory_count, 1);
	check_range(0, MIB(1), MIB(8), BOOT_MEMORY_USABLE);
}

static void test_entry_size(void **state)
{
	static const u32 bad[] = { 0, 8, 39, 41, 44, 0xffffffff };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		parse(usual, ARRAY_SIZE(usual), bad[i]);
		assert_int_equal(info.memory_count, 0);
		assert_int_equal(log_lines(), 1);
	}
	parse(usual, ARRAY_SIZE(usual), 0xfffffff8);
	assert_int_equal(info.memory_count, 1);
}

static void test_impossible_ranges(void **state)
{
	static const struct range ranges[] = {
		{ MB2_EFI_CONVENTIONAL, MIB(1), 1ull << 52 },
		{ MB2_EFI_CONVENTIONAL, MIB(1), UINT64_MAX },
		{ MB2_EFI_CONVENTIONAL, UINT64_MAX - 0xfff, 2 },
		{ MB2_EFI_CONVENTIONAL, MIB(2), 0 },
		{ MB2_EFI_CONVENTIONAL, MIB(3), 1 },
		/* It would wrap when added to the one before. */
		{ MB2_EFI_CONVENTIONAL, MIB(3) + 0x1000, (1ull << 52) - 1 },
		{ MB2_EFI_CONVENTIONAL, MIB(3) + 0x1000, 1 },
	};

	(void)state;
	parse(ranges, ARRAY_SIZE(ranges), STRIDE);
	assert_int_equal(log_lines(), 4);
	assert_int_equal(info.memory_count, 1);
	check_range(0, MIB(3), 0x2000, BOOT_MEMORY_USABLE);
}

static void test_random(void **state)
{
	struct mutator m = { .state = 11 };

	(void)state;
	for (int i = 0; i < 50000; i++) {
		mb2_begin();
		put_map(usual, ARRAY_SIZE(usual), STRIDE);
		mutate_bytes(&m, image.data + (map_at - INFO_ADDR) + 8,
			     (size_t)(mb2_end - map_at) - 8);
		mb2_finish();
		assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
		check_info();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),      cmocka_unit_test(test_plain_map_counts),
		cmocka_unit_test(test_entry_size), cmocka_unit_test(test_impossible_ranges),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("bootinfo_efi", tests, NULL, NULL);
}
