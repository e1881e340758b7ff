/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge's look at whole trees, while nobody else is at work: what is in the tables
 * against what the code under test has counted.
 */
#include "hw.h"
#include "judge.h"
#include "mm/tdp_change.h"
#include "report.h"

struct tree_count {
	u64 leaves[LEVEL_1G + 1];
	u64 tables, empty;
};

static void count_table(const struct tdp *tdp, hpa_t hpa, unsigned int level,
			struct tree_count *count)
{
	const u64 *sptes = hpa_to_ptr(hpa);
	u32 present = 0;

	count->tables++;
	for (u32 i = 0; i < TABLE_ENTRIES; i++) {
		if (!spte_is_counted(tdp->fmt, sptes[i])) {
			if (sptes[i] && !spte_is_mmio(sptes[i]))
				report("LEFT_FROZEN", "%s is 0x%lx", report_place(&sptes[i]),
				       sptes[i]);
			continue;
		}
		present++;
		if (spte_is_leaf(tdp->fmt, sptes[i], level))
			count->leaves[MIN(level, (unsigned int)LEVEL_1G)]++;
		else
			count_table(tdp, spte_hpa(tdp->fmt, sptes[i]), level - 1, count);
	}
	if (present != tdp_table_count(hpa))
		report("COUNT_WRONG", "a level %u table has %u entries, and counts %u", level,
		       present, tdp_table_count(hpa));
	count->empty += !present && level < tdp->root_level;
}

static void check_count(const char *what, u64 counted, u64 found)
{
	if (counted != found)
		report("COUNT_WRONG", "%s: counted %lu, there are %lu", what, counted, found);
}

static void check_stats(const struct tdp *tdp, const struct tree_count *count)
{
	struct tdp_stats stats;

	tdp_stats_read(tdp, &stats);
	check_count("table pages", stats.table_pages, count->tables);
	check_count("4 KiB leaves", stats.pages_4k, count->leaves[LEVEL_4K]);
	check_count("2 MiB leaves", stats.pages_2m, count->leaves[LEVEL_2M]);
	check_count("1 GiB leaves", stats.pages_1g, count->leaves[LEVEL_1G]);
	check_count("makers of rounds", tdp->tlb.busy, 0);
	check_count("holders of the lock", tdp->lock.locked, 0);
	check_count("holders of the slots' lock", tdp->slots_lock.locked, 0);
	check_count("rounds", tdp->tlb.stats.remote_tlb_flush, tdp->tlb.generation - 1);
}

void judge_trees(bool alone)
{
	u64 all = 0;

	for (u32 i = 0; i < cpu_count; i++)
		check_count("walks that have not ended", cpus[i]->walks % 2, 0);
	for (u32 i = 0; i < world.config->spaces; i++) {
		const struct tdp *tdp = &world.vms[i].tdp;
		struct tree_count count = { 0 };

		count_table(tdp, tdp->root, tdp->root_level, &count);
		if (alone && count.empty)
			report("EMPTY_TABLE", "%lu are left", count.empty);
		all += count.tables;
		/* Before the counters: a page that nothing links to is worse than a wrong number. */
		if (i + 1 == world.config->spaces && all != judge_live_tables())
			report("FRAME_LEAK", "%u tables are owned, %lu are in the trees",
			       judge_live_tables(), all);
		check_stats(tdp, &count);
	}
}
