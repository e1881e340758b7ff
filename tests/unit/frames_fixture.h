/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the frame allocator: a model that knows what each page of the simulated
 * memory is. What is not usable RAM is made inaccessible, so that a write to it ends the
 * test.
 */
#pragma once

#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/direct_map.h"
#include "lib/err.h"
#include "mm/frames.h"

#define MEMORY_SIZE GIB(7)
#define PAGES (MEMORY_SIZE / PAGE_SIZE)

/* What each page of the simulated memory is: ABSENT, FREE, or who holds it. */
enum { ABSENT, FREE, TABLES, HELD };
static u8 model[PAGES];

struct map {
	struct mem_range ram[8], reserved[8];
	size_t ram_count, reserved_count;
};

/* The plain reading of a map: a page is RAM when each of its bytes is, and none is reserved. */
static inline bool covers(const struct mem_range *range, u64 at)
{
	return range->start.raw + range->len >= range->start.raw && range->start.raw <= at &&
	       at - range->start.raw < range->len;
}

static inline bool page_covered(const struct map *map, u64 page)
{
	for (size_t i = 0; i < map->ram_count; i++) {
		if (covers(&map->ram[i], page) && covers(&map->ram[i], page + PAGE_SIZE - 1))
			return true;
	}
	return false;
}

static inline bool page_reserved(const struct map *map, u64 page)
{
	for (size_t i = 0; i < map->reserved_count; i++) {
		const struct mem_range *range = &map->reserved[i];
		u64 last = range->start.raw + range->len - 1;

		if (range->len && last < range->start.raw)
			last = ~0ull;
		if (range->len && range->start.raw < page + PAGE_SIZE && last >= page)
			return true;
	}
	return false;
}

/* Fill the model from map and make everything but usable RAM inaccessible. */
static inline void model_reset(const struct map *map)
{
	u64 end;

	host_memory_reset(MEMORY_SIZE);
	for (u64 page = 0; page < PAGES; page++) {
		u64 at = page * PAGE_SIZE;

		model[page] = page && page_covered(map, at) && !page_reserved(map, at) ? FREE
										       : ABSENT;
	}
	for (u64 page = 0; page < PAGES; page = end) {
		for (end = page + 1; end < PAGES && model[end] == model[page];)
			end++;
		/* What tables may be put into has been used before. */
		if (model[page] == FREE && page < MIB(16) / PAGE_SIZE)
			memset(host_memory + page * PAGE_SIZE, 0xee,
			       (MIN(end, MIB(16) / PAGE_SIZE) - page) * PAGE_SIZE);
		if (model[page] == ABSENT)
			assert_int_equal(mprotect(host_memory + page * PAGE_SIZE,
						  (end - page) * PAGE_SIZE, PROT_NONE),
					 0);
	}
}

static inline u64 model_count(u8 what)
{
	u64 count = 0;

	for (u64 page = 0; page < PAGES; page++)
		count += model[page] == what;
	return count;
}

static inline void model_set(hpa_t block, u64 pages, u8 from, u8 to)
{
	u64 first = block.raw / PAGE_SIZE;

	assert_true(first + pages <= PAGES);
	for (u64 page = first; page < first + pages; page++) {
		assert_int_equal(model[page], from);
		model[page] = to;
	}
}

/* Free blocks by level, the same way the allocator should count them. */
static inline void model_free_blocks(u64 blocks[LEVEL_1G + 1])
{
	memset(blocks, 0, (LEVEL_1G + 1) * sizeof(u64));
	for (u64 page = 0; page < PAGES;) {
		unsigned int level = LEVEL_1G;

		for (; level > LEVEL_4K; level--) {
			u64 pages = level_pages(level);

			if (page % pages == 0 && page + pages <= PAGES && model[page] == FREE &&
			    !memcmp(&model[page], &model[page + 1], pages - 1))
				break;
		}
		blocks[level] += model[page] == FREE;
		page += level_pages(level);
	}
}

static inline void check_stats(void)
{
	struct frame_stats stats;
	u64 blocks[LEVEL_1G + 1];

	frame_stats_read(&stats);
	model_free_blocks(blocks);
	assert_int_equal(stats.free, model_count(FREE));
	assert_int_equal(stats.total, PAGES - model_count(ABSENT));
	for (unsigned int level = LEVEL_4K; level <= LEVEL_1G; level++)
		assert_int_equal(stats.free_blocks[level], blocks[level]);
}

/* Take all that is free, page by page; what is left of RAM must be the allocator's tables. */
static inline void find_tables(void)
{
	u64 free_pages = model_count(FREE), taken = 0;
	struct frame_owner owner;
	hpa_t *held = malloc(free_pages * sizeof(*held));

	assert_int_equal(frame_owner_register(&owner, "all"), 0);
	while (frame_alloc(&owner, LEVEL_4K, &held[taken]) == 0)
		model_set(held[taken++], 1, FREE, HELD);
	assert_int_equal(owner.frames, taken);
	for (u64 page = 0; page < PAGES; page++) {
		if (model[page] == FREE)
			model[page] = TABLES;
		else if (model[page] == HELD)
			model[page] = FREE;
	}
	while (taken)
		frame_free(&owner, LEVEL_4K, held[--taken]);
	free(held);
	frame_owner_unregister(&owner);
	check_stats();
}

static inline void start(const struct map *map)
{
	model_reset(map);
	host_log_clear();
	assert_int_equal(frames_init(map->ram, map->ram_count, map->reserved, map->reserved_count),
			 0);
	find_tables();
	/* A node of about 2 KiB per 2 MiB of RAM. */
	assert_true(model_count(TABLES) >= (PAGES - model_count(ABSENT)) / 1000);
}

/* A PC: low memory with a hole, an image and tables in the way, a hole below 4 GiB. */
static const struct map pc_map = {
	.ram = { { HPA(0), 0x9fc00 },
		 { HPA(MIB(1)), GIB(3) - MIB(1) - KIB(128) },
		 { HPA(GIB(4)), GIB(3) } },
	.ram_count = 3,
	.reserved = { { HPA(MIB(1)), 0x123456 }, { HPA(0x8000), 1 }, { HPA(GIB(5) + 5), 0 } },
	.reserved_count = 3,
};
