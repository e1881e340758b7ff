/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The multiboot loader, and the choice between kinds of kernel, on what does not fit, is cut
 * off, corrupt or damaged at random: it loads or it refuses with one line.
 */
#include "tests/unit/mbguest_fixture.h"

static void test_module_limits(void **state)
{
	u64 room = MEM - BSS_END;
	u8 *data = calloc(1, room);
	struct load_module modules[] = {
		{ .data = data, .size = room, .name = "big", .cmdline = "big" },
		{ .data = data, .size = 0, .name = "none", .cmdline = "none" },
	};

	(void)state;
	fixture_req.modules = modules;
	fixture_req.module_count = 2;
	expect_loaded(0x100010);
	modules[1].size = 1;
	expect_refused(E_NOMEM, "module none of 0 KiB does not fit: 0x1000000 to 0x1000000");
	modules[0].size = UINT64_MAX;
	expect_refused(E_NOMEM, "module big of 18014398509481983 KiB does not fit: 0x102000");
	fixture_req.module_count = 0;
	free(data);
}

static void test_long_strings(void **state)
{
	char *cmdline = malloc(1 << 20);
	struct load_module module = { .data = image, .name = "m", .cmdline = cmdline };
	struct load_module *many = calloc(40000, sizeof(*many));
	/* What the structure, 4 map entries, and the other strings leave. */
	u64 most = LOAD_AREA_END - LOAD_INFO - 120 - 4 * 24 - 5 - strlen("guest.elf") - 1 - 1;

	(void)state;
	memset(cmdline, 'c', 1 << 20);
	cmdline[most] = '\0';
	fixture_req.cmdline = cmdline;
	expect_loaded(0x100010);
	assert_int_equal(fixture_get(LOAD_AREA_END - 2, 2), 'c');
	cmdline[most] = 'c';
	cmdline[most + 1] = '\0';
	expect_refused(E_RANGE, "need 495617 bytes of boot information, of 495616");
	fixture_req.cmdline = NULL;
	fixture_req.modules = &module;
	fixture_req.module_count = 1;
	expect_refused(E_RANGE, "strings and 1 modules need");
	fixture_req.modules = many;
	fixture_req.module_count = 40000;
	expect_refused(E_RANGE, "strings and 40000 modules need");
	free(many);
	free(cmdline);
}

static const struct {
	u32 offset, size;
	u64 value;
	int err;
	const char *words;
} bad_elf[] = {
	{ HEADER, 4, 0x1badb003, E_INVAL, "an ELF file, but without a multiboot header" },
	{ 0, 1, 0, E_INVAL, "multiboot header (flags 0x3) without address fields, and no ELF" },
	{ EI_CLASS, 1, 9, E_INVAL, "bad ELF: neither ELF32 nor ELF64" },
	{ offsetof(Elf32_Ehdr, e_type), 2, ET_DYN, E_INVAL, "not an executable (type 3" },
	{ offsetof(Elf32_Ehdr, e_machine), 2, 40, E_INVAL, "not for x86 (type 2, machine 40" },
	{ offsetof(Elf32_Ehdr, e_phnum), 2, 0, E_INVAL, "no program headers" },
	{ offsetof(Elf32_Ehdr, e_phnum), 2, 1000, E_INVAL,
	  "beyond the end of the file (type 2, machine 3, 1000 headers of 32 bytes at 0x34 of 0x1000)" },
	{ offsetof(Elf32_Ehdr, e_entry), 4, 0x10, E_INVAL, "entry point 0x10 lies outside" },
	{ offsetof(Elf32_Ehdr, e_entry), 4, 0xc0102000, E_INVAL, "entry point 0xc0102000" },
	{ 52 + offsetof(Elf32_Phdr, p_offset), 4, 0x801, E_INVAL,
	  "segment 0: its bytes lie beyond the end of the file (0x800 at 0x801 of 0x1000" },
	{ 52 + offsetof(Elf32_Phdr, p_filesz), 4, UINT32_MAX, E_INVAL,
	  "beyond the end of the file" },
	{ 52 + offsetof(Elf32_Phdr, p_memsz), 4, TEXT_SIZE - 1, E_INVAL, "more bytes in the file" },
	{ 52 + offsetof(Elf32_Phdr, p_memsz), 4, UINT32_MAX, E_INVAL, "addresses wrap around" },
	{ 52 + offsetof(Elf32_Phdr, p_paddr), 4, UINT32_MAX, E_INVAL, "addresses wrap around" },
	{ 52 + offsetof(Elf32_Phdr, p_paddr), 4, 0x9f000, E_NOMEM,
	  "does not fit: 0x2000 bytes at" },
	{ 52 + offsetof(Elf32_Phdr, p_paddr), 4, 0xff000, E_NOMEM, "does not fit" },
	{ 52 + offsetof(Elf32_Phdr, p_paddr), 4, MEM - 0x1fff, E_NOMEM, "does not fit" },
	{ 52 + offsetof(Elf32_Phdr, p_paddr), 4, 0xe0000000, E_NOMEM, "does not fit" },
	{ 52 + offsetof(Elf32_Phdr, p_paddr), 4, 0xf000, E_NOMEM,
	  "0xf000 to 0x11000 overlaps boot information at 0x10000 to" },
	{ 52 + offsetof(Elf32_Phdr, p_paddr), 4, 0x17000, E_NOMEM, "overlaps boot information" },
};

static void test_bad_elf(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_elf); i++) {
		make_elf32();
		put(image, bad_elf[i].offset, bad_elf[i].size, bad_elf[i].value);
		expect_refused(bad_elf[i].err, bad_elf[i].words);
	}
	make_elf32();
	put(image, 52 + offsetof(Elf32_Phdr, p_paddr), 4, MEM - 0x2000); /* to the last byte */
	assert_int_equal(fixture_load(image, IMAGE_SIZE), 0);
	make_elf64();
	put(image, offsetof(Elf64_Ehdr, e_entry), 8, GIB(4) + 0x100010);
	expect_refused(E_INVAL, "entry point 0x100100010 lies outside");
}

static void test_many_segments(void **state)
{
	Elf32_Phdr phdr = { .p_type = PT_LOAD,
			    .p_offset = TEXT,
			    .p_vaddr = 0xc0100000,
			    .p_paddr = 0x100000,
			    .p_filesz = 16,
			    .p_memsz = 32 };

	(void)state;
	put(image, offsetof(Elf32_Ehdr, e_phoff), 4, 0xc00);
	for (u32 i = 0; i < 17; i++, phdr.p_paddr += 32, phdr.p_vaddr += 32)
		memcpy(image + 0xc00 + i * sizeof(phdr), &phdr, sizeof(phdr));
	put(image, offsetof(Elf32_Ehdr, e_phnum), 2, 16);
	expect_loaded(0x100010);
	fixture_expect_bytes(0x100000 + 15 * 32, image + TEXT, 16);
	put(image, offsetof(Elf32_Ehdr, e_phnum), 2, 17);
	expect_refused(E_INVAL, "segment 16: more segments than can be loaded");
}

static const struct {
	u32 load, load_end, bss_end, entry;
	int err;
	const char *words;
} bad_fields[] = {
	{ 0x100104, 0, 0, 0x100310, E_INVAL, "0x200 of the file: 0x100100, load address 0x100104" },
	{ 0xffe00, 0, 0, 0x100310, E_INVAL, "0x200 of the file: 0x100100, load address 0xffe00" },
	{ 0x100000, 0x101000, 0, 0x100310, E_INVAL,
	  "truncated: 0x100000 to 0x101000 is at 0x100 in the file of 0x1000 bytes" },
	{ 0x100000, 0xfffff, 0, 0x100310, E_INVAL, "truncated" },
	{ 0x100000, 0x100b00, 0x100aff, 0x100310, E_INVAL, "bss ends at 0x100aff, before" },
	{ 0x100000, 0x100b00, UINT32_MAX, 0x100310, E_NOMEM, "does not fit" },
	{ 0x100000, 0x100b00, MEM + 1, 0x100310, E_NOMEM, "does not fit" },
	{ 0x100000, 0x100b00, BSS_END, BSS_END, E_INVAL, "entry point 0x102000" },
	{ 0x100000, 0x100b00, BSS_END, 0, E_INVAL, "entry point 0x0" },
	{ 0x100000, 0x100000, 0, 0x100000, E_INVAL, "entry point 0x100000" },
};

static void test_bad_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_fields); i++) {
		make_fields();
		put_fields(bad_fields[i].load, bad_fields[i].load_end, bad_fields[i].bss_end,
			   bad_fields[i].entry);
		expect_refused(bad_fields[i].err, bad_fields[i].words);
	}
	make_fields();
	assert_int_equal(fixture_load(image, HEADER + 28), E_INVAL); /* cut inside the fields */
	fixture_expect_line("multiboot header at 0x200 of the file: 0x0");
}

static void test_flags(void **state)
{
	(void)state;
	for (u32 bit = 3; bit < 16; bit++) {
		put_header(3 | (u32)BIT(bit));
		expect_refused(E_UNSUPPORTED, "multiboot header needs unknown features");
	}
	put_header(0xffff);
	expect_refused(E_UNSUPPORTED, "flags 0xffff, of which 0xfff8");
	put_header(0xfffe0007); /* video, and what a loader may ignore */
	expect_loaded(0x100010);
}

static void test_unknown_kind(void **state)
{
	(void)state;
	memset(image, 0, sizeof(image));
	expect_refused(E_INVAL, "neither a bzImage nor a multiboot kernel (4096 bytes)");
	assert_int_equal(fixture_load(image, 0), E_INVAL);
	fixture_expect_line("neither a bzImage nor a multiboot kernel (0 bytes)");
}

static void test_truncated(void **state)
{
	(void)state;
	for (u64 len = 0; len < TEXT + TEXT_SIZE; len += len < 0x240 ? 1 : 37) {
		assert_int_equal(fixture_load(image, len), E_INVAL);
		fixture_expect_line("");
	}
	assert_int_equal(fixture_load(image, TEXT + TEXT_SIZE), 0);
}

static void test_mutations(void **state)
{
	(void)state;
	assert_in_range(fixture_mutate(image, IMAGE_SIZE, 0, 0x80), FIXTURE_MUTATIONS / 20,
			FIXTURE_MUTATIONS);
	make_elf64();
	assert_in_range(fixture_mutate(image, IMAGE_SIZE, 0, 0x80), FIXTURE_MUTATIONS / 20,
			FIXTURE_MUTATIONS);
	make_fields();
	assert_in_range(fixture_mutate(image, IMAGE_SIZE, HEADER + 12, HEADER + 32),
			FIXTURE_MUTATIONS / 20, FIXTURE_MUTATIONS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_module_limits), FIXTURE_TEST(test_long_strings),
		FIXTURE_TEST(test_bad_elf),       FIXTURE_TEST(test_many_segments),
		FIXTURE_TEST(test_bad_fields),    FIXTURE_TEST(test_flags),
		FIXTURE_TEST(test_unknown_kind),  FIXTURE_TEST(test_truncated),
		FIXTURE_TEST(test_mutations),
	};

	return cmocka_run_group_tests_name("mbguest_bad", tests, NULL, NULL);
}
