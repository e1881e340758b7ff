/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records of leaves, from when they are put into a table to when nobody may use them any
 * more: see judge_leaf.h.
 */
#include "judge_leaf.h"

#include <string.h>

#include "hw.h"
#include "report.h"

#define LEAVES 16384u

static u32 leaf_of[WORLD_FRAMES][TABLE_ENTRIES];
static struct leaf leaves[LEAVES];
static u32 leaf_count;
static u32 undead[LEAVES]; /* the leaves that are not dead */
static u32 undead_count;

void leaves_reset(void)
{
	leaf_count = NO_LEAF + 1;
	undead_count = 0;
}

struct leaf *judge_leaf(u32 leaf)
{
	return &leaves[leaf];
}

static u32 *leaf_slot(const u64 *sptep)
{
	return &leaf_of[judge_frame(sptep)][(u64)sptep % PAGE_SIZE / sizeof(u64)];
}

void leaves_begin_table(hpa_t hpa)
{
	memset(leaf_of[hpa.raw / PAGE_SIZE], 0, sizeof(leaf_of[0]));
}

void leaves_end_table(hpa_t hpa)
{
	for (u32 i = 0; i < TABLE_ENTRIES; i++) {
		struct leaf *leaf = &leaves[leaf_of[hpa.raw / PAGE_SIZE][i]];

		if (leaf == &leaves[NO_LEAF])
			continue;
		leaf->in_tree = false;
		leaf->dead = true;
		leaf->why = "was in a table that has been freed";
	}
}

/* Is a larger leaf right, that nothing stands in the way of? */
static void check_level(const struct leaf *leaf, const struct backing *backing)
{
	unsigned int level = MIN(backing->block_level, world.config->max_leaf);

	for (; level > leaf->level && !world.small_leaves; level--) {
		u64 mask = level_pages(level) - 1;
		u64 first = leaf->gfn & ~mask;

		if (((leaf->gfn ^ leaf->pfn) & mask) == 0 && first >= backing->base &&
		    first + mask < backing->base + backing->npages)
			report("WRONG_LEVEL", "gfn 0x%lx is mapped at level %u, and could be at %u",
			       leaf->gfn, leaf->level, level);
	}
}

/* Is this what the slots say, and at the level that they allow? */
static void check_leaf(const struct leaf *leaf)
{
	u64 more = leaf->pages - 1;
	struct backing backing = world_backing(leaf->space, leaf->gfn);
	struct backing end = world_backing(leaf->space, leaf->gfn + more);

	if (!backing.npages || backing.base != end.base ||
	    (leaf->pfn != backing.pfn && leaf->pfn != backing.old_pfn) ||
	    (leaf->pfn + more != end.pfn && leaf->pfn + more != end.old_pfn))
		report("WRONG_FRAME", "a level %u leaf for gfn 0x%lx has pfn 0x%lx", leaf->level,
		       leaf->gfn, leaf->pfn);
	if ((leaf->access & ACCESS_WRITE) && !backing.writable)
		report("WRONG_RESULT", "a writable leaf for gfn 0x%lx", leaf->gfn);
	if (world.config->nx_huge && leaf->level > LEVEL_4K && (leaf->access & ACCESS_EXEC))
		report("WRONG_RESULT", "an executable huge leaf for gfn 0x%lx", leaf->gfn);
	check_level(leaf, &backing);
}

/* A record for the leaf that is at sptep. */
static struct leaf *leaf_record(u64 *sptep, u64 spte, const struct table *table)
{
	struct leaf *leaf = &leaves[leaf_count];
	u64 index = (u64)sptep % PAGE_SIZE / sizeof(u64);

	if (leaf_count == LEAVES)
		report("ORACLE", "the run is too long");
	*leaf = (struct leaf){
		.gfn = table->gfn + index * level_pages(table->level),
		.pages = level_pages(table->level),
		.pfn = spte_pfn(world.config->fmt, spte).raw,
		.born = sched.clock,
		.sptep = sptep,
		.space = table->space,
		.level = table->level,
		.access = spte_access(world.config->fmt, spte),
		.in_tree = table->linked,
	};
	*leaf_slot(sptep) = leaf_count;
	undead[undead_count++] = leaf_count++;
	return leaf;
}

void leaf_begin(u64 *sptep, u64 spte, const struct table *table)
{
	const struct leaf *leaf = leaf_record(sptep, spte, table);

	/* Nobody looks at what is added to a table that has been cut off. */
	if (!table->linked)
		return;
	check_leaf(leaf);
	hw_check_made(leaf);
}

/* Those that a table was filled with, before it was linked, have their records made when asked for. */
u32 judge_leaf_at(u64 *sptep)
{
	const struct table *table = &judge_tables[judge_frame(sptep)];
	u32 *slot = leaf_slot(sptep);

	if (*slot == NO_LEAF && table->placed && spte_is_present(world.config->fmt, *sptep) &&
	    spte_is_leaf(world.config->fmt, *sptep, table->level))
		leaf_record(sptep, *sptep, table);
	return *slot;
}

void leaf_end(u64 *sptep)
{
	u32 *slot = leaf_slot(sptep);
	struct leaf *leaf = &leaves[*slot];

	if (*slot == NO_LEAF)
		return;

	leaf->in_tree = false;
	leaf->next = sched.current->ended;
	sched.current->ended = *slot;
	*slot = NO_LEAF;
}

void leaf_superseded(const u64 *sptep)
{
	u32 *slot = leaf_slot(sptep);

	if (*slot != NO_LEAF)
		leaves[*slot].in_tree = false;
	*slot = NO_LEAF;
}

bool leaf_overlaps(const struct leaf *leaf, const struct op *op)
{
	return leaf->gfn < op->end && op->gfn < leaf->gfn + leaf->pages;
}

void leaves_check_range(const struct op *op, u64 since, bool writable)
{
	for (u32 i = 0; i < undead_count; i++) {
		struct leaf *leaf = &leaves[undead[i]];

		if (leaf->dead || leaf->space != op->space || leaf->born >= since ||
		    !leaf_overlaps(leaf, op) || (writable && !(leaf->access & ACCESS_WRITE)))
			continue;
		leaf->dead = true;
		leaf->why = "was there before a zap or protection that has returned";
		if (leaf->in_tree)
			report("STALE_USE", "a level %u leaf for gfn 0x%lx survives a zap",
			       leaf->level, leaf->gfn);
	}
}

void leaves_bury(void)
{
	u32 kept = 0;

	for (u32 i = 0; i < undead_count; i++) {
		if (!leaves[undead[i]].dead)
			undead[kept++] = undead[i];
	}
	undead_count = kept;
}
