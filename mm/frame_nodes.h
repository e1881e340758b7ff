/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to the frame allocator (frames.c hands out, frames_init.c fills): its state and
 * its nodes. A node describes the 512 children of one larger block: which are free, who
 * owns the others. Everything here is protected by frames.lock unless marked otherwise.
 *
 *   frames.gigas[hpa >> 30] ---> struct giga              NULL: no RAM in that GiB
 *                                  node: 512 x 2 MiB        free bits, owners
 *                                  nodes[index[i]]          index[i] NODE_NONE: no RAM there
 *                                    = 512 x 4 KiB of 2 MiB block i: free bits, owners, tags
 *
 * A block is either free as a whole (its bit set in the node above it, all bits below it
 * set too), held as a whole (its owner in the node above), or split (neither; its node
 * tells). frames.avail[level] lists the nodes that some, but not all, children of that
 * level are free in; avail[LEVEL_1G] lists the gigas that are free as a whole.
 */
#pragma once

#include "arch/lock.h"
#include "lib/addr.h"
#include "lib/list.h"
#include "mm/frames.h"

#define NODE_CHILDREN 512u
#define NODE_WORDS (NODE_CHILDREN / 64)
#define NODE_NONE 0xffffu

/* Values of an owner field that are no owner's id. */
#define OWNER_FREE 0u /* free, or split */
#define OWNER_ABSENT 0xffffu /* not RAM, or reserved */

struct frame_node {
	struct list link;
	hpa_t base; /* [const] */
	u64 free[NODE_WORDS];
	u32 free_count;
	u32 level; /* [const] of the children */
	u16 owner[NODE_CHILDREN];
	u16 tag[NODE_CHILDREN]; /* [atomic] the holder's; used for 4 KiB children only */
};

struct giga {
	struct frame_node node;
	u16 owner; /* when held as one block */
	u16 node_count; /* [const] */
	u16 index[NODE_CHILDREN]; /* [const] */
	struct frame_node nodes[]; /* those with any RAM */
};

struct frames {
	struct spinlock lock;
	struct giga **gigas; /* [const] */
	u64 giga_count; /* [const] */
	u64 total; /* [const] 4 KiB frames of RAM */
	u64 free_blocks[LEVEL_1G + 1]; /* each free block counted at its largest */
	struct list avail[LEVEL_1G + 1];
	struct frame_owner self; /* this allocator's own tables */
};

extern struct frames frames;

/* The giga or the 2 MiB block's node that holds hpa, or NULL: no RAM there. */
struct giga *frame_giga(hpa_t hpa);
struct frame_node *frame_node(hpa_t hpa);

static inline u32 node_child(const struct frame_node *node, hpa_t hpa)
{
	return (u32)(hpa.raw >> level_shift(node->level)) % NODE_CHILDREN;
}

static inline bool node_is_free(const struct frame_node *node, u32 child)
{
	return node->free[child / 64] & BIT(child % 64);
}

/* Take a free child out of its node, or give one back (which may make the node whole). */
void node_take(struct frame_node *node, u32 child);
void node_put(struct frame_node *node, u32 child);

/* Split a giga, or a free 2 MiB child of one; returns the node of the parts. */
struct frame_node *giga_split(struct giga *giga);
struct frame_node *child_split(struct frame_node *parent, u32 child);

/* frame_alloc for a caller that holds frames.lock. */
int __must_check frame_alloc_locked(struct frame_owner *owner, unsigned int level, hpa_t *out);

/* Ids start over, and frames.self becomes the first owner. */
void frame_owners_init(void);
