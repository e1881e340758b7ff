/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory at start-up. See memory.h. Reserved are: the image, the modules, the page for starting
 * CPUs, and what the host's tables take.
 */
#include "boot/memory.h"

#include "arch/features.h"
#include "arch/layout.h"
#include "boot/display.h"
#include "boot/memory_map.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "mm/host_tables.h"

extern const u8 image_start[], image_end[];

static struct memory_map map;

hpa_t boot_memory_trampoline(void)
{
	return map.trampoline;
}

struct mem_range boot_memory_image(void)
{
	/* image_start is a physical address, image_end a linked one. */
	return (struct mem_range){
		.start = HPA((u64)image_start),
		.len = (u64)image_end - KERNEL_OFFSET - (u64)image_start,
	};
}

int boot_memory_init(const struct boot_info *info)
{
	const struct mem_range image = boot_memory_image();
	struct mem_range tables;
	struct frame_stats stats;
	int err;

	memory_map_make(&map, info, &image, cpu_features.phys_bits);
	err = host_tables_init(map.ram, map.ram_count, map.reserved, map.reserved_count, &tables);
	if (err)
		return err;
	memory_map_reserve(&map, tables.start.raw, tables.len);
	display_map();
	host_tables_load();
	display_move();
	err = frames_init(map.ram, map.ram_count, map.reserved, map.reserved_count);
	if (!err)
		err = host_tables_use_frames();
	if (!err)
		err = heap_init();
	if (err)
		return err;
	frame_stats_read(&stats);
	log_info(
		"memory: %llu MiB usable, %llu MiB free, %llu whole GiB and %llu whole 2 MiB blocks",
		(unsigned long long)(stats.total >> 8), (unsigned long long)(stats.free >> 8),
		(unsigned long long)stats.free_blocks[LEVEL_1G],
		(unsigned long long)stats.free_blocks[LEVEL_2M]);
	return 0;
}
