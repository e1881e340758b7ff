/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets up the frame allocator from the firmware's memory map: finds the usable RAM, takes
 * the nodes' memory out of it, and marks the rest free. Runs once, on one CPU. The map is
 * not trusted: nothing is ever written to memory that is not in ram, or is in reserved.
 *
 * The map is never copied or sorted, there is no memory for that yet. All passes go over
 * usable_next(), which finds each next piece of usable RAM with a walk over all ranges.
 */
#include "mm/frame_nodes.h"

#include "arch/direct_map.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"

/* Memory above is left out: it would cost a table entry per GiB, and no board has it. */
#define RAM_LIMIT BIT(46)
/* The nodes' memory is taken above: what is below is what real-mode code can reach. */
#define TABLES_MIN MIB(1)

struct ram_map {
	const struct mem_range *ram, *reserved;
	size_t ram_count, reserved_count;
};

/* A piece of usable RAM: whole pages [start, end). */
struct piece {
	u64 start, end;
};

static bool range_wraps(const struct mem_range *range)
{
	return range->len && range->start.raw + (range->len - 1) < range->start.raw;
}

/* The pages wholly in a range of RAM; empty (start >= end) when there are none. */
static struct piece ram_pages(const struct mem_range *range)
{
	u64 start = align_up(range->start.raw, PAGE_SIZE);
	u64 last = range->start.raw + range->len;

	if (!range->len || range_wraps(range) || range->start.raw >= RAM_LIMIT)
		return (struct piece){ 0 };
	/* Wraps to 0 exactly when the range ends at 2^64. */
	if (last > RAM_LIMIT || last == 0)
		last = RAM_LIMIT;
	/* Page 0 is never used: a frame at 0 would look like "none". */
	if (start == 0)
		start = PAGE_SIZE;
	return (struct piece){ .start = start, .end = align_down(last, PAGE_SIZE) };
}

/* All pages that a reserved range touches. One that wraps reserves all from its start. */
static struct piece reserved_pages(const struct mem_range *range)
{
	u64 start = align_down(range->start.raw, PAGE_SIZE);
	u64 last = range->start.raw + range->len - 1;

	if (!range->len)
		return (struct piece){ 0 };
	if (range_wraps(range) || last >= RAM_LIMIT)
		last = RAM_LIMIT - 1;
	return (struct piece){ .start = start, .end = align_down(last, PAGE_SIZE) + PAGE_SIZE };
}

/* The lowest run of RAM pages at or after from, whether or not they are reserved. */
static bool ram_next(const struct ram_map *map, u64 from, struct piece *out)
{
	*out = (struct piece){ .start = RAM_LIMIT };
	for (size_t i = 0; i < map->ram_count; i++) {
		struct piece ram = ram_pages(&map->ram[i]);
		u64 start = MAX(ram.start, from);

		if (start < ram.end && start < out->start)
			*out = (struct piece){ .start = start, .end = ram.end };
	}
	return out->start < RAM_LIMIT;
}

/*
 * The lowest piece of usable RAM at or after from; false: no more. RAM that touches may
 * come as several pieces.
 */
static bool usable_next(const struct ram_map *map, u64 from, struct piece *out)
{
	while (ram_next(map, from, out)) {
		from = out->start;
		for (size_t i = 0; i < map->reserved_count; i++) {
			struct piece reserved = reserved_pages(&map->reserved[i]);

			if (reserved.start <= from && from < reserved.end)
				from = reserved.end;
			else if (from < reserved.start && reserved.start < out->end)
				out->end = reserved.start;
		}
		if (from == out->start)
			return true;
	}
	return false;
}

/* What usable_next leaves out silently, said once. */
static void map_report(const struct ram_map *map)
{
	for (size_t i = 0; i < map->ram_count; i++) {
		const struct mem_range *range = &map->ram[i];

		if (range_wraps(range))
			log_warn("memory map: RAM at 0x%lx wraps around, left out",
				 range->start.raw);
		else if (range->len && range->start.raw + (range->len - 1) >= RAM_LIMIT)
			log_warn("memory map: RAM at 0x%lx, 0x%lx bytes: left out above 0x%llx",
				 range->start.raw, range->len, RAM_LIMIT);
	}
}

/* Where the nodes go: a cursor over the usable pieces, lowest first. */
struct placer {
	const struct ram_map *map;
	struct piece left;
};

/*
 * size bytes of zeroed memory; NULL: no piece that is large enough is left. Lowest first
 * puts all nodes side by side into the first GiB, which legacy holes have broken up anyway.
 */
static void *place(struct placer *placer, u64 size)
{
	void *at;

	size = align_up(size, PAGE_SIZE);
	while (placer->left.end - placer->left.start < size) {
		if (!usable_next(placer->map, placer->left.end, &placer->left))
			return NULL;
	}
	at = hpa_to_ptr(HPA(placer->left.start));
	placer->left.start += size;
	return memset(at, 0, size);
}

static void node_init(struct frame_node *node, hpa_t base, u32 level)
{
	list_init(&node->link);
	node->base = base;
	node->level = level;
	memset(node->owner, 0xff, sizeof(node->owner));
	_Static_assert(OWNER_ABSENT == 0xffff, "an owner of all ones is absent");
}

/* Which 2 MiB blocks of the GiB at base have usable RAM; returns how many. */
static u32 giga_map(const struct ram_map *map, u64 base, bool used[static NODE_CHILDREN])
{
	u64 limit = base + level_size(LEVEL_1G);
	struct piece piece = { .end = base };
	u32 count = 0;

	memset(used, 0, NODE_CHILDREN * sizeof(used[0]));
	while (usable_next(map, piece.end, &piece) && piece.start < limit) {
		u64 end = MIN(piece.end, limit);

		for (u64 at = align_down(piece.start, MIB(2)); at < end; at += MIB(2)) {
			count += !used[(at - base) / MIB(2)];
			used[(at - base) / MIB(2)] = true;
		}
	}
	return count;
}

static struct giga *giga_create(struct placer *placer, u64 base)
{
	bool used[NODE_CHILDREN];
	u32 count = giga_map(placer->map, base, used);
	struct giga *giga = place(placer, sizeof(*giga) + count * sizeof(giga->nodes[0]));

	if (!giga)
		return NULL;
	node_init(&giga->node, HPA(base), LEVEL_2M);
	for (u32 i = 0; i < NODE_CHILDREN; i++) {
		giga->index[i] = NODE_NONE;
		if (!used[i])
			continue;
		giga->index[i] = giga->node_count;
		giga->node.owner[i] = OWNER_FREE;
		node_init(&giga->nodes[giga->node_count++], HPA(base + i * MIB(2)), LEVEL_4K);
	}
	return giga;
}

/* Make the directory and a giga for each GiB with usable RAM. */
static int gigas_create(struct placer *placer)
{
	const struct ram_map *map = placer->map;
	struct piece piece = { 0 };

	while (usable_next(map, piece.end, &piece))
		frames.giga_count = (piece.end - 1) / level_size(LEVEL_1G) + 1;
	if (frames.giga_count)
		frames.gigas = place(placer, frames.giga_count * sizeof(frames.gigas[0]));
	if (!frames.gigas)
		return E_NOMEM;
	piece.end = 0;
	while (usable_next(map, piece.end, &piece)) {
		u64 base = align_down(piece.start, level_size(LEVEL_1G));
		struct giga **giga = &frames.gigas[base / level_size(LEVEL_1G)];

		if (!*giga)
			*giga = giga_create(placer, base);
		if (!*giga)
			return E_NOMEM;
		/* The rest of a piece that goes on into the next GiB is found again there. */
		piece.end = MIN(piece.end, base + level_size(LEVEL_1G));
	}
	return 0;
}

/* Mark a whole 2 MiB block free, without the detour over its 512 pages. */
static void free_whole(struct frame_node *node)
{
	struct frame_node *parent = &frame_giga(node->base)->node;

	memset(node->free, 0xff, sizeof(node->free));
	memset(node->owner, 0, sizeof(node->owner));
	node->free_count = NODE_CHILDREN;
	node_put(parent, node_child(parent, node->base));
}

static void free_piece(const struct piece *piece)
{
	u64 at = piece->start;

	frames.total += (piece->end - at) / PAGE_SIZE;
	while (at < piece->end) {
		struct frame_node *node = frame_node(HPA(at));
		u32 child = node_child(node, HPA(at));

		if (is_aligned(at, MIB(2)) && piece->end - at >= MIB(2)) {
			free_whole(node);
			at += MIB(2);
			continue;
		}
		node->owner[child] = OWNER_FREE;
		node_put(node, child);
		at += PAGE_SIZE;
	}
}

/* Take the pages of one table of this allocator's own out of the free memory. */
static void claim_table(const void *table, u64 size)
{
	u64 start = ptr_to_hpa(table).raw;

	for (u64 at = start; at < start + size; at += PAGE_SIZE) {
		struct giga *giga = frame_giga(HPA(at));
		struct frame_node *node = frame_node(HPA(at));
		u32 block = node_child(&giga->node, HPA(at));
		u32 child = node_child(node, HPA(at));

		if (giga->node.free_count == NODE_CHILDREN)
			giga_split(giga);
		if (node_is_free(&giga->node, block))
			child_split(&giga->node, block);
		node_take(node, child);
		node->owner[child] = frames.self.id;
		frames.self.frames++;
	}
}

static void claim_tables(void)
{
	claim_table(frames.gigas, frames.giga_count * sizeof(frames.gigas[0]));
	for (u64 i = 0; i < frames.giga_count; i++) {
		const struct giga *giga = frames.gigas[i];

		if (giga)
			claim_table(giga,
				    sizeof(*giga) + giga->node_count * sizeof(giga->nodes[0]));
	}
}

int frames_init(const struct mem_range *ram, size_t ram_count, const struct mem_range *reserved,
		size_t reserved_count)
{
	const struct ram_map map = {
		.ram = ram,
		.ram_count = ram_count,
		.reserved = reserved,
		.reserved_count = reserved_count,
	};
	struct placer placer = { .map = &map, .left = { TABLES_MIN, TABLES_MIN } };
	struct piece piece = { 0 };
	int err;

	frames = (struct frames){ .lock = SPINLOCK(LOCK_FRAMES) };
	for (unsigned int level = LEVEL_4K; level <= LEVEL_1G; level++)
		list_init(&frames.avail[level]);
	map_report(&map);
	frame_owners_init();
	err = gigas_create(&placer);
	if (err)
		return err;
	while (usable_next(&map, piece.end, &piece))
		free_piece(&piece);
	claim_tables();
	return 0;
}
