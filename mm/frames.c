/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame allocator: takes, splits, merges and gives back blocks of the machine's RAM.
 * The nodes it works on are described in frame_nodes.h and set up by frames_init.c; the
 * owners' ids are kept by frame_owners.c. All under frames.lock; every path under it is
 * a fixed number of steps.
 */
#include "mm/frames.h"

#include "arch/direct_map.h"
#include "lib/atomic.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm/frame_nodes.h"

/* How many split blocks frame_alloc_run looks through for a gap before it splits another. */
#define RUN_TRIES 16u

struct frames frames;

struct giga *frame_giga(hpa_t hpa)
{
	u64 index = hpa.raw >> level_shift(LEVEL_1G);

	return index < frames.giga_count ? frames.gigas[index] : NULL;
}

struct frame_node *frame_node(hpa_t hpa)
{
	struct giga *giga = frame_giga(hpa);
	u32 index;

	if (!giga)
		return NULL;
	index = giga->index[node_child(&giga->node, hpa)];
	return index == NODE_NONE ? NULL : &giga->nodes[index];
}

static hpa_t child_hpa(const struct frame_node *node, u32 child)
{
	return HPA(node->base.raw + ((u64)child << level_shift(node->level)));
}

void node_take(struct frame_node *node, u32 child)
{
	node->free[child / 64] &= ~BIT(child % 64);
	frames.free_blocks[node->level]--;
	if (--node->free_count == 0)
		list_remove(&node->link);
}

/* All children are free again: the block is one piece, free in the level above. */
static void node_merge(struct frame_node *node)
{
	list_remove(&node->link);
	frames.free_blocks[node->level] -= NODE_CHILDREN;
	if (node->level == LEVEL_2M) {
		list_push_front(&frames.avail[LEVEL_1G], &node->link);
		frames.free_blocks[LEVEL_1G]++;
	} else {
		struct frame_node *parent = &frame_giga(node->base)->node;

		node_put(parent, node_child(parent, node->base));
	}
}

void node_put(struct frame_node *node, u32 child)
{
	node->free[child / 64] |= BIT(child % 64);
	frames.free_blocks[node->level]++;
	/* To the front: a nearly full block is filled up before an emptier one is used. */
	if (node->free_count++ == 0)
		list_push_front(&frames.avail[node->level], &node->link);
	if (node->free_count == NODE_CHILDREN)
		node_merge(node);
}

/* The lowest free child of a node that has one. */
static u32 node_lowest(const struct frame_node *node)
{
	u32 word = 0;

	while (!node->free[word])
		word++;
	return word * 64 + (u32)__builtin_ctzll(node->free[word]);
}

struct frame_node *giga_split(struct giga *giga)
{
	list_remove(&giga->node.link);
	frames.free_blocks[LEVEL_1G]--;
	frames.free_blocks[LEVEL_2M] += NODE_CHILDREN;
	list_push_front(&frames.avail[LEVEL_2M], &giga->node.link);
	return &giga->node;
}

struct frame_node *child_split(struct frame_node *parent, u32 child)
{
	struct frame_node *node = frame_node(child_hpa(parent, child));

	node_take(parent, child);
	frames.free_blocks[LEVEL_4K] += NODE_CHILDREN;
	list_push_front(&frames.avail[LEVEL_4K], &node->link);
	return node;
}

static struct frame_node *node_find(unsigned int level);

/* A wholly free node with children at level, from the smallest larger block. NULL: none. */
static struct frame_node *node_split(unsigned int level)
{
	struct frame_node *parent;

	if (level == LEVEL_2M) {
		if (list_empty(&frames.avail[LEVEL_1G]))
			return NULL;
		return giga_split(list_first(&frames.avail[LEVEL_1G], struct giga, node.link));
	}
	parent = node_find(LEVEL_2M);
	return parent ? child_split(parent, node_lowest(parent)) : NULL;
}

/* A node with at least one free child at level (4 KiB or 2 MiB). NULL: none. */
static struct frame_node *node_find(unsigned int level)
{
	if (likely(!list_empty(&frames.avail[level])))
		return list_first(&frames.avail[level], struct frame_node, link);
	return node_split(level);
}

static void owner_count(struct frame_owner *owner, u64 pages)
{
	atomic_store(&owner->frames, owner->frames + pages);
}

static int giga_alloc(struct frame_owner *owner, hpa_t *out)
{
	struct giga *giga;

	if (list_empty(&frames.avail[LEVEL_1G]))
		return E_NOMEM;
	giga = list_first(&frames.avail[LEVEL_1G], struct giga, node.link);
	list_remove(&giga->node.link);
	frames.free_blocks[LEVEL_1G]--;
	giga->owner = owner->id;
	*out = giga->node.base;
	return 0;
}

static int child_alloc(struct frame_owner *owner, unsigned int level, hpa_t *out)
{
	struct frame_node *node = node_find(level);
	u32 child;

	if (!node)
		return E_NOMEM;
	child = node_lowest(node);
	node_take(node, child);
	node->owner[child] = owner->id;
	node->tag[child] = 0;
	*out = child_hpa(node, child);
	return 0;
}

int frame_alloc_locked(struct frame_owner *owner, unsigned int level, hpa_t *out)
{
	int err = level == LEVEL_1G ? giga_alloc(owner, out) : child_alloc(owner, level, out);

	if (!err)
		owner_count(owner, level_pages(level));
	return err;
}

int frame_alloc(struct frame_owner *owner, unsigned int level, hpa_t *out)
{
	int err;

	assert(owner->id && level >= LEVEL_4K && level <= LEVEL_1G);
	spin_lock(&frames.lock);
	err = frame_alloc_locked(owner, level, out);
	spin_unlock(&frames.lock);
	return err;
}

int frame_alloc_zeroed(struct frame_owner *owner, hpa_t *out)
{
	int err = frame_alloc(owner, LEVEL_4K, out);

	if (!err)
		frame_zero(LEVEL_4K, *out);
	return err;
}

/* The first of count free children in a row, or NODE_CHILDREN when there is no such gap. */
static u32 node_gap(const struct frame_node *node, u32 count)
{
	u32 length = 0;

	if (node->free_count < count)
		return NODE_CHILDREN;
	for (u32 child = 0; child < NODE_CHILDREN; child++) {
		length = node_is_free(node, child) ? length + 1 : 0;
		if (length == count)
			return child + 1 - count;
	}
	return NODE_CHILDREN;
}

/* A node with count free 4 KiB children in a row from *first. NULL: none found. */
static struct frame_node *node_find_gap(u32 count, u32 *first)
{
	struct frame_node *node;
	u32 tries = 0;

	list_for_each(node, &frames.avail[LEVEL_4K], link) {
		*first = node_gap(node, count);
		if (*first != NODE_CHILDREN)
			return node;
		if (++tries == RUN_TRIES)
			break;
	}
	*first = 0;
	return node_split(LEVEL_4K);
}

int frame_alloc_run(struct frame_owner *owner, u32 count, hpa_t *out)
{
	struct frame_node *node;
	u32 first;

	assert(owner->id && count >= 1 && count <= NODE_CHILDREN);
	spin_lock(&frames.lock);
	node = node_find_gap(count, &first);
	if (node) {
		for (u32 child = first; child < first + count; child++) {
			node_take(node, child);
			node->owner[child] = owner->id;
			node->tag[child] = 0;
		}
		owner_count(owner, count);
		*out = child_hpa(node, first);
	}
	spin_unlock(&frames.lock);
	return node ? 0 : E_NOMEM;
}

/* Where the owner of block at level is kept; NULL when that is no block of RAM. */
static u16 *block_owner(unsigned int level, hpa_t block)
{
	struct giga *giga = frame_giga(block);
	struct frame_node *node;

	if (!giga || !is_aligned(block.raw, level_size(level)))
		return NULL;
	if (level == LEVEL_1G)
		return &giga->owner;
	node = level == LEVEL_2M ? &giga->node : frame_node(block);
	return node ? &node->owner[node_child(node, block)] : NULL;
}

static void block_put(unsigned int level, hpa_t block)
{
	struct giga *giga = frame_giga(block);
	struct frame_node *node;

	if (level == LEVEL_1G) {
		list_push_front(&frames.avail[LEVEL_1G], &giga->node.link);
		frames.free_blocks[LEVEL_1G]++;
		return;
	}
	node = level == LEVEL_2M ? &giga->node : frame_node(block);
	node_put(node, node_child(node, block));
}

static __noreturn void wrong_free(const struct frame_owner *owner, unsigned int level, hpa_t block,
				  u32 holder)
{
	if (holder == OWNER_ABSENT)
		panic("frame_free: '%s' frees level %u block 0x%lx, which is no RAM of ours",
		      owner->name, level, block.raw);
	if (holder == OWNER_FREE)
		panic("frame_free: '%s' frees level %u block 0x%lx, which is not held: freed twice?",
		      owner->name, level, block.raw);
	panic("frame_free: '%s' (id %u) frees level %u block 0x%lx, which id %u holds", owner->name,
	      owner->id, level, block.raw, holder);
}

void frame_free(struct frame_owner *owner, unsigned int level, hpa_t block)
{
	u16 *holder;
	u32 found;

	spin_lock(&frames.lock);
	holder = block_owner(level, block);
	found = holder ? *holder : OWNER_ABSENT;
	if (unlikely(found != owner->id || found == OWNER_FREE)) {
		spin_unlock(&frames.lock);
		wrong_free(owner, level, block, found);
	}
	*holder = OWNER_FREE;
	owner_count(owner, -level_pages(level));
	block_put(level, block);
	spin_unlock(&frames.lock);
}

u16 *frame_tag(hpa_t frame)
{
	struct giga *giga = frames.gigas[frame.raw / GIB(1)];
	struct frame_node *node = &giga->nodes[giga->index[frame.raw / MIB(2) % NODE_CHILDREN]];
	u16 page = frame.raw / PAGE_SIZE % NODE_CHILDREN;

	assert(node == frame_node(frame) && node->owner[page] != OWNER_FREE);
	return &node->tag[page];
}

/* Eight stores a round: emulators are several times faster at it than at REP STOS. */
void frame_zero(unsigned int level, hpa_t block)
{
	u64 *at = hpa_to_ptr(block);
	u64 *end = at + level_size(level) / sizeof(u64);

	for (; at < end; at += 8) {
		/* As asm, or the compiler makes a call of memset of it. */
		__asm__ volatile("movq %1, (%0)\n\t"
				 "movq %1, 8(%0)\n\t"
				 "movq %1, 16(%0)\n\t"
				 "movq %1, 24(%0)\n\t"
				 "movq %1, 32(%0)\n\t"
				 "movq %1, 40(%0)\n\t"
				 "movq %1, 48(%0)\n\t"
				 "movq %1, 56(%0)"
				 :
				 : "r"(at), "r"(0ull)
				 : "memory");
	}
}

void frame_stats_read(struct frame_stats *stats)
{
	spin_lock(&frames.lock);
	*stats = (struct frame_stats){ .total = frames.total };
	for (unsigned int level = LEVEL_4K; level <= LEVEL_1G; level++) {
		stats->free_blocks[level] = frames.free_blocks[level];
		stats->free += frames.free_blocks[level] * level_pages(level);
	}
	spin_unlock(&frames.lock);
}
