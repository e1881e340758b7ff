/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot information of multiboot 2: what a loader says, and what it must not be able to do.
 */
#include "tests/unit/bootinfo_fixture.h"
#include "tests/unit/mutate.h"

static const struct mb2_framebuffer framebuffer = {
	.addr = 0x8000000000ull,
	.pitch = 160,
	.width = 80,
	.height = 25,
	.bpp = 16,
	.type = 2,
};

static u64 mmap_at, module_at; /* where these tags are */

static void put_memory_map(u32 entry_size)
{
	struct {
		struct mb2_mmap map;
		struct mb2_mmap_entry entries[3];
	} body = {
		.map = { .entry_size = entry_size },
		.entries = {
			{ .addr = 0, .len = 0x9fc00, .type = 1 },
			{ .addr = MIB(1), .len = MIB(64), .type = 1 },
			{ .addr = GIB(4), .len = GIB(2), .type = 3 },
		},
	};

	mmap_at = mb2_put(MB2_TAG_MMAP, &body, sizeof(body));
}

/* All the tags that GRUB makes on EFI, in its order. */
static void make(void)
{
	const u64 efi = 0x3f9ee018;

	mb2_begin();
	mb2_put(21, "\0\0\x10", 4);
	mb2_put(MB2_TAG_CMDLINE, "log=debug", 10);
	mb2_put(MB2_TAG_LOADER_NAME, "GRUB 2.06", 10);
	module_at = mb2_put_module(MODULES_ADDR, MODULES_ADDR + 0x800, "vm=a type=kernel -- quiet");
	mb2_put_module(MODULES_ADDR + 0x1000, MODULES_ADDR + 0x1001, "vm=a type=initrd");
	put_memory_map(24);
	mb2_put(9, "elf sections", 12);
	mb2_put(MB2_TAG_BASIC_MEMINFO, "\x7f\x02\0\0\0\0\x01\0", 8);
	mb2_put(MB2_TAG_EFI64, &efi, sizeof(efi));
	mb2_put(MB2_TAG_ACPI_OLD, "RSD PTR 12345678901", 20);
	mb2_put(MB2_TAG_ACPI_NEW, "RSD PTR 12345678901234567890123456!", 36);
	mb2_put(MB2_TAG_EFI_MMAP, "\x30\0\0\0\1\0\0\0", 8);
	mb2_put(MB2_TAG_FRAMEBUFFER, &framebuffer, sizeof(framebuffer));
	mb2_finish();
}

static void check_all(void)
{
	assert_string_equal(info.cmdline, "log=debug");
	assert_string_equal(info.loader, "GRUB 2.06");
	assert_int_equal(info.memory_count, 3);
	assert_int_equal(info.memory[2].start, GIB(4));
	assert_int_equal(info.memory[2].len, GIB(2));
	assert_int_equal(info.memory[2].type, BOOT_MEMORY_ACPI);
	assert_int_equal(info.module_count, 2);
	assert_string_equal(info.modules[0].cmdline, "vm=a type=kernel -- quiet");
	assert_int_equal(info.modules[0].start.raw, MODULES_ADDR);
	assert_int_equal(info.modules[0].size, 0x800);
	assert_int_equal(info.modules[1].number, 2);
	assert_int_equal(info.modules[1].size, 1);
	assert_int_equal(info.efi_system_table, 0x3f9ee018);
	assert_true(info.efi_memory_map);
	assert_int_equal(info.rsdp_len, 36);
	assert_memory_equal(info.rsdp, "RSD PTR 12345678901234567890123456!", 36);
	assert_int_equal(info.framebuffer.addr.raw, 0x8000000000ull);
	assert_int_equal(info.framebuffer.width, 80);
	assert_int_equal(info.framebuffer.height, 25);
	assert_int_equal(info.framebuffer.pitch, 160);
	assert_int_equal(info.framebuffer.type, 2);
}

static void test_valid(void **state)
{
	(void)state;
	make();
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	check_info();
	assert_string_equal(host_log, "");
	check_all();
	/* Strings and the RSDP are copies. */
	image_reset(IMAGE_SIZE);
	check_all();
}

static void test_acpi_1_only(void **state)
{
	(void)state;
	mb2_begin();
	mb2_put(MB2_TAG_ACPI_OLD, "RSD PTR 12345678901", 20);
	mb2_finish();
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	assert_int_equal(info.rsdp_len, 20);
	assert_memory_equal(info.rsdp, "RSD PTR 12345678901", 20);
}

static void test_no_memory_map(void **state)
{
	(void)state;
	mb2_begin();
	mb2_put(MB2_TAG_BASIC_MEMINFO, "\x7f\x02\0\0\0\0\x01\0", 8);
	mb2_finish();
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	assert_int_equal(info.memory_count, 2);
	assert_int_equal(info.memory[0].len, KIB(639));
	assert_int_equal(info.memory[1].len, MIB(64));
}

static void check_total_size(u32 size, int err)
{
	make();
	image_put_u32(INFO_ADDR, size);
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), err);
	check_info();
	assert_int_equal(log_lines(), 1);
}

static void test_total_size(void **state)
{
	(void)state;
	check_total_size(0, E_RANGE);
	check_total_size(7, E_RANGE);
	check_total_size(IMAGE_SIZE + 1, E_RANGE);
	check_total_size(MIB(16) + 1, E_RANGE);
	check_total_size(0xffffffff, E_RANGE);
	/* No end tag inside. */
	check_total_size(8, 0);
	check_total_size(15, 0);
	check_total_size((u32)(mb2_end - INFO_ADDR) - 8, 0);
	check_all();
}

/* However much can be reached: an end has to be. */
static void test_total_size_limit(void **state)
{
	(void)state;
	image_reset(MIB(17));
	image_put_u32(INFO_ADDR, MIB(16));
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	image_put_u32(INFO_ADDR, MIB(16) + 1);
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), E_RANGE);
}

/* The module's tag claims a size that is impossible: what was before it counts. */
static void check_tag_size(u32 size)
{
	make();
	image_put_u32(module_at + 4, size);
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "ends the list"));
	assert_string_equal(info.loader, "GRUB 2.06");
	assert_int_equal(info.module_count + info.memory_count, 0);
}

static void test_tag_sizes(void **state)
{
	(void)state;
	check_tag_size(0);
	check_tag_size(7);
	check_tag_size((u32)(mb2_end - module_at) + 1);
	check_tag_size(0x7fffffff);
	check_tag_size(0xfffffff9);
	check_tag_size(0xffffffff);
}

static void test_short_tags(void **state)
{
	static const struct {
		u32 type, size;
	} tags[] = {
		{ MB2_TAG_CMDLINE, 8 },        { MB2_TAG_LOADER_NAME, 8 },
		{ MB2_TAG_MODULE, 8 },         { MB2_TAG_MODULE, 16 },
		{ MB2_TAG_BASIC_MEMINFO, 15 }, { MB2_TAG_MMAP, 15 },
		{ MB2_TAG_FRAMEBUFFER, 29 },   { MB2_TAG_EFI64, 15 },
		{ MB2_TAG_ACPI_OLD, 27 },      { MB2_TAG_ACPI_NEW, 43 },
		{ MB2_TAG_EFI_MMAP, 15 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(tags); i++) {
		mb2_begin();
		mb2_put_sized(tags[i].type, "", 0, tags[i].size);
		mb2_end = align_up(INFO_ADDR + 8 + tags[i].size, 8);
		mb2_put(MB2_TAG_CMDLINE, "after", 6);
		mb2_finish();
		assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
		check_info();
		assert_int_equal(log_lines(), 1);
		assert_non_null(strstr(host_log, "too short"));
		assert_int_equal(info.module_count, 0);
		assert_string_equal(info.cmdline, "after");
	}
}

static void test_strings_without_end(void **state)
{
	u8 module[] = { 0, 0, 0, 0, 0, 0, 0, 0, 'v', 'm', '=', 'a' };

	(void)state;
	mb2_begin();
	mb2_put(MB2_TAG_CMDLINE, "log=debug", 9);
	mb2_put(MB2_TAG_MODULE, module, sizeof(module));
	put_memory_map(24);
	mb2_finish();
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(log_lines(), 2);
	assert_non_null(strstr(host_log, "the command line is not ended"));
	assert_non_null(strstr(host_log, "module 1 is ignored: its command line is not ended"));
	assert_string_equal(info.cmdline, "");
	assert_int_equal(info.module_count, 1);
	assert_true(info.modules[0].broken);
	assert_string_equal(info.modules[0].cmdline, "vm=a");
}

static void test_long_string(void **state)
{
	static char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "vm=a ", 5);
	mb2_begin();
	mb2_put_module(MODULES_ADDR, MODULES_ADDR + 1, text);
	text[BOOT_CMDLINE_MAX] = '\0';
	mb2_put_module(MODULES_ADDR, MODULES_ADDR + 1, text);
	put_memory_map(24);
	mb2_finish();
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "module 1 is ignored: its command line is longer than"));
	assert_true(info.modules[0].broken);
	assert_memory_equal(info.modules[0].cmdline, "vm=a ", 5);
	assert_false(info.modules[1].broken);
	assert_int_equal(info.modules[1].size, 1);
}

static void check_entry_size(u32 size, u32 count)
{
	make();
	image_put_u32(mmap_at + 8, size);
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(info.memory_count, count);
	/* Without RAM for their list the modules are left out, with a line of their own. */
	assert_int_equal(log_lines(), info.module_count ? 1 : 2);
}

static void test_memory_map(void **state)
{
	(void)state;
	/* Without a map that makes sense there are the two sizes. */
	check_entry_size(0, 2);
	check_entry_size(8, 2);
	check_entry_size(16, 2);
	check_entry_size(25, 2);
	check_entry_size(31, 2);
	check_entry_size(0xffffffff, 2);
	check_entry_size(0xfffffff8, 1);
	check_entry_size(32, 2); /* 72 bytes of entries: the third is cut */
	check_entry_size(56, 1);
	mb2_begin();
	put_memory_map(72);
	mb2_finish();
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	assert_string_equal(host_log, "");
	assert_int_equal(info.memory_count, 1);
}

static void test_many(void **state)
{
	(void)state;
	mb2_begin();
	for (u32 i = 0; i < 200; i++)
		mb2_put_module(MODULES_ADDR + i, MODULES_ADDR + i + 1, "vm=a type=initrd");
	for (u32 i = 0; i < 100; i++)
		put_memory_map(24);
	mb2_finish();
	assert_int_equal(parse_info(MB2_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(info.module_count, 200);
	assert_int_equal(info.memory_count, BOOT_MAX_MEMORY);
	assert_int_equal(log_lines(), 1);
}

static void test_random(void **state)
{
	struct mutator m = { .state = 8 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		make();
		mutate_bytes(&m, image.data, (size_t)(mb2_end - INFO_ADDR));
		/* Mostly with a size that lets the tags be seen. */
		if (i % 8)
			image_put_u32(INFO_ADDR, (u32)(mb2_end - INFO_ADDR));
		if (parse_info(MB2_BOOT_MAGIC))
			assert_int_equal(log_lines(), 1);
		check_info();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_acpi_1_only),
		cmocka_unit_test(test_no_memory_map),
		cmocka_unit_test(test_total_size),
		cmocka_unit_test(test_total_size_limit),
		cmocka_unit_test(test_tag_sizes),
		cmocka_unit_test(test_short_tags),
		cmocka_unit_test(test_strings_without_end),
		cmocka_unit_test(test_long_string),
		cmocka_unit_test(test_memory_map),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("bootinfo2", tests, NULL, NULL);
}
