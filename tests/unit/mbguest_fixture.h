/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot kernels made by hand, and what the tests of their loader expect of them.
 */
#pragma once

#include "tests/unit/load_fixture.h"

#include <elf.h>

#include "arch/cpu.h"
#include "vm/mbguest.h"

#define IMAGE_SIZE 4096u
#define HEADER 0x200u
#define TEXT 0x400u /* file offset of what is loaded */
#define TEXT_SIZE 0x800u
#define BSS_END 0x102000u
#define MEM MIB(16)

static u8 image[IMAGE_SIZE];

static inline void put_header(u32 flags)
{
	put(image, HEADER, 4, 0x1badb002);
	put(image, HEADER + 4, 4, flags);
	put(image, HEADER + 8, 4, (u32) - (0x1badb002 + flags));
}

static inline void make_base(void)
{
	memset(image, 0, sizeof(image));
	for (u32 i = 0; i < TEXT_SIZE; i++)
		image[TEXT + i] = (u8)(i * 5 + 1);
	put_header(3);
}

/* Two segments, text with bss and one in low memory. Linked elsewhere than where it loads. */
static inline void make_elf32(void)
{
	Elf32_Ehdr ehdr = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_version = EV_CURRENT,
		.e_entry = 0xc0100010,
		.e_phoff = sizeof(ehdr),
		.e_ehsize = sizeof(ehdr),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 2,
	};
	Elf32_Phdr phdr[2] = {
		{ .p_type = PT_LOAD,
		  .p_offset = TEXT,
		  .p_vaddr = 0xc0100000,
		  .p_paddr = 0x100000,
		  .p_filesz = TEXT_SIZE,
		  .p_memsz = BSS_END - 0x100000 },
		{ .p_type = PT_LOAD,
		  .p_offset = TEXT,
		  .p_vaddr = 0x8000,
		  .p_paddr = 0x8000,
		  .p_filesz = 16,
		  .p_memsz = 16 },
	};

	make_base();
	memcpy(image, &ehdr, sizeof(ehdr));
	memcpy(image + sizeof(ehdr), phdr, sizeof(phdr));
}

static inline void make_elf64(void)
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
		.e_phnum = 1,
	};
	Elf64_Phdr phdr = {
		.p_type = PT_LOAD,
		.p_offset = TEXT,
		.p_vaddr = 0xffffffff80100000,
		.p_paddr = 0x100000,
		.p_filesz = TEXT_SIZE,
		.p_memsz = BSS_END - 0x100000,
	};

	make_base();
	memcpy(image, &ehdr, sizeof(ehdr));
	memcpy(image + sizeof(ehdr), &phdr, sizeof(phdr));
}

/* The header at 0x200 of the file loads at 0x100100: what loads starts at 0x100 of the file. */
static inline void put_fields(u32 load, u32 load_end, u32 bss_end, u32 entry)
{
	put(image, HEADER + 12, 4, 0x100100);
	put(image, HEADER + 16, 4, load);
	put(image, HEADER + 20, 4, load_end);
	put(image, HEADER + 24, 4, bss_end);
	put(image, HEADER + 28, 4, entry);
}

/* An ELF64 file, as Sill itself is, that is to be loaded by its address fields. */
static inline void make_fields(void)
{
	make_elf64();
	put_header(0x10003);
	put_fields(0x100000, 0x100b00, BSS_END, 0x100310);
}

static inline int setup(void **state)
{
	(void)state;
	fixture_setup(MEM, "guest.elf");
	fixture_req.cmdline = "a=1 b";
	make_elf32();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	fixture_teardown();
	return 0;
}

static inline void expect_loaded(u64 entry)
{
	/* Stale bytes where bss goes must be zeroed. */
	memset(guest_mem_ptr(&fixture_mem, GPA(0x100000)), 0xa5, 0x3000);
	if (fixture_load(image, IMAGE_SIZE))
		fail_msg("does not load: %s", host_log);
	assert_string_equal(host_log, "");
	assert_int_equal(fixture_result.mode, LOAD_PROT32);
	assert_int_equal(fixture_result.rip, entry);
	assert_int_equal(fixture_result.rax, 0x2badb002);
	assert_int_equal(fixture_result.rbx, LOAD_INFO);
	assert_int_equal(fixture_result.cr0, CR0_PE | CR0_ET);
	assert_int_equal(fixture_result.efer | fixture_result.cr3 | fixture_result.cr4, 0);
}

static inline void expect_refused(int err, const char *words)
{
	int got = fixture_load(image, IMAGE_SIZE);

	if (got != err)
		fail_msg("expected %d and '%s', got %d: %s", err, words, got, host_log);
	fixture_expect_line(words);
}
