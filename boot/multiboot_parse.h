/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the readers of the two multiboot formats share. For boot/multiboot*.c only.
 */
#pragma once

#include "boot/bootinfo.h"
#include "lib/bytes.h"

struct boot_parse {
	struct boot_info *info;
	const void *(*map)(hpa_t addr, u64 len);
	u32 mem_lower, mem_upper; /* KiB from 0 and from 1 MiB, for want of a memory map */
	u32 modules_seen; /* with those that are left out */
	bool modules_full;
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
	struct boot_text cmdline;
};

/* At most max bytes at ptr, among which there should be a NUL. */
struct boot_text boot_text_make(const char *ptr, size_t max);

/* A copy of the text in the pool; "" and a log line saying whose, when it cannot be had. */
const char *boot_text_keep(const struct boot_text *text, const char *whose);

/* Each adds to info, or logs why not. False: there is no room for more of them. */
bool boot_add_memory(struct boot_parse *parse, u64 start, u64 len, u32 type);
bool boot_add_module(struct boot_parse *parse, const struct boot_module *module);

/* Read the information at addr. 0, or E_RANGE when it cannot be reached. */
int __must_check multiboot1_parse(struct boot_parse *parse, hpa_t addr);
int __must_check multiboot2_parse(struct boot_parse *parse, hpa_t addr);

/* Add the ranges of parse->efi_map, if there is one. */
void multiboot2_parse_efi_map(struct boot_parse *parse);
