/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ELF reader: both classes, every way in which headers can lie, and random damage.
 */
#include "tests/unit/host/host.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "lib/elf.h"

#define IMAGE_SIZE 512u
#define MUTATIONS 100000u

static u8 image[IMAGE_SIZE];

static struct bytes image_bytes(void)
{
	return (struct bytes){ .data = image, .len = IMAGE_SIZE };
}

static void make_elf32(void)
{
	Elf32_Ehdr ehdr = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_version = EV_CURRENT,
		.e_entry = 0x100010,
		.e_phoff = sizeof(ehdr),
		.e_ehsize = sizeof(ehdr),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 2,
	};
	Elf32_Phdr phdr[2] = {
		{ .p_type = PT_NOTE },
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_X,
		  .p_offset = 0x180,
		  .p_vaddr = 0xc0100000,
		  .p_paddr = 0x100000,
		  .p_filesz = 0x80,
		  .p_memsz = 0x1000 },
	};

	memset(image, 0, sizeof(image));
	memcpy(image, &ehdr, sizeof(ehdr));
	memcpy(image + sizeof(ehdr), phdr, sizeof(phdr));
}

static void make_elf64(void)
{
	Elf64_Ehdr ehdr = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = 0xffffffff80100010,
		.e_phoff = sizeof(ehdr),
		.e_ehsize = sizeof(ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr phdr[2] = {
		{ .p_type = PT_NOTE },
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_X,
		  .p_offset = 0x180,
		  .p_vaddr = 0xffffffff80100000,
		  .p_paddr = 0x100000,
		  .p_filesz = 0x80,
		  .p_memsz = 0x1000 },
	};

	memset(image, 0, sizeof(image));
	memcpy(image, &ehdr, sizeof(ehdr));
	memcpy(image + sizeof(ehdr), phdr, sizeof(phdr));
}

static void expect_segment(const struct elf_segment *segment, u64 vaddr)
{
	assert_int_equal(segment->type, PT_LOAD);
	assert_int_equal(segment->flags, PF_R | PF_X);
	assert_int_equal(segment->offset, 0x180);
	assert_int_equal(segment->vaddr, vaddr);
	assert_int_equal(segment->paddr, 0x100000);
	assert_int_equal(segment->filesz, 0x80);
	assert_int_equal(segment->memsz, 0x1000);
}

static void test_elf32(void **state)
{
	struct elf_segment segment;
	struct elf elf;

	(void)state;
	make_elf32();
	assert_null(elf_open(&elf, image_bytes()));
	assert_false(elf.is64);
	assert_int_equal(elf.type, ELF_TYPE_EXEC);
	assert_int_equal(elf.machine, ELF_MACHINE_386);
	assert_int_equal(elf.entry, 0x100010);
	assert_int_equal(elf.phnum, 2);
	segment = elf_segment_read(&elf, 1);
	expect_segment(&segment, 0xc0100000);
	assert_null(elf_segment_check(&elf, &segment));
}

static void test_elf64(void **state)
{
	struct elf_segment segment;
	struct elf elf;

	(void)state;
	make_elf64();
	assert_null(elf_open(&elf, image_bytes()));
	assert_true(elf.is64);
	assert_int_equal(elf.machine, ELF_MACHINE_X86_64);
	assert_int_equal(elf.entry, 0xffffffff80100010);
	segment = elf_segment_read(&elf, 1);
	expect_segment(&segment, 0xffffffff80100000);
	assert_null(elf_segment_check(&elf, &segment));
}

static void test_index_range(void **state)
{
	struct elf elf;

	(void)state;
	make_elf64();
	image[sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr)] = PT_LOAD; /* behind the last one */
	assert_null(elf_open(&elf, image_bytes()));
	assert_int_equal(elf_segment_read(&elf, 0).type, PT_NOTE);
	assert_int_equal(elf_segment_read(&elf, 2).type, 0);
	assert_int_equal(elf_segment_read(&elf, UINT32_MAX).type, 0);
}

static const struct {
	u32 offset, size;
	u64 value;
	const char *why;
} bad_headers[] = {
	{ 0, 1, 0x7e, "no ELF magic" },
	{ EI_CLASS, 1, 0, "neither ELF32 nor ELF64" },
	{ EI_CLASS, 1, 3, "neither ELF32 nor ELF64" },
	{ EI_DATA, 1, ELFDATA2MSB, "not little-endian" },
	{ EI_VERSION, 1, 2, "unknown ELF version" },
	{ offsetof(Elf64_Ehdr, e_phnum), 2, 0, "no program headers" },
	{ offsetof(Elf64_Ehdr, e_phnum), 2, PN_XNUM, "too many program headers" },
	{ offsetof(Elf64_Ehdr, e_phnum), 2, 9, "program headers beyond the end of the file" },
	{ offsetof(Elf64_Ehdr, e_phentsize), 2, 32, "program headers of a wrong size" },
	{ offsetof(Elf64_Ehdr, e_phentsize), 2, 0, "program headers of a wrong size" },
	{ offsetof(Elf64_Ehdr, e_phoff), 8, 512 - 111,
	  "program headers beyond the end of the file" },
	{ offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX - 55,
	  "program headers beyond the end of the file" },
};

static void test_bad_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_headers); i++) {
		struct elf elf;
		const char *why;

		make_elf64();
		memcpy(image + bad_headers[i].offset, &bad_headers[i].value, bad_headers[i].size);
		why = elf_open(&elf, image_bytes());
		assert_non_null(why);
		assert_string_equal(why, bad_headers[i].why);
	}
}

static void test_headers_at_end(void **state)
{
	u64 phoff = IMAGE_SIZE - 2 * sizeof(Elf64_Phdr);
	struct elf elf;

	(void)state;
	make_elf64();
	memcpy(image + offsetof(Elf64_Ehdr, e_phoff), &phoff, sizeof(phoff));
	assert_null(elf_open(&elf, image_bytes()));
}

static void test_segment_check(void **state)
{
	struct elf_segment good, bad;
	struct elf elf;

	(void)state;
	make_elf64();
	assert_null(elf_open(&elf, image_bytes()));
	good = elf_segment_read(&elf, 1);
	bad = good;
	bad.offset = IMAGE_SIZE - good.filesz + 1;
	assert_string_equal(elf_segment_check(&elf, &bad),
			    "its bytes lie beyond the end of the file");
	bad.offset = UINT64_MAX;
	assert_non_null(elf_segment_check(&elf, &bad));
	bad = good;
	bad.memsz = good.filesz - 1;
	assert_string_equal(elf_segment_check(&elf, &bad),
			    "it has more bytes in the file than in memory");
	bad = good;
	bad.paddr = UINT64_MAX - bad.memsz + 2;
	assert_string_equal(elf_segment_check(&elf, &bad), "its addresses wrap around");
	bad.paddr--;
	assert_null(elf_segment_check(&elf, &bad));
	bad = good;
	bad.vaddr = UINT64_MAX;
	assert_string_equal(elf_segment_check(&elf, &bad), "its addresses wrap around");
	bad = good;
	elf.is64 = false;
	bad.vaddr = 0xfffff001;
	assert_string_equal(elf_segment_check(&elf, &bad), "its addresses wrap around");
}

/* Every prefix of a file, in a buffer of its own whose bounds the sanitizer watches. */
static void test_truncated(void **state)
{
	u64 headers = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);

	(void)state;
	make_elf64();
	for (u64 len = 0; len < IMAGE_SIZE; len++) {
		u8 *copy = malloc(len + 1);
		struct elf_segment segment;
		struct elf elf;
		const char *why;

		memcpy(copy + 1, image, len);
		why = elf_open(&elf, (struct bytes){ .data = copy + 1, .len = len });
		assert_int_equal(why == NULL, len >= headers);
		segment = elf_segment_read(&elf, 1);
		if (!why)
			assert_non_null(elf_segment_check(&elf, &segment));
		free(copy);
	}
}

static void test_mutations(void **state)
{
	u32 opened = 0;

	(void)state;
	srand(1);
	for (u32 i = 0; i < MUTATIONS; i++) {
		struct elf elf;
		const char *why;

		if (i & 1)
			make_elf32();
		else
			make_elf64();
		for (int n = 1 + rand() % 5; n > 0; n--)
			image[rand() % 180] = (u8)rand();
		why = elf_open(&elf, image_bytes());
		for (u32 n = 0; !why && n < elf.phnum; n++) {
			struct elf_segment segment = elf_segment_read(&elf, n);

			if (elf_segment_check(&elf, &segment))
				continue;
			opened++;
			assert_true(segment.filesz <= segment.memsz);
			assert_true(segment.offset + segment.filesz <= IMAGE_SIZE);
			assert_true(!segment.memsz ||
				    segment.paddr + (segment.memsz - 1) >= segment.paddr);
		}
	}
	assert_in_range(opened, MUTATIONS / 20, 2 * MUTATIONS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf32),          cmocka_unit_test(test_elf64),
		cmocka_unit_test(test_index_range),    cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_headers_at_end), cmocka_unit_test(test_segment_check),
		cmocka_unit_test(test_truncated),      cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
