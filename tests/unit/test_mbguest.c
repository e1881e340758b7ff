/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The multiboot loader on images made here: ELF32, ELF64 and address fields, and what
 * the guest is told of its memory and modules.
 */
#include "tests/unit/mbguest_fixture.h"

static void expect_zero(u64 from, u64 to)
{
	for (; from < to; from += 8)
		assert_int_equal(fixture_get(from, 8), 0);
	assert_int_equal(fixture_get(to, 1), 0xa5);
}

static void test_elf32(void **state)
{
	(void)state;
	expect_loaded(0x100010);
	fixture_expect_bytes(0x100000, image + TEXT, TEXT_SIZE);
	expect_zero(0x100000 + TEXT_SIZE, BSS_END);
	fixture_expect_bytes(0x8000, image + TEXT, 16);
	put(image, offsetof(Elf32_Ehdr, e_entry), 4, 0x8004); /* in the second segment */
	expect_loaded(0x8004);
}

static void test_elf64(void **state)
{
	(void)state;
	make_elf64();
	expect_loaded(0x100010);
	fixture_expect_bytes(0x100000, image + TEXT, TEXT_SIZE);
	expect_zero(0x100000 + TEXT_SIZE, BSS_END);
}

static void test_fields(void **state)
{
	(void)state;
	make_fields();
	expect_loaded(0x100310);
	fixture_expect_bytes(0x100000, image + 0x100, 0xb00);
	expect_zero(0x100b00, BSS_END);
	put_fields(0x100000, 0, 0, 0x100310); /* all of the file, no bss */
	expect_loaded(0x100310);
	fixture_expect_bytes(0x100000, image + 0x100, IMAGE_SIZE - 0x100);
	assert_int_equal(fixture_get(0x100000 + IMAGE_SIZE - 0x100, 1), 0xa5);
}

/* The header may lie anywhere 4-aligned in the first 8 KiB, and nowhere else. */
static void test_header_search(void **state)
{
	u8 *large = calloc(1, 16384);

	(void)state;
	for (u64 at = 0; at < 8300; at++) {
		bool found = at % 4 == 0 && at + 12 <= 8192;

		memset(large, 0, 16384);
		put(large, at, 4, 0x1badb002);
		put(large, at + 8, 4, (u32)-0x1badb002);
		assert_int_equal(mbguest_is((struct bytes){ .data = large, .len = 16384 }), found);
	}
	put(large, 0x100, 4, 0x1badb002); /* a wrong checksum */
	assert_false(mbguest_is((struct bytes){ .data = large, .len = 8000 }));
	free(large);
}

static void expect_text(u64 pointer, const char *expected)
{
	fixture_expect_bytes(fixture_get(pointer, 4), expected, strlen(expected) + 1);
}

static void test_info(void **state)
{
	struct guest_e820 map;
	u64 at;

	(void)state;
	expect_loaded(0x100010);
	assert_int_equal(fixture_get(LOAD_INFO, 4), 0x24d);
	assert_int_equal(fixture_get(LOAD_INFO + 4, 4), 639);
	assert_int_equal(fixture_get(LOAD_INFO + 8, 4), 15 * 1024);
	expect_text(LOAD_INFO + 16, "guest.elf a=1 b");
	assert_int_equal(fixture_get(LOAD_INFO + 20, 4), 0);
	expect_text(LOAD_INFO + 64, "Sill");
	guest_e820_build(&map, MEM);
	assert_int_equal(fixture_get(LOAD_INFO + 44, 4), map.count * 24);
	at = fixture_get(LOAD_INFO + 48, 4);
	for (u32 i = 0; i < map.count; i++, at += 24) {
		assert_int_equal(fixture_get(at, 4), 20);
		fixture_expect_bytes(at + 4, &map.entries[i], 20);
	}
	fixture_req.cmdline = NULL;
	expect_loaded(0x100010);
	expect_text(LOAD_INFO + 16, "guest.elf");
	fixture_setup(GIB(4), "k");
	expect_loaded(0x100010);
	assert_int_equal(fixture_get(LOAD_INFO + 8, 4), (GIB(3) - MIB(1)) >> 10);
	assert_int_equal(fixture_get(LOAD_INFO + 44, 4), 5 * 24);
}

static void test_modules(void **state)
{
	static const u8 data[5000] = { 4, 5, 6, [4999] = 7 };
	const struct load_module modules[] = {
		{ .data = data, .size = 5000, .name = "one", .cmdline = "one x=1" },
		{ .data = data, .size = 0, .name = "two", .cmdline = NULL },
		{ .data = data, .size = 4096, .name = "three", .cmdline = "three" },
		{ .data = data, .size = 1, .name = "four", .cmdline = "four -- y" },
	};
	static const u64 starts[] = { BSS_END, BSS_END + 0x2000, BSS_END + 0x2000,
				      BSS_END + 0x3000 };
	u64 list;

	(void)state;
	fixture_req.modules = modules;
	fixture_req.module_count = ARRAY_SIZE(modules);
	/* A kernel that ends inside a page: the page is its own. */
	put(image, 52 + offsetof(Elf32_Phdr, p_memsz), 4, 0x1001);
	expect_loaded(0x100010);
	assert_int_equal(fixture_get(fixture_get(LOAD_INFO + 24, 4), 4), BSS_END);
	make_elf32();
	expect_loaded(0x100010);
	assert_int_equal(fixture_get(LOAD_INFO + 20, 4), ARRAY_SIZE(modules));
	list = fixture_get(LOAD_INFO + 24, 4);
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++, list += 16) {
		assert_int_equal(fixture_get(list, 4), starts[i]);
		assert_int_equal(fixture_get(list + 4, 4), starts[i] + modules[i].size);
		fixture_expect_bytes(starts[i], data, modules[i].size);
		expect_text(list + 8, modules[i].cmdline ? modules[i].cmdline : "");
	}
	expect_text(LOAD_INFO + 16, "guest.elf a=1 b");
	expect_text(LOAD_INFO + 64, "Sill");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_elf32),  FIXTURE_TEST(test_elf64),
		FIXTURE_TEST(test_fields), FIXTURE_TEST(test_header_search),
		FIXTURE_TEST(test_info),   FIXTURE_TEST(test_modules),
	};

	return cmocka_run_group_tests_name("mbguest", tests, NULL, NULL);
}
