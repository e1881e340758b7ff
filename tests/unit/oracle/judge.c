/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Follows every table page and every leaf through its life: see judge.h. Knows nothing of
 * how the code under test works, only what its stores do and what its operations promise.
 */
#include "judge.h"

#include <string.h>

#include "access.h"
#include "hw.h"
#include "ops.h"
#include "report.h"

#define LEAVES 16384u
#define POISON 0x5a

struct table judge_tables[WORLD_FRAMES];
static u64 *links[WORLD_FRAMES]; /* the entry that a placed table is linked by */
static u32 leaf_of[WORLD_FRAMES][TABLE_ENTRIES];
static struct leaf leaves[LEAVES];
static u32 leaf_count;
static u32 undead[LEAVES]; /* the leaves that are not dead */
static u32 undead_count;

void judge_reset(void)
{
	for (u32 i = 0; i < WORLD_FRAMES; i++) {
		judge_tables[i].live = judge_tables[i].freed = judge_tables[i].placed = false;
		links[i] = NULL;
	}
	leaf_count = NO_LEAF + 1;
	undead_count = 0;
}

struct leaf *judge_leaf(u32 leaf)
{
	return &leaves[leaf];
}

static u64 frame_of(const u64 *sptep)
{
	return ptr_to_hpa(sptep).raw / PAGE_SIZE;
}

static u32 *leaf_slot(const u64 *sptep)
{
	return &leaf_of[frame_of(sptep)][(u64)sptep % PAGE_SIZE / sizeof(u64)];
}

u32 judge_leaf_at(const u64 *sptep)
{
	return *leaf_slot(sptep);
}

void judge_table_alloc(hpa_t hpa)
{
	struct table *table = &judge_tables[hpa.raw / PAGE_SIZE];

	if (table->live)
		report("FREED_USE", "the table 0x%lx is handed out again", hpa.raw);
	*table = (struct table){ .live = true, .incarnation = table->incarnation + 1 };
	links[hpa.raw / PAGE_SIZE] = NULL;
	memset(leaf_of[hpa.raw / PAGE_SIZE], 0, sizeof(leaf_of[0]));
	access_adopt(hpa_to_ptr(hpa), PAGE_SIZE);
}

void judge_root(u32 space, hpa_t hpa)
{
	struct table *table = &judge_tables[hpa.raw / PAGE_SIZE];

	table->placed = true;
	table->space = (u8)space;
	table->level = (u8)world.vms[space].tdp.root_level;
	table->gfn = 0;
}

void judge_table_free(hpa_t hpa)
{
	struct table *table = &judge_tables[hpa.raw / PAGE_SIZE];
	const u64 *link = links[hpa.raw / PAGE_SIZE];
	const struct spte_format *fmt = world.config->fmt;

	if (!table->live)
		report("FREED_TWICE", "the page 0x%lx, which is no table (any more)", hpa.raw);
	if (link && judge_is_table(ptr_to_hpa(link)) && spte_is_present(fmt, *link) &&
	    spte_hpa(fmt, *link).raw == hpa.raw)
		report("FREED_USE", "the table 0x%lx is freed while it is linked to", hpa.raw);
	for (u32 i = 0; i < TABLE_ENTRIES; i++) {
		if (leaf_of[hpa.raw / PAGE_SIZE][i] != NO_LEAF)
			leaves[leaf_of[hpa.raw / PAGE_SIZE][i]].in_tree = false;
	}
	hw_check_freed(hpa);
	table->live = table->placed = false;
	table->freed = true;
	memset(hpa_to_ptr(hpa), POISON, PAGE_SIZE);
}

/* Is this what the slots say, and at the level that they allow? */
static void check_leaf(const struct leaf *leaf)
{
	u64 last = leaf->gfn + leaf->pages - 1;
	struct backing backing = world_backing(leaf->space, leaf->gfn);
	struct backing end = world_backing(leaf->space, last);
	unsigned int level = backing.block_level;

	if (!backing.npages || backing.base != end.base ||
	    (leaf->pfn != backing.pfn && leaf->pfn != backing.old_pfn) ||
	    (leaf->pfn + leaf->pages - 1 != end.pfn && leaf->pfn + leaf->pages - 1 != end.old_pfn))
		report("WRONG_FRAME", "a level %u leaf for gfn 0x%lx has pfn 0x%lx", leaf->level,
		       leaf->gfn, leaf->pfn);
	level = MIN(level, world.config->max_leaf);
	for (; level > leaf->level; level--) {
		u64 mask = level_pages(level) - 1;
		u64 first = leaf->gfn & ~mask;

		if (((leaf->gfn ^ leaf->pfn) & mask) == 0 && first >= backing.base &&
		    first + mask < backing.base + backing.npages)
			report("WRONG_LEVEL", "gfn 0x%lx is mapped at level %u, and could be at %u",
			       leaf->gfn, leaf->level, level);
	}
}

static void leaf_begin(u64 *sptep, u64 spte, const struct table *table)
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
		.in_tree = true,
	};
	*leaf_slot(sptep) = leaf_count;
	undead[undead_count++] = leaf_count++;
	check_leaf(leaf);
	hw_check_made(leaf);
}

static void leaf_end(u64 *sptep)
{
	u32 *slot = leaf_slot(sptep);
	struct leaf *leaf = &leaves[*slot];

	leaf->in_tree = false;
	leaf->next = sched.current->ended;
	sched.current->ended = *slot;
	*slot = NO_LEAF;
}

static void table_place(u64 *sptep, u64 spte, const struct table *parent)
{
	hpa_t hpa = spte_hpa(world.config->fmt, spte);
	struct table *table = &judge_tables[hpa.raw / PAGE_SIZE % WORLD_FRAMES];
	u64 index = (u64)sptep % PAGE_SIZE / sizeof(u64);
	u64 *sptes = hpa_to_ptr(hpa);

	if (!judge_is_table(hpa))
		report("FREED_USE", "0x%lx is linked to, and is no table", hpa.raw);
	if (table->placed || parent->level == LEVEL_4K)
		report("WRONG_TABLE", "0x%lx is linked to twice, or too low", hpa.raw);
	table->placed = true;
	table->space = parent->space;
	table->level = (u8)(parent->level - 1);
	table->gfn = parent->gfn + index * level_pages(parent->level);
	links[hpa.raw / PAGE_SIZE] = sptep;
	/* What it was filled with before it had a place. */
	for (u32 i = 0; i < TABLE_ENTRIES; i++) {
		if (sptes[i])
			judge_entry(&sptes[i], 0, sptes[i]);
	}
}

/* One present entry has replaced another. */
static void check_replaced(const u64 *sptep, u64 old, u64 new, unsigned int level)
{
	const struct spte_format *fmt = world.config->fmt;
	bool leaf = spte_is_leaf(fmt, new, level);

	if (leaf != spte_is_leaf(fmt, old, level))
		return; /* the leaves below are judged one by one */
	if (spte_hpa(fmt, old).raw != spte_hpa(fmt, new).raw)
		report("LEAF_TO_LEAF", "%s goes from frame 0x%lx to 0x%lx in one step",
		       report_place(sptep), spte_hpa(fmt, old).raw, spte_hpa(fmt, new).raw);
}

void judge_entry(u64 *sptep, u64 old, u64 new)
{
	const struct spte_format *fmt = world.config->fmt;
	const struct table *table = &judge_tables[frame_of(sptep)];
	unsigned int level = table->level;
	u64 ignored = fmt->accessed | fmt->dirty | fmt->soft;

	if (!table->placed)
		return;
	if (spte_is_present(fmt, old)) {
		if (spte_is_present(fmt, new)) {
			if (!((old ^ new) & ~ignored))
				return;
			check_replaced(sptep, old, new, level);
		}
		sched.current->removed++;
		if (*leaf_slot(sptep) != NO_LEAF)
			leaf_end(sptep);
	}
	if (!spte_is_present(fmt, new))
		return;
	if (new & ~fmt->all)
		report("BAD_SPTE", "%s becomes 0x%lx, with reserved bits", report_place(sptep),
		       new);
	if (spte_is_leaf(fmt, new, level))
		leaf_begin(sptep, new, table);
	else
		table_place(sptep, new, table);
}

void judge_word(const void *at)
{
	for (u32 i = 0; i < world.config->spaces; i++) {
		if (at == &world.vms[i].tdp.tlb.generation)
			sched.current->rounds++;
	}
}

void judge_op_begin(struct actor *actor)
{
	actor->since = sched.clock;
	actor->removed = actor->rounds = 0;
	actor->ended = NO_LEAF;
	actor->skipped = false;
}

static bool overlaps(const struct leaf *leaf, const struct op *op)
{
	return leaf->gfn < op->end && op->gfn < leaf->gfn + leaf->pages;
}

/* After a zap of op's range: what was there before has to be gone. */
static void check_zapped(const struct op *op, u64 since)
{
	for (u32 i = 0; i < undead_count; i++) {
		struct leaf *leaf = &leaves[undead[i]];

		if (leaf->space != op->space || leaf->born >= since || !overlaps(leaf, op))
			continue;
		leaf->dead = true;
		leaf->why = "was there before a zap that has returned";
		if (leaf->in_tree)
			report("STALE_USE", "a level %u leaf for gfn 0x%lx survives a zap",
			       leaf->level, leaf->gfn);
	}
}

static void bury(void)
{
	u32 kept = 0;

	for (u32 i = 0; i < undead_count; i++) {
		if (!leaves[undead[i]].dead)
			undead[kept++] = undead[i];
	}
	undead_count = kept;
}

void judge_op_end(struct actor *actor, const struct op_kind *kind)
{
	if (actor->rounds > kind->max_rounds)
		report("EXTRA_ROUND", "%u rounds in one operation", actor->rounds);
	if (actor->rounds && !actor->removed && !kind->asks_round)
		report("NEEDLESS_ROUND", "nothing was removed");
	if (!kind->removes)
		return;
	for (u32 i = actor->ended; i != NO_LEAF; i = leaves[i].next) {
		/* Next to a fault, a table may look empty that no longer is, and go with its leaf. */
		if (sched.actor_count == 1 && !overlaps(&leaves[i], actor->op))
			report("OVER_ZAP", "a leaf for gfn 0x%lx, beside what was asked for",
			       leaves[i].gfn);
		leaves[i].dead = true;
		leaves[i].why = "was removed by an operation that has returned";
	}
	if (!actor->skipped)
		check_zapped(actor->op, actor->since);
	hw_check_dead();
	bury();
}

u32 judge_live_tables(void)
{
	u32 count = 0;

	for (u32 i = 0; i < WORLD_FRAMES; i++)
		count += judge_tables[i].live;
	return count;
}
