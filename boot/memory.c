/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory at start-up. See memory.h. Reserved are: the image, the modules, the page for starting
 * CPUs, and what the host's tables take.
 */
#include "boot/memory.h"

#include "arch/layout.h"
#include "arch/percpu.h"
#include "boot/display.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "mm/host_tables.h"

#define TRAMPOLINE_LOW KIB(4)
#define TRAMPOLINE_HIGH KIB(512) /* above it firmware may keep data of its own */
#define FIXED_RESERVED 3u

extern const u8 image_start[], image_end[];

static struct mem_range ram[BOOT_MAX_MEMORY];
static struct mem_range reserved[BOOT_MAX_MEMORY + BOOT_MAX_MODULES + FIXED_RESERVED];
static size_t ram_count, reserved_count;
static hpa_t trampoline;

hpa_t boot_memory_trampoline(void)
{
	return trampoline;
}

static void reserve(u64 start, u64 len)
{
	reserved[reserved_count++] = (struct mem_range){ .start = HPA(start), .len = len };
}

static bool overlaps(const struct mem_range *range, u64 start, u64 len)
{
	return start < range->start.raw + range->len && start + len > range->start.raw;
}

static bool is_free(u64 start)
{
	bool in_ram = false;

	for (size_t i = 0; i < ram_count; i++)
		in_ram |= start >= ram[i].start.raw &&
			  start + PAGE_SIZE <= ram[i].start.raw + ram[i].len;
	for (size_t i = 0; i < reserved_count; i++) {
		if (overlaps(&reserved[i], start, PAGE_SIZE))
			return false;
	}
	return in_ram;
}

static void choose_trampoline(void)
{
	for (u64 page = TRAMPOLINE_HIGH; page > TRAMPOLINE_LOW; page -= PAGE_SIZE) {
		if (!is_free(page - PAGE_SIZE))
			continue;
		trampoline = HPA(page - PAGE_SIZE);
		reserve(trampoline.raw, PAGE_SIZE);
		return;
	}
}

static void collect(const struct boot_info *info)
{
	for (u32 i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		log_debug("memory: %012llx-%012llx type %u", (unsigned long long)m->start,
			  (unsigned long long)(m->start + m->len - 1), m->type);
		if (m->type == BOOT_MEMORY_USABLE)
			ram[ram_count++] = (struct mem_range){ .start = HPA(m->start),
							       .len = m->len };
		else
			reserve(m->start, m->len);
	}
	/* image_start is a physical address, image_end a linked one. */
	reserve((u64)image_start, (u64)image_end - KERNEL_OFFSET - (u64)image_start);
	for (u32 i = 0; i < info->module_count; i++)
		reserve(info->modules[i].start.raw, info->modules[i].size);
}

int boot_memory_init(const struct boot_info *info)
{
	struct mem_range tables;
	struct frame_stats stats;
	int err;

	collect(info);
	choose_trampoline();
	err = host_tables_init(ram, ram_count, reserved, reserved_count, &tables);
	if (err)
		return err;
	reserve(tables.start.raw, tables.len);
	display_map();
	host_tables_load();
	display_move();
	err = frames_init(ram, ram_count, reserved, reserved_count);
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
