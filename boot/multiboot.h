/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The information structures of the Multiboot Specification (version 1) and of the
 * Multiboot2 Specification, with their names where they have some. All are packed: nobody
 * promises that they are aligned. The headers in our own image are in boot/start.S.
 */
#pragma once

#include "lib/types.h"

/* What the loader leaves in EAX. */
#define MB1_BOOT_MAGIC 0x2badb002u
#define MB2_BOOT_MAGIC 0x36d76289u

/* Which fields of struct mb1_info are there. */
#define MB1_INFO_MEMORY 0x1u
#define MB1_INFO_CMDLINE 0x4u
#define MB1_INFO_MODS 0x8u
#define MB1_INFO_MEM_MAP 0x40u
#define MB1_INFO_LOADER_NAME 0x200u
#define MB1_INFO_FRAMEBUFFER 0x1000u

struct mb1_info {
	u32 flags;
	u32 mem_lower, mem_upper; /* KiB from 0 and from 1 MiB */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name;
	u32 apm_table;
} __packed;
_Static_assert(sizeof(struct mb1_info) == 72, "Multiboot Specification");
_Static_assert(offsetof(struct mb1_info, mmap_length) == 44, "Multiboot Specification");
_Static_assert(offsetof(struct mb1_info, boot_loader_name) == 64, "Multiboot Specification");

/* The framebuffer's fields lie behind 16 bytes about VBE, which follow struct mb1_info. */
#define MB1_FRAMEBUFFER_OFFSET 88u

struct mb1_framebuffer {
	u64 addr;
	u32 pitch, width, height;
	u8 bpp, type;
} __packed;
_Static_assert(sizeof(struct mb1_framebuffer) == 22, "Multiboot Specification");

struct mb1_module {
	u32 mod_start, mod_end;
	u32 string;
	u32 reserved;
} __packed;
_Static_assert(sizeof(struct mb1_module) == 16, "Multiboot Specification");

struct mb1_mmap_entry {
	u32 size; /* of what follows this field */
	u64 addr, len;
	u32 type;
} __packed;
_Static_assert(sizeof(struct mb1_mmap_entry) == 24, "Multiboot Specification");

struct mb2_info {
	u32 total_size; /* with this */
	u32 reserved;
} __packed;
_Static_assert(sizeof(struct mb2_info) == 8, "Multiboot2 Specification");

#define MB2_TAG_ALIGN 8u

enum mb2_tag_type {
	MB2_TAG_END = 0,
	MB2_TAG_CMDLINE = 1,
	MB2_TAG_LOADER_NAME = 2,
	MB2_TAG_MODULE = 3,
	MB2_TAG_BASIC_MEMINFO = 4,
	MB2_TAG_MMAP = 6,
	MB2_TAG_FRAMEBUFFER = 8,
	MB2_TAG_EFI64 = 12,
	MB2_TAG_ACPI_OLD = 14,
	MB2_TAG_ACPI_NEW = 15,
	MB2_TAG_EFI_MMAP = 17,
};

struct mb2_tag {
	u32 type;
	u32 size; /* with this, without the padding to MB2_TAG_ALIGN */
} __packed;
_Static_assert(sizeof(struct mb2_tag) == 8, "Multiboot2 Specification");

/* What follows struct mb2_tag, by type. Strings follow MB2_TAG_CMDLINE and _LOADER_NAME. */
struct mb2_module {
	u32 mod_start, mod_end; /* and a string */
} __packed;

struct mb2_basic_meminfo {
	u32 mem_lower, mem_upper; /* KiB from 0 and from 1 MiB */
} __packed;

struct mb2_mmap {
	u32 entry_size, entry_version; /* and entries */
} __packed;

struct mb2_mmap_entry {
	u64 addr, len;
	u32 type;
	u32 reserved;
} __packed;
_Static_assert(sizeof(struct mb2_mmap_entry) == 24, "Multiboot2 Specification");

struct mb2_framebuffer {
	u64 addr;
	u32 pitch, width, height;
	u8 bpp, type;
	u16 reserved;
} __packed;
_Static_assert(sizeof(struct mb2_framebuffer) == 24, "Multiboot2 Specification");

struct mb2_efi64 {
	u64 pointer;
} __packed;

struct mb2_efi_mmap {
	u32 entry_size, entry_version; /* and entries: EFI_MEMORY_DESCRIPTOR */
} __packed;

enum mb2_efi_type {
	MB2_EFI_LOADER_CODE = 1,
	MB2_EFI_LOADER_DATA = 2,
	MB2_EFI_BOOT_CODE = 3,
	MB2_EFI_BOOT_DATA = 4,
	MB2_EFI_RUNTIME_CODE = 5,
	MB2_EFI_RUNTIME_DATA = 6,
	MB2_EFI_CONVENTIONAL = 7,
	MB2_EFI_ACPI_RECLAIM = 9,
};

struct mb2_efi_entry {
	u32 type;
	u32 padding;
	u64 start;
	u64 virtual_start;
	u64 pages; /* of 4 KiB */
	u64 attribute;
} __packed;
_Static_assert(sizeof(struct mb2_efi_entry) == 40, "EFI_MEMORY_DESCRIPTOR");
