/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF headers and program headers, 32-bit and 64-bit, read from untrusted bytes into one
 * form. The two classes differ in where a field lies and how wide an address is: that is
 * a table here, so there is one reader. No state.
 */
#include "lib/elf.h"

#define ELF_MAGIC 0x464c457fu /* 7f 'E' 'L' 'F' */
#define IDENT_CLASS 4u
#define IDENT_DATA 5u
#define IDENT_VERSION 6u
#define CLASS_32 1u
#define CLASS_64 2u
#define DATA_LITTLE 1u
#define VERSION_CURRENT 1u
/* At the same place in both classes. */
#define EHDR_TYPE 16u
#define EHDR_MACHINE 18u
#define EHDR_ENTRY 24u
/* phnum is this when the real number is kept elsewhere: more segments than anyone here has. */
#define PHNUM_ELSEWHERE 0xffffu

struct elf_layout {
	u8 word; /* bytes of an address, offset or size */
	u8 ehsize, phoff, phentsize, phnum; /* file header: its size, then offsets in it */
	u8 phsize; /* size of a program header, then offsets in it */
	u8 flags, offset, vaddr, paddr, filesz, memsz;
};

static const struct elf_layout elf_layouts[2] = {
	[0] = {
		.word = 4, .ehsize = 52, .phoff = 28, .phentsize = 42, .phnum = 44, .phsize = 32,
		.flags = 24, .offset = 4, .vaddr = 8, .paddr = 12, .filesz = 16, .memsz = 20,
	},
	[1] = {
		.word = 8, .ehsize = 64, .phoff = 32, .phentsize = 54, .phnum = 56, .phsize = 56,
		.flags = 4, .offset = 8, .vaddr = 16, .paddr = 24, .filesz = 32, .memsz = 40,
	},
};

bool elf_is(struct bytes file)
{
	return bytes_u32(file, 0) == ELF_MAGIC;
}

static const char *elf_check_ident(struct bytes file)
{
	u8 class = bytes_u8(file, IDENT_CLASS);

	if (!elf_is(file))
		return "no ELF magic";
	if (class != CLASS_32 && class != CLASS_64)
		return "neither ELF32 nor ELF64";
	if (bytes_u8(file, IDENT_DATA) != DATA_LITTLE)
		return "not little-endian";
	if (bytes_u8(file, IDENT_VERSION) != VERSION_CURRENT)
		return "unknown ELF version";
	return NULL;
}

const char *elf_open(struct elf *elf, struct bytes file)
{
	const struct elf_layout *layout;
	const char *why = elf_check_ident(file);

	*elf = (struct elf){ .file = file };
	if (why)
		return why;
	elf->is64 = bytes_u8(file, IDENT_CLASS) == CLASS_64;
	layout = &elf_layouts[elf->is64];
	if (!bytes_has(file, 0, layout->ehsize))
		return "the file ends inside its ELF header";
	elf->type = bytes_u16(file, EHDR_TYPE);
	elf->machine = bytes_u16(file, EHDR_MACHINE);
	elf->entry = bytes_get(file, EHDR_ENTRY, layout->word);
	elf->phoff = bytes_get(file, layout->phoff, layout->word);
	elf->phentsize = bytes_u16(file, layout->phentsize);
	elf->phnum = bytes_u16(file, layout->phnum);
	if (elf->phnum == 0)
		return "no program headers";
	if (elf->phnum == PHNUM_ELSEWHERE)
		return "too many program headers";
	if (elf->phentsize != layout->phsize)
		return "program headers of a wrong size";
	if (!bytes_has(file, elf->phoff, (u64)elf->phnum * elf->phentsize))
		return "program headers beyond the end of the file";
	return NULL;
}

struct elf_segment elf_segment_read(const struct elf *elf, u32 index)
{
	const struct elf_layout *layout = &elf_layouts[elf->is64];
	struct bytes header;

	if (index >= elf->phnum)
		return (struct elf_segment){ .type = 0 };
	header = bytes_slice(elf->file, elf->phoff + (u64)index * elf->phentsize, elf->phentsize);
	return (struct elf_segment){
		.type = bytes_u32(header, 0),
		.flags = bytes_u32(header, layout->flags),
		.offset = bytes_get(header, layout->offset, layout->word),
		.vaddr = bytes_get(header, layout->vaddr, layout->word),
		.paddr = bytes_get(header, layout->paddr, layout->word),
		.filesz = bytes_get(header, layout->filesz, layout->word),
		.memsz = bytes_get(header, layout->memsz, layout->word),
	};
}

const char *elf_segment_check(const struct elf *elf, const struct elf_segment *segment)
{
	u64 last = elf->is64 ? UINT64_MAX : UINT32_MAX;

	if (!bytes_has(elf->file, segment->offset, segment->filesz))
		return "its bytes lie beyond the end of the file";
	if (segment->filesz > segment->memsz)
		return "it has more bytes in the file than in memory";
	/* The end may be one past the last address, so compare without adding. */
	if (segment->memsz && (segment->memsz - 1 > last - segment->vaddr ||
			       segment->memsz - 1 > last - segment->paddr))
		return "its addresses wrap around";
	return NULL;
}
