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
		judge_tables[i] = (struct table){ .incarnation = judge_tables[i].incarnation };
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

void judge_words_alloc(hpa_t hpa)
{
	judge_tables[hpa.raw / PAGE_SIZE].words = true;
	judge_tables[hpa.raw / PAGE_SIZE].freed = false;
}

void judge_words_free(hpa_t hpa)
{
	judge_tables[hpa.raw / PAGE_SIZE].words = false;
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

	table->placed = table->linked = true;
	table->space = (u8)space;
	table->level = (u8)world.vms[space].tdp.root_level;
	table->gfn = 0;
}

static void leaf_dies(struct leaf *leaf, const char *why)
{
	leaf->in_tree = false;
	leaf->dead = true;
	leaf->why = why;
}

void judge_table_free(hpa_t hpa)
{
	struct table *table = &judge_tables[hpa.raw / PAGE_SIZE];
	const u64 *link = links[hpa.raw / PAGE_SIZE];
	const struct spte_format *fmt = world.config->fmt;

	if (!table->live)
		report("FREED_TWICE", "the page 0x%lx, which is no table (any more)", hpa.raw);
	if (link && judge_table(ptr_to_hpa(link))->linked && spte_is_present(fmt, *link) &&
	    spte_hpa(fmt, *link).raw == hpa.raw)
		report("FREED_USE", "the table 0x%lx is freed while it is linked to", hpa.raw);
	for (u32 i = 0; i < TABLE_ENTRIES; i++) {
		if (leaf_of[hpa.raw / PAGE_SIZE][i] != NO_LEAF)
			leaf_dies(&leaves[leaf_of[hpa.raw / PAGE_SIZE][i]],
				  "was in a table that has been freed");
	}
	hw_check_freed(hpa);
	table->live = table->placed = table->linked = false;
	table->freed = true;
	memset(hpa_to_ptr(hpa), POISON, PAGE_SIZE);
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

static void leaf_begin(u64 *sptep, u64 spte, const struct table *table)
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
	const struct table *table = &judge_tables[frame_of(sptep)];
	u32 *slot = leaf_slot(sptep);

	if (*slot == NO_LEAF && table->placed && spte_is_present(world.config->fmt, *sptep) &&
	    spte_is_leaf(world.config->fmt, *sptep, table->level))
		leaf_record(sptep, *sptep, table);
	return *slot;
}

static void leaf_end(u64 *sptep)
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

/* A huge leaf's place is taken by a table: it has to say the same, at once. */
static void check_split(const u64 *sptes, u64 old, const struct table *table)
{
	const struct spte_format *fmt = world.config->fmt;
	u64 pages = level_pages(table->level);
	unsigned int access = spte_access(fmt, old);

	for (u32 i = 0; i < TABLE_ENTRIES; i++) {
		if (!spte_is_leaf(fmt, sptes[i], table->level) ||
		    spte_pfn(fmt, sptes[i]).raw != spte_pfn(fmt, old).raw + i * pages)
			report("WRONG_FRAME", "a split leaf's piece %u is 0x%lx", i, sptes[i]);
		if (access & ~spte_access(fmt, sptes[i]) || (old & ~sptes[i] & fmt->dirty))
			report("LOST_UPDATE", "a split leaf's piece %u, 0x%lx, says less", i,
			       sptes[i]);
	}
}

static void table_place(u64 *sptep, u64 old, u64 spte, const struct table *parent)
{
	const struct spte_format *fmt = world.config->fmt;
	hpa_t hpa = spte_hpa(fmt, spte);
	struct table *table = &judge_tables[hpa.raw / PAGE_SIZE % WORLD_FRAMES];
	u64 index = (u64)sptep % PAGE_SIZE / sizeof(u64);
	const u64 *sptes = hpa_to_ptr(hpa);

	if (!judge_is_table(hpa))
		report("FREED_USE", "0x%lx is linked to, and is no table", hpa.raw);
	if (table->placed || parent->level == LEVEL_4K)
		report("WRONG_TABLE", "0x%lx is linked to twice, or too low", hpa.raw);
	table->placed = true;
	table->linked = parent->linked;
	table->space = parent->space;
	table->level = (u8)(parent->level - 1);
	table->gfn = parent->gfn + index * level_pages(parent->level);
	links[hpa.raw / PAGE_SIZE] = sptep;
	access_adopt(sptes, PAGE_SIZE);
	if (spte_is_present(fmt, old))
		check_split(sptes, old, table);
	for (u32 i = 0; i < TABLE_ENTRIES && !spte_is_present(fmt, old); i++) {
		if (sptes[i])
			report("BAD_SPTE", "a new table is not empty: 0x%lx", sptes[i]);
	}
}

/* The table, and all below, has been cut off. */
static void subtree_unlink(hpa_t hpa)
{
	const struct spte_format *fmt = world.config->fmt;
	struct table *table = &judge_tables[hpa.raw / PAGE_SIZE % WORLD_FRAMES];
	u64 *sptes = hpa_to_ptr(hpa);

	table->linked = false;
	for (u32 i = 0; i < TABLE_ENTRIES; i++) {
		if (*leaf_slot(&sptes[i]) != NO_LEAF)
			leaf_end(&sptes[i]);
		if (spte_is_table(fmt, sptes[i], table->level))
			subtree_unlink(spte_hpa(fmt, sptes[i]));
	}
}

/* What it has allowed is still right, but it is no longer what the tables say. */
static void leaf_superseded(const u64 *sptep)
{
	u32 *slot = leaf_slot(sptep);

	if (*slot != NO_LEAF)
		leaves[*slot].in_tree = false;
	*slot = NO_LEAF;
}

/* One leaf has replaced another: with less, and it is new for those who must forget the old one. */
static void leaf_replaced(u64 *sptep, u64 old, u64 new, const struct table *table)
{
	const struct spte_format *fmt = world.config->fmt;
	u64 bits = fmt->accessed | fmt->dirty;
	bool less = (spte_access(fmt, old) & ~spte_access(fmt, new)) || (old & ~new &bits);

	if (spte_hpa(fmt, old).raw != spte_hpa(fmt, new).raw)
		report("LEAF_TO_LEAF", "%s goes from frame 0x%lx to 0x%lx in one step",
		       report_place(sptep), spte_hpa(fmt, old).raw, spte_hpa(fmt, new).raw);
	if (less) {
		sched.current->removed++;
		leaf_end(sptep);
	}
	if (!less && spte_access(fmt, old) == spte_access(fmt, new))
		return;
	leaf_superseded(sptep);
	leaf_begin(sptep, new, table);
}

static void entry_gone(u64 *sptep, u64 old, const struct table *table)
{
	const struct spte_format *fmt = world.config->fmt;

	sched.current->removed++;
	leaf_end(sptep);
	if (spte_is_table(fmt, old, table->level) && table->linked)
		subtree_unlink(spte_hpa(fmt, old));
}

void judge_entry(u64 *sptep, u64 old, u64 new)
{
	const struct spte_format *fmt = world.config->fmt;
	const struct table *table = &judge_tables[frame_of(sptep)];
	unsigned int level = table->level;

	if (!table->placed)
		return;
	if (spte_is_present(fmt, new) && (new & ~fmt->all))
		report("BAD_SPTE", "%s becomes 0x%lx, with reserved bits", report_place(sptep),
		       new);
	if (spte_is_aged(old) && !spte_is_present(fmt, new))
		sched.current->removed++;
	if (spte_is_present(fmt, old) && !spte_is_present(fmt, new)) {
		entry_gone(sptep, old, table);
	} else if (!spte_is_present(fmt, new)) {
		return;
	} else if (spte_is_table(fmt, old, level) && !((old ^ new) & ~fmt->accessed)) {
		sched.current->removed += !(new & fmt->accessed);
	} else if (spte_is_table(fmt, new, level)) {
		leaf_superseded(sptep);
		table_place(sptep, old, new, table);
	} else if (!spte_is_present(fmt, old)) {
		leaf_begin(sptep, new, table);
	} else if (spte_is_leaf(fmt, old, level)) {
		leaf_replaced(sptep, old, new, table);
	} else {
		report("LEAF_TO_LEAF", "%s, a table, becomes a leaf in one step",
		       report_place(sptep));
	}
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
	actor->skipped = actor->met = false;
}

static bool overlaps(const struct leaf *leaf, const struct op *op)
{
	return leaf->gfn < op->end && op->gfn < leaf->gfn + leaf->pages;
}

/* After a zap of op's range: what was there before has to be gone; or what could be written. */
static void check_range(const struct op *op, u64 since, bool writable)
{
	for (u32 i = 0; i < undead_count; i++) {
		struct leaf *leaf = &leaves[undead[i]];

		if (leaf->dead || leaf->space != op->space || leaf->born >= since ||
		    !overlaps(leaf, op) || (writable && !(leaf->access & ACCESS_WRITE)))
			continue;
		leaf->dead = true;
		leaf->why = "was there before a zap or protection that has returned";
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
	if (actor->rounds && !actor->removed && !actor->met && !kind->asks_round &&
	    !(kind->shares_round && sched.actor_count > 1))
		report("NEEDLESS_ROUND", "nothing was removed");
	if (!kind->removes && !kind->narrows)
		return;
	for (u32 i = actor->ended; i != NO_LEAF; i = leaves[i].next) {
		/* Next to a fault, a table may look empty that no longer is, and go with its leaf. */
		if (sched.actor_count == 1 && kind->removes && !overlaps(&leaves[i], actor->op))
			report("OVER_ZAP", "a leaf for gfn 0x%lx, beside what was asked for",
			       leaves[i].gfn);
		leaves[i].dead = true;
		leaves[i].why = "was removed by an operation that has returned";
	}
	if (!actor->skipped && (kind->removes || kind->protects))
		check_range(actor->op, actor->since, kind->protects);
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
