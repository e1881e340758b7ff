/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot information of multiboot 1: what a loader says, and what it must not be able to do.
 */
#include <stdio.h>

#include "tests/unit/bootinfo_fixture.h"
#include "tests/unit/mutate.h"

static void test_valid(void **state)
{
	(void)state;
	mb1_make();
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	check_info();
	assert_string_equal(host_log, "");
	assert_string_equal(info.cmdline, "sill.elf log=debug");
	assert_string_equal(info.loader, "qemu");
	assert_int_equal(info.memory_count, 3);
	assert_int_equal(info.memory[1].start, 0x9fc00);
	assert_int_equal(info.memory[1].len, 0x400);
	assert_int_equal(info.memory[1].type, 2);
	assert_int_equal(info.memory[2].len, MIB(64));
	assert_int_equal(info.module_count, 2);
	assert_string_equal(info.modules[0].cmdline, "vmlinuz vm=a type=kernel -- quiet");
	assert_int_equal(info.modules[0].start.raw, MODULES_ADDR);
	assert_int_equal(info.modules[0].size, 0x800);
	assert_int_equal(info.modules[0].number, 1);
	assert_int_equal(info.modules[1].size, 1);
	assert_int_equal(info.modules[1].number, 2);
	assert_false(info.modules[0].broken || info.modules[1].broken);
	assert_int_equal(info.rsdp_len, 0);
	assert_int_equal(info.framebuffer.width, 0);
	assert_int_equal(info.efi_system_table, 0);
	/* Strings are copies. */
	image_reset(IMAGE_SIZE);
	assert_string_equal(info.cmdline, "sill.elf log=debug");
}

static void test_nothing(void **state)
{
	struct mb1_info mbi = mb1_make();

	(void)state;
	mbi.flags = 0;
	mb1_put_info(&mbi);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_string_equal(host_log, "");
	assert_string_equal(info.cmdline, "");
	assert_string_equal(info.loader, "");
	assert_int_equal(info.memory_count + info.module_count, 0);
}

static void test_no_memory_map(void **state)
{
	struct mb1_info mbi = mb1_make();

	(void)state;
	mbi.flags = MB1_INFO_MEMORY;
	mb1_put_info(&mbi);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_int_equal(info.memory_count, 2);
	assert_int_equal(info.memory[0].len, KIB(639));
	assert_int_equal(info.memory[1].start, MIB(1));
	assert_int_equal(info.memory[1].len, MIB(64));
	assert_int_equal(info.memory[1].type, BOOT_MEMORY_USABLE);
}

static void test_framebuffer(void **state)
{
	const struct mb1_framebuffer framebuffer = {
		.addr = 0xfd000000,
		.pitch = 4096,
		.width = 1024,
		.height = 768,
		.bpp = 32,
		.type = 1,
	};
	struct mb1_info mbi = mb1_make();

	(void)state;
	mbi.flags |= MB1_INFO_FRAMEBUFFER;
	mb1_put_info(&mbi);
	image_put(INFO_ADDR + 88, &framebuffer, sizeof(framebuffer));
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_int_equal(info.framebuffer.addr.raw, 0xfd000000);
	assert_int_equal(info.framebuffer.width, 1024);
	assert_int_equal(info.framebuffer.height, 768);
	assert_int_equal(info.framebuffer.pitch, 4096);
	assert_int_equal(info.framebuffer.bpp, 32);
	assert_int_equal(info.framebuffer.type, 1);
}

static void test_magic_and_address(void **state)
{
	(void)state;
	mb1_make();
	assert_int_equal(parse_info(0x2badb003), E_INVAL);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "0x2badb003"));
	check_info();
	host_log_clear();
	assert_int_equal(boot_info_parse(&info, MB1_BOOT_MAGIC, HPA(IMAGE_END - 71), &access),
			 E_RANGE);
	assert_int_equal(boot_info_parse(&info, MB1_BOOT_MAGIC, HPA(~0ull - 8), &access), E_RANGE);
	assert_int_equal(log_lines(), 2);
}

static void test_strings(void **state)
{
	struct mb1_info mbi = mb1_make();

	(void)state;
	/* Up to the last byte that can be reached, and one byte further. */
	mbi.cmdline = (u32)(IMAGE_END - 4);
	image_put_string(mbi.cmdline, "end");
	mb1_put_info(&mbi);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_string_equal(info.cmdline, "end");
	image_put_u8(IMAGE_END - 1, 'x');
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_string_equal(info.cmdline, "");
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "command line is not in reachable memory"));

	mbi.cmdline = STRINGS_ADDR + 0x1000;
	mb1_put_info(&mbi);
	memset(image.data + (mbi.cmdline - IMAGE_BASE), 'c', BOOT_CMDLINE_MAX);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_int_equal(strlen(info.cmdline), BOOT_CMDLINE_MAX);
	image_put_u8(mbi.cmdline + BOOT_CMDLINE_MAX, 'c');
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_string_equal(info.cmdline, "");
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "longer than 4095 bytes"));
	assert_int_equal(info.module_count, 2);
}

/* Module 1 is wrong, module 2 is not. */
static void check_broken(u32 start, u32 end, u32 string, const char *why)
{
	mb1_make();
	mb1_put_module(0, start, end, string);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "module 1"));
	assert_non_null(strstr(host_log, why));
	assert_int_equal(info.module_count, 2);
	assert_true(info.modules[0].broken);
	assert_int_equal(info.modules[0].size, 0);
	assert_false(info.modules[1].broken);
	assert_int_equal(info.modules[1].size, 1);
}

static void test_broken_modules(void **state)
{
	const u32 string = STRINGS_ADDR + 0x200;

	(void)state;
	check_broken(MODULES_ADDR, MODULES_ADDR - 1, string, "before its start");
	check_broken(0xffffffff, 0, string, "before its start");
	check_broken(0, 0xffffffff, string, "reachable");
	check_broken(MODULES_ADDR, IMAGE_END + 1, string, "reachable");
	check_broken(IMAGE_BASE - 1, MODULES_ADDR, string, "reachable");
	check_broken(MODULES_ADDR, MODULES_ADDR + 1, IMAGE_END, "command line");
	check_broken(MODULES_ADDR, MODULES_ADDR + 1, 0xffffffff, "command line");
	assert_string_equal(info.modules[0].cmdline, "");
	/* Otherwise it can still be told which VM it is about. */
	check_broken(MODULES_ADDR, MODULES_ADDR - 1, string, "before its start");
	assert_string_equal(info.modules[0].cmdline, "vmlinuz vm=a type=kernel -- quiet");
}

static void test_overlapping_modules(void **state)
{
	(void)state;
	mb1_make();
	mb1_put_module(1, MODULES_ADDR + 0x7ff, MODULES_ADDR + 0x900, STRINGS_ADDR + 0x300);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_non_null(strstr(host_log, "module 2 is ignored: it overlaps"));
	assert_false(info.modules[0].broken);
	assert_true(info.modules[1].broken);
	/* Back to back is not overlapping, and an empty module overlaps nothing. */
	mb1_put_module(1, MODULES_ADDR + 0x800, MODULES_ADDR + 0x900, STRINGS_ADDR + 0x300);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_string_equal(host_log, "");
	mb1_put_module(1, MODULES_ADDR + 4, MODULES_ADDR + 4, 0);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_string_equal(host_log, "");
	assert_int_equal(info.modules[1].size, 0);
	assert_string_equal(info.modules[1].cmdline, "");
}

static void check_memory_map(struct mb1_info *mbi, u32 length, u32 count, const char *why)
{
	mbi->mmap_length = length;
	mb1_put_info(mbi);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(info.memory_count, count);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, why));
}

static void test_memory_map(void **state)
{
	struct mb1_info mbi = mb1_make();

	(void)state;
	mbi.flags &= ~MB1_INFO_MODS; /* they need RAM for their list */
	mb1_put_info(&mbi);
	/* Longer entries, with what this version of the format does not know. */
	image_put_u32(MB1_MMAP_ADDR, 20 + 24);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_string_equal(host_log, "");
	assert_int_equal(info.memory_count, 2);
	assert_int_equal(info.memory[1].start, MIB(1));
	image_put_u32(MB1_MMAP_ADDR, 20);

	check_memory_map(&mbi, 71, 2, "cut");
	check_memory_map(&mbi, 0xffffffff, 3, "byte 72: it is too short");
	image_put_u32(MB1_MMAP_ADDR + 24, 19);
	check_memory_map(&mbi, 72, 1, "byte 24: it is too short");
	image_put_u32(MB1_MMAP_ADDR + 24, 0);
	check_memory_map(&mbi, 72, 1, "byte 24: it is too short");
	image_put_u32(MB1_MMAP_ADDR + 24, 0xffffffff);
	check_memory_map(&mbi, 72, 2, "cut");
	check_memory_map(&mbi, 0xffffffff, 2, "cut");
	image_put_u32(MB1_MMAP_ADDR + 24, 0xfffffff0);
	check_memory_map(&mbi, 0xffffffff, 2, "cut");
	image_put_u32(MB1_MMAP_ADDR + 24, 0x7fffffff);
	check_memory_map(&mbi, 0xffffffff, 2, "reachable");
	mbi.mmap_addr = (u32)IMAGE_END;
	/* Then there are the two sizes to go by. */
	check_memory_map(&mbi, 72, 2, "reachable");
}

static void test_strange_ranges(void **state)
{
	struct mb1_info mbi = mb1_make();
	u64 at = MB1_MMAP_ADDR;

	(void)state;
	mbi.flags &= ~MB1_INFO_MODS; /* they need RAM for their list */
	mb1_put_info(&mbi);
	at = mb1_put_range(at, 0x5000, 0, 1);
	at = mb1_put_range(at, ~0ull - 0xfff, 0x1000, 2);
	at = mb1_put_range(at, ~0ull - 0xfff, 0x1001, 1);
	mb1_put_range(at, 1, ~0ull, 1);
	check_memory_map(&mbi, 96, 2, "range 3 ");
	assert_int_equal(info.memory[0].len, 0x1000);
	assert_int_equal(info.memory[1].len, ~0ull);
}

static void test_many_ranges(void **state)
{
	struct mb1_info mbi = mb1_make();
	u64 at = MODULES_ADDR;

	(void)state;
	mbi.flags &= ~MB1_INFO_MODS; /* they need RAM for their list */
	mb1_put_info(&mbi);
	mbi.mmap_addr = MODULES_ADDR;
	for (u32 i = 0; i < 300; i++)
		at = mb1_put_range(at, i * MIB(1), KIB(4), 1);
	check_memory_map(&mbi, 300 * 24, BOOT_MAX_MEMORY, "first 256");
	mbi.mmap_length = 256 * 24;
	mb1_put_info(&mbi);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_string_equal(host_log, "");
	assert_int_equal(info.memory_count, 256);
}

static void test_random(void **state)
{
	struct mutator m = { .state = 7 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		/* Mostly where the structures are, sometimes in the strings. */
		static const size_t lengths[] = { sizeof(struct mb1_info), 0x220, 0x860, 0x1400 };

		mb1_make();
		mutate_bytes(&m, image.data, lengths[i % 4]);
		/* Thousands of modules take long: mostly less. */
		if (i % 1000)
			image.data[offsetof(struct mb1_info, mods_count) + 1] = 0;
		assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
		check_info();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_no_memory_map),
		cmocka_unit_test(test_framebuffer),
		cmocka_unit_test(test_magic_and_address),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_broken_modules),
		cmocka_unit_test(test_overlapping_modules),
		cmocka_unit_test(test_memory_map),
		cmocka_unit_test(test_strange_ranges),
		cmocka_unit_test(test_many_ranges),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("bootinfo", tests, NULL, NULL);
}
