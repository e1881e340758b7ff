/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of modules: of any length, and in RAM that nothing else lies in, or not at all.
 */
#include "tests/unit/bootinfo_fixture.h"

static void test_many_modules(void **state)
{
	struct mb1_info mbi = mb1_make();

	(void)state;
	mbi.mods_addr = STRINGS_ADDR + 0x2000;
	mbi.mods_count = 0xffffffff;
	mb1_put_info(&mbi);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	check_info();
	/* As many as lie in reachable memory; nothing else limits them. */
	assert_int_equal(info.module_count, 0xd000 / sizeof(struct mb1_module));
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "module 3329 and those after it are not in reachable"));
	mbi.mods_count = 200;
	mb1_put_info(&mbi);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_string_equal(host_log, "");
	assert_int_equal(info.module_count, 200);
	/* A list that leaves what can be reached. */
	mbi.mods_addr = (u32)(IMAGE_END - 40);
	mb1_put_info(&mbi);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_int_equal(info.module_count, 2);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "module 3"));
}

/* As large as a string may be, each of them kept. */
static void test_long_strings(void **state)
{
	struct mb1_info mbi = mb1_make();
	const u32 string = STRINGS_ADDR + 0x2000;

	(void)state;
	memset(image.data + (string - IMAGE_BASE), 'm', 4000);
	for (u32 i = 0; i < 50; i++)
		mb1_put_module(i, 0, 0, string + i);
	mbi.mods_count = 50;
	mb1_put_info(&mbi);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	check_info();
	assert_string_equal(host_log, "");
	assert_int_equal(info.module_count, 50);
	for (u32 i = 0; i < 50; i++)
		assert_int_equal(strlen(info.modules[i].cmdline), 4000 - i);
}

static void check_no_room(void)
{
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(info.module_count, 0);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "boot: 2 modules are ignored: their list needs 5 KiB"));
	assert_string_equal(info.cmdline, "sill.elf log=debug");
}

static void test_no_room_for_lists(void **state)
{
	mb1_make();
	(void)state;
	/* Below 1 MiB, above 4 GiB, too small, and hidden by what is reserved or Sill's. */
	mb1_put_range(MB1_MMAP_ADDR + 48, GIB(4), MIB(64), 1);
	check_no_room();
	mb1_put_range(MB1_MMAP_ADDR + 48, MIB(4), KIB(4), 1);
	check_no_room();
	mb1_put_range(MB1_MMAP_ADDR + 48, MIB(1), MIB(1) + KIB(4), 1);
	check_no_room();
	mb1_put_range(MB1_MMAP_ADDR + 48, MIB(4), MIB(1), 1);
	mb1_put_range(MB1_MMAP_ADDR + 24, MIB(4) + KIB(4), GIB(1), 2);
	check_no_room();
	mb1_put_range(MB1_MMAP_ADDR + 24, MIB(4) + KIB(4), KIB(4), 2);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_string_equal(host_log, "");
	assert_int_equal(info.lists.start.raw, MIB(4) + KIB(8));
}

/* What the loader left lies where the lists would be put first. */
static void test_lists_beside_modules(void **state)
{
	struct mb1_info mbi = mb1_make();

	(void)state;
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	assert_int_equal(info.lists.start.raw, SILL_ADDR + SILL_SIZE);
	/* A module, and the string of another that is nowhere. */
	mb1_put_module(0, FAR_ADDR + 0x3000, FAR_ADDR + 0x7001, STRINGS_ADDR + 0x200);
	mb1_put_module(1, 0x1000, 0xffffffff, FAR_ADDR + 0x1000);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(info.lists.start.raw, FAR_ADDR + 0x8000);
	mb1_put_module(0, FAR_ADDR + 0x4000, FAR_ADDR + 0x7001, STRINGS_ADDR + 0x200);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(info.lists.start.raw, FAR_ADDR + 0x2000);
	/* Their descriptions. */
	mbi.mods_addr = FAR_ADDR;
	mb1_put_info(&mbi);
	assert_int_equal(parse_info(MB1_BOOT_MAGIC), 0);
	check_info();
	assert_int_equal(info.lists.start.raw, FAR_ADDR + 0x1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_modules),
		cmocka_unit_test(test_long_strings),
		cmocka_unit_test(test_no_room_for_lists),
		cmocka_unit_test(test_lists_beside_modules),
	};

	return cmocka_run_group_tests_name("bootinfo_lists", tests, NULL, NULL);
}
