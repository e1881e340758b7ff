/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the readers of the two multiboot formats share. For boot/multiboot*.c only.
 */
#pragma once

#include "boot/bootinfo.h"
#include "lib/bytes.h"

struct boot_parse {
	struct boot_info *info;
	const struct boot_access *access;
	u32 mem_lower, mem_upper; /* KiB from 0 and from 1 MiB, for want of a memory map */
	const struct boot_module_source *modules; /* NULL: there are none */
	/* Where their descriptions are, all in one piece. */
	struct mem_range source;
	u32 ranges_seen; /* of memory, likewise */
	struct bytes efi_map; /* multiboot 2: the body of that tag, or nothing */
};

/* A string that the loader left somewhere, found but not copied yet. */
struct boot_text {
	const char *ptr;
	size_t len;
	const char
		*problem; /* NULL, or why it cannot be used: ptr and len are what is known of it */
};

/* A module as the loader describes it. */
struct boot_module {
	u32 start, end;
	struct mem_range string; /* where it is at most; len 0: there is none */
};

/* How the modules of one format are found. Neither function logs: both run more than once. */
struct boot_module_source {
	/* The module at *cursor, 0 at first, which goes on to the next. False: that was all. */
	bool (*next)(const struct boot_parse *parse, u64 *cursor, struct boot_module *module);
	/* Its command line; the next call may reuse the memory. */
	struct boot_text (*text)(const struct boot_parse *parse, const struct boot_module *module);
};

/* At most max bytes at ptr, among which there should be a NUL. */
struct boot_text boot_text_make(const char *ptr, size_t max);

/* A copy of the text in the pool; "" and a log line saying whose, when it cannot be had. */
const char *boot_text_keep(const struct boot_text *text, const char *whose);

/* Adds to info, or logs why not. False: there is no room for more of them. */
bool boot_add_memory(struct boot_parse *parse, u64 start, u64 len, u32 type);

/* Make the list of modules; info has the memory map already. What is wrong is logged. */
void boot_read_modules(struct boot_parse *parse);

/* Read the information at addr. 0, or E_RANGE when it cannot be reached. */
int __must_check multiboot1_parse(struct boot_parse *parse, hpa_t addr);
int __must_check multiboot2_parse(struct boot_parse *parse, hpa_t addr);

/* Add the ranges of parse->efi_map, if there is one. */
void multiboot2_parse_efi_map(struct boot_parse *parse);
