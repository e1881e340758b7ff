/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a guest has memory: the one place that knows the shape of a VM's physical address
 * space. The loaders pass the map to the guest; who makes the slots uses the two sizes.
 */
#pragma once

#include "lib/types.h"

/* Low memory ends here at the latest: what is above, up to 4 GiB, is for devices. */
#define GUEST_LOW_MAX GIB(3)
#define GUEST_HIGH_BASE GIB(4)
/* The usable part of the first megabyte, and where the firmware's tables are (ACPI). */
#define GUEST_BASE_END ((u64)0x9fc00)
#define GUEST_VGA_BASE ((u64)0xa0000)
#define GUEST_BIOS_BASE ((u64)0xe0000)
#define GUEST_EXT_BASE MIB(1)
/*
 * Where the CPU needs page tables to run a guest whose paging is off: a page directory that maps
 * all to itself, in memory of its own where a PC has its firmware.
 */
#define GUEST_IDENTITY_MAP (GIB(4) - MIB(2))

enum e820_type { E820_RAM = 1, E820_RESERVED = 2 };

/* As firmware and Linux's boot protocol lay it out. */
struct e820_entry {
	u64 base, size;
	u32 type; /* enum e820_type */
} __packed;
_Static_assert(sizeof(struct e820_entry) == 20, "an E820 entry has 20 bytes");

#define GUEST_E820_MAX 5u

/* Sorted by base, not overlapping. */
struct guest_e820 {
	u32 count;
	struct e820_entry entries[GUEST_E820_MAX];
};

/* Of mem_size bytes of guest memory: how many lie from gpa 0 on. */
static inline u64 guest_low_size(u64 mem_size)
{
	return MIN(mem_size, GUEST_LOW_MAX);
}

/* Of mem_size bytes of guest memory: how many lie from 4 GiB on. */
static inline u64 guest_high_size(u64 mem_size)
{
	return mem_size - guest_low_size(mem_size);
}

/* The map of a guest with mem_size bytes. */
void guest_e820_build(struct guest_e820 *map, u64 mem_size);

/* Is [base, base + size) within one entry of usable memory? Any values are allowed. */
bool guest_e820_is_ram(const struct guest_e820 *map, u64 base, u64 size);
