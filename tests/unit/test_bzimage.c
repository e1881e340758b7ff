/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bzImage loader, on images made here: where kernel, initrd and boot_params go, and
 * what they hold, in both boot protocols.
 */
#include "tests/unit/bzimage_fixture.h"

#include <glob.h>
#include <stdio.h>

#include "arch/cpu.h"
#include "vm/bzimage.h"

/* The gpa that the page tables built for the kernel make of a virtual address. */
static u64 walk(u64 addr)
{
	u64 table = fixture_result.cr3;

	for (int shift = 39; shift >= 21; shift -= 9) {
		u64 entry = fixture_get(table + ((addr >> shift) & 511) * 8, 8);

		assert_int_equal(entry & 3, 3);
		if (shift == 21) {
			assert_int_equal(entry & 0x80, 0x80);
			return (entry & ~(MIB(2) - 1)) | (addr & (MIB(2) - 1));
		}
		table = entry & ~0xfffull;
	}
	return 0;
}

static void test_long64_state(void **state)
{
	static const u64 addresses[] = { 0, 0x12345, MIB(16), GIB(1), GIB(3) - 1, GIB(4) - 1 };

	(void)state;
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_result.mode, LOAD_LONG64);
	assert_int_equal(fixture_result.rip, MIB(16) + 0x200);
	assert_int_equal(fixture_result.cr0, CR0_PE | CR0_ET | CR0_PG);
	assert_int_equal(fixture_result.cr4, CR4_PAE);
	assert_int_equal(fixture_result.efer, EFER_LME | EFER_LMA);
	assert_int_equal(fixture_result.code.selector, 0x10);
	assert_int_equal(fixture_result.data.selector, 0x18);
	assert_true(fixture_result.code.attr & SEG_ATTR_L);
	assert_false(fixture_result.code.attr & SEG_ATTR_DB);
	assert_int_equal(fixture_result.gdt.raw, LOAD_GDT);
	assert_int_equal(fixture_result.gdt_limit, 31);
	assert_int_equal(fixture_get(LOAD_GDT, 8), 0);
	assert_int_equal(fixture_get(LOAD_GDT + 0x10, 8), 0x00af9b000000ffffull);
	assert_int_equal(fixture_get(LOAD_GDT + 0x18, 8), 0x00cf93000000ffffull);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		assert_int_equal(walk(addresses[i]), addresses[i]);
	assert_int_equal(fixture_get(fixture_result.cr3 + 8, 8), 0);
}

static void test_boot_params(void **state)
{
	struct guest_e820 map;
	u8 zero[0x58] = { 0 };

	(void)state;
	/* Stale bytes where boot_params go must not shine through. */
	memset(guest_mem_ptr(&fixture_mem, GPA(LOAD_INFO)), 0xa5, PAGE_SIZE);
	expect_loaded_at(MIB(16));
	fixture_expect_bytes(LOAD_INFO, zero, sizeof(zero));
	assert_int_equal(fixture_get(LOAD_INFO + 0x70, 8), FIXTURE_RSDP);
	assert_int_equal(fixture_get(LOAD_INFO + 0xc0, 8), 0); /* ext_ramdisk_* */
	assert_int_equal(fixture_get(LOAD_INFO + 0x1ef, 1), 0); /* sentinel */
	fixture_expect_bytes(LOAD_INFO + 0x1f1, image + 0x1f1, 9);
	assert_int_equal(fixture_get(LOAD_INFO + 0x1fa, 2), 0xffff);
	fixture_expect_bytes(LOAD_INFO + 0x1fe, image + 0x1fe, 0x12);
	assert_int_equal(fixture_get(LOAD_INFO + 0x210, 1), 0xff);
	assert_int_equal(fixture_get(LOAD_INFO + 0x211, 1), 0x01);
	assert_int_equal(fixture_get(LOAD_INFO + 0x218, 8), 0); /* no initrd */
	fixture_expect_bytes(LOAD_INFO + 0x22c, image + 0x22c, 0x24);
	assert_int_equal(fixture_get(LOAD_INFO + 0x250, 8), 0);
	fixture_expect_bytes(LOAD_INFO + 0x258, image + 0x258, 0x14);
	assert_int_equal(fixture_get(LOAD_INFO + 0x26c, 8), 0);
	assert_int_equal(fixture_get(LOAD_INFO + 0x228, 4), LOAD_CMDLINE);
	fixture_expect_bytes(LOAD_CMDLINE, CMDLINE, sizeof(CMDLINE));
	guest_e820_build(&map, MIB(32));
	assert_int_equal(fixture_get(LOAD_INFO + 0x1e8, 1), 4);
	fixture_expect_bytes(LOAD_INFO + 0x2d0, map.entries, 4 * 20);
}

static void test_high_memory(void **state)
{
	(void)state;
	fixture_setup(GIB(3) + MIB(4), "vmlinuz");
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x1e8, 1), 5);
	assert_int_equal(fixture_get(LOAD_INFO + 0x2d0 + 80, 8), GIB(4));
	assert_int_equal(fixture_get(LOAD_INFO + 0x2d0 + 88, 8), MIB(4));
	fixture_expect_bytes(LOAD_CMDLINE, "", 1);
}

static void expect_prot32(u64 load)
{
	expect_loaded_at(load);
	assert_int_equal(fixture_result.mode, LOAD_PROT32);
	assert_int_equal(fixture_result.rip, load);
	assert_int_equal(fixture_result.cr0, CR0_PE | CR0_ET);
	assert_int_equal(fixture_result.cr3, 0);
	assert_int_equal(fixture_result.cr4, 0);
	assert_int_equal(fixture_result.efer, 0);
	assert_true(fixture_result.code.attr & SEG_ATTR_DB);
	assert_int_equal(fixture_get(LOAD_GDT + 0x10, 8), 0x00cf9b000000ffffull);
}

static void test_prot32(void **state)
{
	(void)state;
	/* Each version before a field came reads as if it were not there. */
	make_image(0x20b);
	expect_prot32(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x70, 8), 0);
	make_image(0x209);
	expect_prot32(MIB(2));
	make_image(0x205);
	put(image, 0x234, 1, 0);
	expect_prot32(MIB(1));
	make_image(0x20f);
	put(image, 0x236, 2, 0x7e);
	expect_prot32(MIB(16));
}

static void test_addresses(void **state)
{
	(void)state;
	put(image, 0x258, 8, MIB(16) + 1); /* not aligned: goes up */
	expect_loaded_at(MIB(18));
	put(image, 0x258, 8, 0x1000); /* below 1 MiB */
	expect_loaded_at(MIB(2));
	put(image, 0x258, 8, 0); /* none */
	expect_loaded_at(MIB(2));
	put(image, 0x258, 8, MIB(29)); /* fits, but only aligned to 1 MiB */
	put(image, 0x235, 1, 12);
	expect_loaded_at(MIB(29));
	assert_int_equal(fixture_get(LOAD_INFO + 0x230, 4), MIB(1));
	put(image, 0x234, 1, 0); /* not relocatable: exactly there */
	put(image, 0x258, 8, MIB(16) + 0x3000);
	expect_loaded_at(MIB(16) + 0x3000);
	assert_int_equal(fixture_get(LOAD_INFO + 0x230, 4), MIB(2));
}

static void test_initrd(void **state)
{
	static const u8 data[5000] = { 1, 2, 3, [4999] = 9 };
	struct load_module modules[] = {
		{ .data = data, .size = 4097, .name = "a.gz" },
		{ .data = data, .size = 5000, .name = "b.gz" },
	};
	u64 top = MIB(32);

	(void)state;
	fixture_req.modules = modules;
	fixture_req.module_count = 1;
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x218, 4), top - 0x2000);
	assert_int_equal(fixture_get(LOAD_INFO + 0x21c, 4), 4100);
	fixture_expect_bytes(top - 0x2000, data, 4097);

	fixture_req.module_count = 2;
	memset(guest_mem_ptr(&fixture_mem, GPA(top - 0x2000)), 0xa5, 4096);
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x218, 4), top - 0x3000);
	assert_int_equal(fixture_get(LOAD_INFO + 0x21c, 4), 4100 + 5000);
	fixture_expect_bytes(top - 0x3000, data, 4097);
	assert_int_equal(fixture_get(top - 0x3000 + 4097, 3), 0);
	fixture_expect_bytes(top - 0x3000 + 4100, data, 5000);

	put(image, 0x22c, 4, MIB(24) - 1);
	fixture_req.module_count = 1;
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x218, 4), MIB(24) - 0x2000);
	modules[0].size = 4096;
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x218, 4), MIB(24) - 0x1000);
	modules[0].size = 4097;
	fixture_req.module_count = 2;
	put(image, 0x22c, 4, MIB(24) + 0x1233); /* initrd_addr_max is the last byte it may use */
	expect_loaded_at(MIB(16));
	assert_int_equal(fixture_get(LOAD_INFO + 0x218, 4),
			 align_down(MIB(24) + 0x1234 - 9100, 4096));
}

/* A real kernel, where there is one. */
static void test_real_kernel(void **state)
{
	struct bzimage parsed;
	char path[256] = "";
	FILE *stream;
	glob_t found;
	size_t size;
	u8 *file;

	(void)state;
	if (glob("build/linux/*/vmlinuz", 0, NULL, &found) == 0 ||
	    glob("/boot/vmlinuz-*", 0, NULL, &found) == 0)
		snprintf(path, sizeof(path), "%s", found.gl_pathv[0]);
	globfree(&found);
	stream = fopen(path, "rb");
	if (!stream) {
		print_message("no kernel to read in build/linux or /boot\n");
		skip();
	}
	file = malloc(MIB(64));
	size = fread(file, 1, MIB(64), stream);
	fclose(stream);
	fixture_setup(MIB(256), "vmlinuz");
	assert_int_equal(fixture_load(file, size), 0);
	fixture_req.kernel = file;
	fixture_req.kernel_size = size;
	assert_int_equal(bzimage_parse(&fixture_req, &parsed), 0);
	print_message("%s: protocol %x, %lu + %lu of %zu bytes, needs %lu KiB, loads at 0x%lx\n",
		      path, parsed.version, parsed.setup_size, parsed.kernel_size, size,
		      parsed.init_size >> 10, fixture_get(LOAD_INFO + 0x214, 4));
	free(file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_long64_state), FIXTURE_TEST(test_boot_params),
		FIXTURE_TEST(test_high_memory),  FIXTURE_TEST(test_prot32),
		FIXTURE_TEST(test_addresses),    FIXTURE_TEST(test_initrd),
		FIXTURE_TEST(test_real_kernel),
	};

	return cmocka_run_group_tests_name("bzimage", tests, NULL, NULL);
}
