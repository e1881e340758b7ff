/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader's memory map as the rest of the hypervisor can use it: ranges that do not wrap, lie
 * where the direct map reaches, and may otherwise be in any order, overlap, and have holes. What
 * is RAM in one range and reserved in another is reserved.
 */
#pragma once

#include "boot/bootinfo.h"
#include "mm/frames.h"

#define MEMORY_MAP_RAM BOOT_MAX_MEMORY

struct memory_map {
	struct mem_range ram[MEMORY_MAP_RAM];
	struct mem_range *reserved; /* info's */
	size_t ram_count, reserved_count;
	hpa_t trampoline; /* a free page below 512 KiB, reserved; 0: there is none */
	u64 ram_above; /* bytes of RAM that lie out of reach */
};

/* Make map from info, the image and the width of physical addresses. */
void memory_map_make(struct memory_map *map, const struct boot_info *info,
		     const struct mem_range *image, u8 phys_bits);

/* Add a reserved range; there is room for one. */
void memory_map_reserve(struct memory_map *map, u64 start, u64 len);

/* For people: the map in order, without overlaps. from is where to look on, 0 at first. */
struct memory_stretch {
	u64 start, end;
	u32 type; /* the loader's; BOOT_MEMORY_HOLE where no range is */
};
#define BOOT_MEMORY_HOLE 0u

/* The stretch of one type at from. False: nothing described lies at or above it. */
bool memory_stretch_at(const struct boot_info *info, u64 from, struct memory_stretch *stretch);
