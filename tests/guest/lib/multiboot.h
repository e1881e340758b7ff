/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The multiboot 1 structures as a loaded kernel sees them, and what the start-up code
 * saved of the machine state it was entered with.
 */
#pragma once

#include "lib/types.h"

#define MB_BOOT_MAGIC 0x2badb002u

#define MB_INFO_MEMORY BIT(0)
#define MB_INFO_CMDLINE BIT(2)
#define MB_INFO_MODS BIT(3)
#define MB_INFO_MMAP BIT(6)
#define MB_INFO_LOADER BIT(9)

#define MB_MMAP_RAM 1u

struct mb_info {
	u32 flags;
	u32 mem_lower, mem_upper; /* KiB */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 loader_name;
};

struct mb_module {
	u32 start, end; /* end is the first byte after */
	u32 string;
	u32 reserved;
};

/* size counts the bytes after itself. */
struct mb_mmap {
	u32 size;
	u64 base, length;
	u32 type;
} __packed;

/* Saved by the start-up code before it changed anything. */
struct boot_state {
	u32 magic, info;
	u32 cr0, eflags;
	u32 cs, ds, es, fs, gs, ss;
};
extern struct boot_state boot_state;

static inline const struct mb_info *boot_info(void)
{
	return (const struct mb_info *)(uintptr_t)boot_state.info;
}

/* The command line as the loader gave it, "" when there is none. */
const char *boot_cmdline(void);

/*
 * The text after key= in the command line, or NULL. The value ends at a space or at the end of
 * the line; key is the name without the equals sign.
 */
const char *boot_option(const char *key);

/* Does the value of key begin with, and end after, word? */
bool boot_option_is(const char *key, const char *word);

/* A decimal value of key, or fallback when it is not there. */
u32 boot_option_number(const char *key, u32 fallback);

/* Iterate over the memory map: first with NULL, until NULL is returned. */
const struct mb_mmap *boot_mmap_next(const struct mb_mmap *entry);
