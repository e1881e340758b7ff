/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Follows every table page and every leaf through its life: see judge.h. Knows nothing of
 * how the code under test works, only what its stores do and what its operations promise.
 */
#include "judge.h"

#include <string.h>

#include "access.h"
#include "hw.h"
#include "judge_leaf.h"
#include "report.h"

#define POISON 0x5a

struct table judge_tables[WORLD_FRAMES];
static u64 *links[WORLD_FRAMES]; /* the entry that a placed table is linked by */

void judge_reset(void)
{
	for (u32 i = 0; i < WORLD_FRAMES; i++) {
		judge_tables[i] = (struct table){ .incarnation = judge_tables[i].incarnation };
		links[i] = NULL;
	}
	leaves_reset();
	judge_look_reset();
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
	leaves_begin_table(hpa);
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
	leaves_end_table(hpa);
	hw_check_freed(hpa);
	table->live = table->placed = table->linked = false;
	table->freed = true;
	memset(hpa_to_ptr(hpa), POISON, PAGE_SIZE);
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
		leaf_end(&sptes[i]);
		if (spte_is_table(fmt, sptes[i], table->level))
			subtree_unlink(spte_hpa(fmt, sptes[i]));
	}
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
	const struct table *table = &judge_tables[judge_frame(sptep)];
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
		const struct tdp *tdp = &world.vms[i].tdp;

		if (at == &tdp->tlb.generation)
			sched.current->rounds++;
		if (at == &tdp->lock.locked)
			judge_lock(i, tdp->lock.locked);
	}
}

u32 judge_live_tables(void)
{
	u32 count = 0;

	for (u32 i = 0; i < WORLD_FRAMES; i++)
		count += judge_tables[i].live;
	return count;
}
