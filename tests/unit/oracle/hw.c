/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Caches and walks of the simulated CPUs: see hw.h. By the manuals' rules: entries that are
 * not present are never cached, those that are may be cached at any time, for as long
 * as nothing flushes them; a walk reads one entry at a time and may take as long as it likes;
 * accessed and dirty bits are set by atomic operations that see whether the entry has changed.
 */
#include "hw.h"

#include <string.h>

#include "access.h"
#include "dirty.h"
#include "report.h"

/* What four levels translate. */
#define WALKED_GFNS BITS(35, 0)

struct hw_cpu hw_cpus[MAX_ACTORS];

static const struct spte_format *format(void)
{
	return world.config->fmt;
}

/* One in n; CPUs that are to be lazy never do what is asked with this. */
static bool whim(u32 n)
{
	return !world.config->lazy_cpu && chance(n);
}

void hw_reset(void)
{
	cpu_count = world.config->cpus + world.config->managers;
	memset(hw_cpus, 0, sizeof(hw_cpus[0]) * cpu_count);
	for (u32 i = 0; i < cpu_count; i++) {
		cpus[i] = &hw_cpus[i].percpu;
		hw_cpus[i].percpu.index = hw_cpus[i].percpu.apic_id = i;
		for (u32 space = 0; space < MAX_SPACES; space++)
			hw_cpus[i].vcpus[space].vm = &world.vms[space];
	}
}

static struct tdp *tdp_of(u32 space)
{
	return &world.vms[space].tdp;
}

static struct hw_table root_of(u32 space)
{
	hpa_t root = tdp_of(space)->root;

	return (struct hw_table){
		.table = root,
		.incarnation = judge_table(root)->incarnation,
		.space = (u8)space,
		.level = tdp_of(space)->root_level,
	};
}

/* Is table still the one that it was when the CPU learnt of it? */
static void check_table(const struct hw_table *at)
{
	const struct table *table = judge_table(at->table);

	if (!table->live || table->incarnation != at->incarnation)
		report("FREED_USE", "a hardware walk reads the level %u table 0x%lx, gfn 0x%lx",
		       at->level, at->table.raw, at->gfn);
}

static bool psc_covers(const struct hw_table *entry, u32 space, u64 gfn)
{
	return entry->table.raw && entry->space == space &&
	       gfn - entry->gfn < level_pages(entry->level + 1);
}

static void walk_begin(struct hw_cpu *cpu, struct hw_walk *walk, u64 gfn)
{
	*walk = (struct hw_walk){ .busy = true, .gfn = gfn, .at = root_of(cpu->space) };
	for (u32 i = 0; i < HW_PSC; i++) {
		const struct hw_table *entry = &cpu->psc[i];

		if (psc_covers(entry, cpu->space, gfn) && entry->level < walk->at.level && !whim(4))
			walk->at = *entry;
	}
}

static void psc_insert(struct hw_cpu *cpu, const struct hw_table *entry)
{
	u32 at = cpu->psc_next++ % HW_PSC;

	if (!whim(4))
		cpu->psc[whim(2) ? rng_below(&sched.current->rng, HW_PSC) : at] = *entry;
}

/* Cache the leaf that was read at sptep, or the part of it that has gfn. */
static struct hw_tlb tlb_insert(struct hw_cpu *cpu, const struct hw_walk *walk, u32 leaf, u64 spte)
{
	const struct spte_format *fmt = format();
	u64 pages = level_pages(whim(4) ? LEVEL_4K : walk->at.level);
	u64 mask = level_pages(walk->at.level) - 1;
	u64 first = align_down(walk->gfn, pages);
	struct hw_tlb entry = {
		.leaf = leaf,
		.space = walk->at.space,
		.access = (u8)spte_access(fmt, spte),
		.dirty = !world.config->hw_ad || (spte & fmt->dirty),
		.gfn = first,
		.pages = pages,
		.pfn = spte_pfn(fmt, spte).raw + (first & mask),
	};

	/* CPUs ignore, or fault on, the low bits of a large frame. */
	if (spte_pfn(fmt, spte).raw & mask)
		report("BAD_SPTE", "0x%lx at level %u: the frame is not aligned", spte,
		       walk->at.level);
	if (!whim(8))
		cpu->tlb[cpu->tlb_next++ % HW_TLB] = entry;
	return entry;
}

enum walk_result { WALK_MORE, WALK_DONE, WALK_FAULT, WALK_MARK };

/* List where a dirty bit is set. */
static void list_written(struct hw_cpu *cpu, u64 gfn)
{
	if (cpu->written_count == HW_LIST)
		report("ORACLE", "too many dirty bits in one stay");
	cpu->written[cpu->written_count++] = gfn;
}

/* Set bits in the entry, if it still is spte. False: it is not. */
static bool entry_set(struct hw_cpu *cpu, const struct hw_walk *walk, u64 *sptep, u64 spte,
		      u64 bits)
{
	sched_point(sptep, true);
	check_table(&walk->at);
	if (*sptep != spte)
		return false;
	*sptep |= bits;
	if (world.config->pml && (bits & format()->dirty))
		list_written(cpu, walk->gfn);
	access_adopt(sptep, sizeof(*sptep));
	report_change(sptep, spte, *sptep, sizeof(*sptep));
	return true;
}

static u64 entry_wants(unsigned int access, unsigned int level, u64 spte)
{
	const struct spte_format *fmt = format();
	u64 want = 0;

	if (world.config->hw_ad) {
		want = fmt->accessed;
		if (spte_is_leaf(fmt, spte, level) && (access & ACCESS_WRITE) &&
		    (spte_access(fmt, spte) & ACCESS_WRITE))
			want |= fmt->dirty;
	}
	return want & ~spte;
}

/* Go down through the link spte. */
static void walk_down(struct hw_cpu *cpu, struct hw_walk *walk, u64 spte)
{
	struct hw_table *at = &walk->at;
	hpa_t table = spte_hpa(format(), spte);

	at->level--;
	at->gfn = align_down(walk->gfn, level_pages(at->level + 1));
	at->table = table;
	if (!judge_is_table(table))
		report("FREED_USE", "a link to the page 0x%lx, which is no table", table.raw);
	at->incarnation = judge_table(table)->incarnation;
	psc_insert(cpu, at);
}

/* What makes real CPUs fault for ever, or use another memory type. */
static void check_spte(u64 spte, unsigned int level)
{
	const struct spte_format *fmt = format();

	if (spte & ~fmt->all)
		report("BAD_SPTE", "0x%lx at level %u has reserved bits", spte, level);
	if ((spte & fmt->user) != fmt->user || !(spte & fmt->read))
		report("BAD_SPTE", "0x%lx at level %u lets nobody in", spte, level);
	if (spte_is_leaf(fmt, spte, level) && (spte & fmt->memtype_wb) != fmt->memtype_wb)
		report("BAD_SPTE", "0x%lx at level %u has another memory type", spte, level);
}

/* What is not present for us is not for the CPU either; or it is a mark, and wrong for it. */
static bool is_mark(u64 spte)
{
	bool npt = format() == &spte_format_npt;
	bool present = spte & (npt ? 1 : 7);

	if (present && !(npt ? (spte & BITS(51, 40)) : (spte & 7) == 2))
		report("BAD_SPTE", "the CPU takes 0x%lx for present", spte);
	return present;
}

/* Read one entry. *entry is what the walk ends in. */
static enum walk_result walk_step(struct hw_cpu *cpu, struct hw_walk *walk, unsigned int access,
				  struct hw_tlb *entry)
{
	const struct spte_format *fmt = format();
	unsigned int level = walk->at.level;
	u64 *table = hpa_to_ptr(walk->at.table);
	u64 *sptep = &table[(walk->gfn >> (9 * (level - 1))) % TABLE_ENTRIES];
	u64 spte, want;
	u32 leaf;

	sched_point(sptep, false);
	check_table(&walk->at);
	spte = *sptep;
	leaf = judge_leaf_at(sptep);
	if (!spte_is_present(fmt, spte))
		return is_mark(spte) ? WALK_MARK : WALK_FAULT;
	check_spte(spte, level);
	want = entry_wants(access, level, spte);
	if (want && !entry_set(cpu, walk, sptep, spte, want))
		return WALK_MORE;
	if (spte_is_leaf(fmt, spte, level)) {
		*entry = tlb_insert(cpu, walk, leaf, spte | want);
		return WALK_DONE;
	}
	walk_down(cpu, walk, spte);
	return WALK_MORE;
}

static bool tlb_covers(const struct hw_tlb *entry, u32 space, u64 gfn)
{
	return entry->leaf != NO_LEAF && entry->space == space && gfn - entry->gfn < entry->pages;
}

/* The guest reads or writes by way of entry. */
static void use(const struct hw_tlb *entry, u64 gfn, unsigned int access)
{
	const struct leaf *leaf = judge_leaf(entry->leaf);
	struct backing backing = world_backing(entry->space, gfn);
	u64 pfn = entry->pfn + (gfn - entry->gfn);

	if (leaf->dead)
		report("STALE_USE", "gfn 0x%lx is used by a level %u leaf that %s", gfn,
		       leaf->level, leaf->why);
	if (pfn != backing.pfn && pfn != backing.old_pfn)
		report("WRONG_FRAME", "gfn 0x%lx is pfn 0x%lx, and is used as 0x%lx", gfn,
		       backing.pfn, pfn);
	if ((access & ACCESS_WRITE) && !backing.writable)
		report("STALE_USE", "gfn 0x%lx is written, and is read-only", gfn);
	if (access & ACCESS_WRITE)
		dirty_written(entry->space, gfn);
}

/* A cached translation for gfn: any, or the oldest one. NULL: none, or not wanted. */
static struct hw_tlb *tlb_find(struct hw_cpu *cpu, u64 gfn)
{
	struct hw_tlb *found = NULL;

	for (u32 i = 0; i < HW_TLB; i++) {
		struct hw_tlb *entry = &cpu->tlb[i];

		if (!tlb_covers(entry, cpu->space, gfn))
			continue;
		if (!found || whim(2) ||
		    judge_leaf(entry->leaf)->born < judge_leaf(found->leaf)->born)
			found = entry;
	}
	return whim(8) ? NULL : found;
}

/* A violation removes what has led to it. */
static void tlb_drop(struct hw_cpu *cpu, u64 gfn)
{
	for (u32 i = 0; i < HW_TLB; i++) {
		if (tlb_covers(&cpu->tlb[i], cpu->space, gfn))
			cpu->tlb[i].leaf = NO_LEAF;
	}
}

enum hw_result hw_access(struct hw_cpu *cpu, u64 gfn, unsigned int access)
{
	struct hw_tlb *cached = tlb_find(cpu, gfn);
	enum walk_result result = WALK_MORE;
	struct hw_walk walk;
	struct hw_tlb entry;

	/* Beyond what four levels translate: a violation without a walk. */
	if (gfn & ~WALKED_GFNS)
		return HW_VIOLATION;
	if (cached && (cached->dirty || !(access & ACCESS_WRITE)) &&
	    !(access & ~(unsigned int)cached->access)) {
		use(cached, gfn, access);
		return HW_DONE;
	}
	walk_begin(cpu, &walk, gfn);
	while (result == WALK_MORE)
		result = walk_step(cpu, &walk, access, &entry);
	if (result == WALK_DONE && !(access & ~(unsigned int)entry.access)) {
		use(&entry, gfn, access);
		return HW_DONE;
	}
	tlb_drop(cpu, gfn);
	return result == WALK_MARK ? HW_MARK : HW_VIOLATION;
}

void hw_speculate(struct hw_cpu *cpu)
{
	const struct world_config *config = world.config;
	u64 *rng = &sched.current->rng;
	struct hw_walk *walk = &cpu->walks[rng_below(rng, HW_WALKS)];
	struct hw_tlb entry;

	if (whim(16))
		cpu->tlb[rng_below(rng, HW_TLB)].leaf = NO_LEAF;
	if (!walk->busy)
		walk_begin(cpu, walk, config->hot[rng_below(rng, config->hot_count)] & WALKED_GFNS);
	else if (walk_step(cpu, walk, ACCESS_READ, &entry) != WALK_MORE)
		walk->busy = false;
}
