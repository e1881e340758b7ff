/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the loader's memory map to ranges of RAM and reserved ranges. See memory_map.h. Pure
 * functions: nothing here touches the memory that it is about.
 */
#include "boot/memory_map.h"

#include "lib/log.h"
#include "lib/string.h"

#define TRAMPOLINE_LOW KIB(4)
#define TRAMPOLINE_HIGH KIB(512) /* above it firmware may keep data of its own */
/* The direct map's size: what lies above could not be reached. */
#define DIRECT_MAP_BITS 46u

void memory_map_reserve(struct memory_map *map, u64 start, u64 len)
{
	if (len)
		map->reserved[map->reserved_count++] = (struct mem_range){ .start = HPA(start),
									   .len = len };
}

/* The part of [start, start + len) below limit; 0 when there is none. */
static u64 len_below(u64 start, u64 len, u64 limit)
{
	return start >= limit ? 0 : MIN(len, limit - start);
}

static void add_ram(struct memory_map *map, const struct boot_memory *range, u64 limit)
{
	u64 len = len_below(range->start, range->len, limit);

	map->ram_above += range->len - len;
	if (len < range->len)
		log_warn("memory: RAM from 0x%lx on is out of reach (0x%lx is the limit)",
			 MAX(range->start, limit), limit);
	if (len)
		map->ram[map->ram_count++] = (struct mem_range){ .start = HPA(range->start),
								 .len = len };
}

static bool overlaps(const struct mem_range *range, u64 start, u64 len)
{
	return start < range->start.raw + range->len && start + len > range->start.raw;
}

static bool is_free(const struct memory_map *map, u64 start)
{
	bool in_ram = false;

	for (size_t i = 0; i < map->ram_count; i++)
		in_ram |= start >= map->ram[i].start.raw &&
			  start + PAGE_SIZE <= map->ram[i].start.raw + map->ram[i].len;
	for (size_t i = 0; i < map->reserved_count; i++) {
		if (overlaps(&map->reserved[i], start, PAGE_SIZE))
			return false;
	}
	return in_ram;
}

static void choose_trampoline(struct memory_map *map)
{
	map->trampoline = HPA(0);
	for (u64 page = TRAMPOLINE_HIGH; page > TRAMPOLINE_LOW; page -= PAGE_SIZE) {
		if (!is_free(map, page - PAGE_SIZE))
			continue;
		map->trampoline = HPA(page - PAGE_SIZE);
		memory_map_reserve(map, map->trampoline.raw, PAGE_SIZE);
		return;
	}
}

void memory_map_make(struct memory_map *map, const struct boot_info *info,
		     const struct mem_range *image, u8 phys_bits)
{
	u64 limit = BIT(MIN((u32)phys_bits, DIRECT_MAP_BITS));

	map->reserved = info->reserved;
	map->ram_count = map->reserved_count = 0;
	map->ram_above = 0;
	for (u32 i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		log_debug("memory: %012llx-%012llx type %u", (unsigned long long)m->start,
			  (unsigned long long)(m->start + m->len - 1), m->type);
		if (m->type == BOOT_MEMORY_USABLE)
			add_ram(map, m, limit);
		else
			memory_map_reserve(map, m->start, len_below(m->start, m->len, limit));
	}
	memory_map_reserve(map, image->start.raw, image->len);
	memory_map_reserve(map, info->lists.start.raw, info->lists.len);
	for (u32 i = 0; i < info->module_count; i++)
		memory_map_reserve(map, info->modules[i].start.raw, info->modules[i].size);
	choose_trampoline(map);
}
/* The image, the lists, the page for starting CPUs, and one for whoever asks. */
_Static_assert(BOOT_MAX_RESERVED >= BOOT_MAX_MEMORY + 4, "there is room for them");

/* Where a range ends; UINT64_MAX for the last byte of all, which is never RAM. */
static u64 end_of(const struct boot_memory *range)
{
	u64 end = range->start + range->len;

	return end < range->start ? UINT64_MAX : end;
}

/* What [at, at + 1) is: reserved beats RAM, and anything beats a hole. */
static u32 type_at(const struct boot_info *info, u64 at)
{
	u32 type = BOOT_MEMORY_HOLE;

	for (u32 i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		if (at < m->start || at >= end_of(m))
			continue;
		if (type == BOOT_MEMORY_HOLE || type == BOOT_MEMORY_USABLE)
			type = m->type;
	}
	return type;
}

/* The next address above at where a range begins or ends; UINT64_MAX: none. */
static u64 next_edge(const struct boot_info *info, u64 at)
{
	u64 edge = UINT64_MAX;

	for (u32 i = 0; i < info->memory_count; i++) {
		const struct boot_memory *m = &info->memory[i];

		if (m->start > at)
			edge = MIN(edge, m->start);
		if (end_of(m) > at)
			edge = MIN(edge, end_of(m));
	}
	return edge;
}

bool memory_stretch_at(const struct boot_info *info, u64 from, struct memory_stretch *stretch)
{
	u64 edge = next_edge(info, from);

	*stretch = (struct memory_stretch){ from, edge, type_at(info, from) };
	if (edge == UINT64_MAX)
		return false;
	while (edge != UINT64_MAX && type_at(info, edge) == stretch->type) {
		edge = next_edge(info, edge);
		stretch->end = edge;
	}
	return true;
}
