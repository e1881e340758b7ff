/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge: is shown every change of a table and every table page that comes and goes,
 * keeps a record of each leaf there ever was, and says which may not be used any more.
 */
#pragma once

#include "sched.h"
#include "world.h"

#define NO_LEAF 0u

/* A translation, from when it was put into a table. */
struct leaf {
	u64 gfn, pages, pfn;
	u64 born; /* the clock then */
	u64 *sptep;
	u32 space;
	unsigned int level, access;
	u32 next; /* in the list of those that one operation has ended */
	bool in_tree;
	bool dead; /* no CPU may use it any more */
	const char *why; /* it is dead */
};

/* What the judge knows of a page that is or was a table. */
struct table {
	bool live, freed;
	bool words; /* it holds the words of a dirty log */
	bool linked; /* into a tree */
	bool placed; /* it is or was linked: the next three are known */
	u8 space, level;
	u64 gfn; /* the first */
	u32 incarnation; /* counts how often the page has become a table */
};

void judge_reset(void);

struct leaf *judge_leaf(u32 leaf);
/* The leaf that the entry at sptep is now. */
u32 judge_leaf_at(u64 *sptep);

extern struct table judge_tables[WORLD_FRAMES];

/* An address out of an entry may be anything: frame 0 is never a table. */
static inline const struct table *judge_table(hpa_t hpa)
{
	return &judge_tables[hpa.raw < WORLD_MEMORY ? hpa.raw / PAGE_SIZE : 0];
}

static inline bool judge_is_table(hpa_t hpa)
{
	return judge_table(hpa)->live;
}

/* A page has become a table of space, or stops being one. */
void judge_table_alloc(hpa_t hpa);
void judge_table_free(hpa_t hpa);
/* A page for the words of dirty logs. */
void judge_words_alloc(hpa_t hpa);
void judge_words_free(hpa_t hpa);
/* A page is the root of space. */
void judge_root(u32 space, hpa_t hpa);
/* The entry at sptep was changed. */
void judge_entry(u64 *sptep, u64 old, u64 new);
/* A word in a struct vm was changed. */
void judge_word(const void *at);

/* The lock of a tree is taken, or released. */
void judge_lock(u32 space, bool taken);
/* actor reads the word at at: if it leads to slots, it may look at these. */
void judge_looks(struct actor *actor, const void *at);
/* A table of slots, a log or the frames of a slot are freed. */
void judge_object_free(const void *what);
void judge_look_reset(void);

/* Operations: those that remove promise that no CPU uses what was there before they began. */
void judge_op_begin(struct actor *actor);
struct op_kind;
void judge_op_end(struct actor *actor, const struct op_kind *kind);

/* With all actors done: is the tree as its counters say, and nothing lost? */
/* alone: nobody was next to anyone, so no empty table may be left. */
void judge_trees(bool alone);
/* What the current operation has replaced is used no more. */
void judge_op_flushed(void);
/* Pages that are tables now, of all spaces; linked to or not. */
u32 judge_live_tables(void);
