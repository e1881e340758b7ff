/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF headers and program headers, 32-bit and 64-bit, read from untrusted bytes into one
 * form. Knows nothing of what the segments are for; copies nothing, allocates nothing.
 */
#pragma once

#include "lib/bytes.h"
#include "lib/types.h"

#define ELF_TYPE_EXEC 2u
#define ELF_MACHINE_386 3u
#define ELF_MACHINE_X86_64 62u
#define ELF_SEGMENT_LOAD 1u

struct elf {
	struct bytes file;
	bool is64;
	u16 type, machine;
	u64 entry;
	u64 phoff; /* of the program headers, in the file */
	u32 phentsize, phnum;
};

struct elf_segment {
	u32 type, flags;
	u64 offset, filesz; /* in the file */
	u64 vaddr, paddr, memsz;
};

/* Does the file start as an ELF file does? Says nothing of the rest. */
bool elf_is(struct bytes file);

/*
 * Read the file header. NULL: elf is filled and all phnum program headers lie in the file.
 * Otherwise what is wrong with the file, in a few words; elf holds what was read so far.
 */
const char *__must_check elf_open(struct elf *elf, struct bytes file);

/* Program header number index, unchecked; all 0 when index is not below phnum. */
struct elf_segment elf_segment_read(const struct elf *elf, u32 index);

/*
 * NULL: the segment's bytes lie in the file, are no more than its memory, and no address in
 * it wraps. Otherwise what is wrong, in a few words.
 */
const char *__must_check elf_segment_check(const struct elf *elf,
					   const struct elf_segment *segment);
