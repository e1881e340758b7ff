/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of TDP trees: a guest memory whose slots are written by hand, so that every
 * leaf level occurs and guest frames need not exist (the tree never touches them), and a
 * checker that goes over a whole tree and compares it with its counters.
 */
#pragma once

#include "host.h"

#include <string.h>

#include "arch/direct_map.h"
#include "host_slots.h"
#include "lib/err.h"
#include "mm/heap.h"
#include "mm/tdp.h"
#include "mm/tdp_change.h"
#include "mm/tdp_iter.h"

#define FIXTURE_SLOTS 5u

struct fixture_slot {
	u64 gpa, len;
	u64 hpa; /* of the first chunk; the others follow, or precede when scattered */
	u8 block; /* the level of the blocks that the slot claims to have */
	bool scattered;
	unsigned int leaf; /* the largest leaf that is right, on a CPU with 1 GiB pages */
};

static const struct fixture_slot fixture_slots[FIXTURE_SLOTS] = {
	/* Single 2 MiB blocks, in falling order: never contiguous. */
	{ 0, GIB(1), GIB(80), LEVEL_2M, true, LEVEL_2M },
	/* Whole 1 GiB blocks. */
	{ GIB(1), GIB(2), GIB(64), LEVEL_1G, false, LEVEL_1G },
	/* A 1 GiB block that does not lie in hpa as it does in gpa. */
	{ GIB(8) + MIB(2), GIB(1), GIB(32), LEVEL_1G, false, LEVEL_2M },
	/* Two 1 GiB blocks, but not the first 2 MiB of one and the last of the other. */
	{ GIB(16) + MIB(2), GIB(2) - MIB(4), GIB(33) + MIB(2), LEVEL_1G, false, LEVEL_2M },
	/* The very end of what a root covers; nothing lies alike but single pages. */
	{ BIT(48) - MIB(8), MIB(8), GIB(40) + 0x3000, LEVEL_2M, false, LEVEL_4K },
};

static struct guest_mem fixture_mem;
static struct tdp tdp;

/* All that has been counted. */
static inline struct tdp_stats stats(void)
{
	struct tdp_stats sum;

	tdp_stats_read(&tdp, &sum);
	return sum;
}

/* The table of slots that the fixture has written by hand. */
static inline struct slot_table *fixture_slot_table(void)
{
	return (struct slot_table *)(uintptr_t)fixture_mem.table;
}

/* Let the spare CPU be in a guest; host_nmi is called by the next round. */
static inline void enter_spare_cpu(void (*nmi)(u32 id))
{
	host_nmi = nmi;
	cpus[HOST_SPARE_CPU]->space = &tdp.tlb;
	cpus[HOST_SPARE_CPU]->mode = CPU_GUEST;
}

/* Let it be in none, also when the last test has failed halfway. */
static inline void leave_spare_cpu(void)
{
	host_nmi = NULL;
	cpus[HOST_SPARE_CPU]->space = NULL;
	cpus[HOST_SPARE_CPU]->mode = CPU_HOST;
}

/* Memory for tables, the guest memory above, and an empty tree. */
static inline void fixture_start_with(const struct tdp_config *config)
{
	static struct host_slots slots;
	static pfn_t backing[FIXTURE_SLOTS][1024];
	static u8 level[FIXTURE_SLOTS][1024];
	static const struct mem_range ram = { HPA(0), MIB(64) };

	leave_spare_cpu();
	host_memory_reset(MIB(64));
	assert_int_equal(frames_init(&ram, 1, NULL, 0), 0);
	assert_int_equal(heap_init(), 0);
	host_slots_init(&slots, &fixture_mem);
	for (u32 i = 0; i < FIXTURE_SLOTS; i++) {
		const struct fixture_slot *from = &fixture_slots[i];

		host_slots_add(&slots, (struct mem_slot){
					       .base = gpa_to_gfn(GPA(from->gpa)),
					       .npages = from->len / PAGE_SIZE,
					       .backing = backing[i],
					       .level = level[i],
				       });
		for (u64 chunk = 0; chunk < from->len / MIB(2); chunk++) {
			u64 offset = chunk * MIB(2);

			backing[i][chunk] = hpa_to_pfn(
				HPA(from->scattered ? from->hpa - offset : from->hpa + offset));
			level[i][chunk] = from->block;
		}
	}
	assert_int_equal(tdp_create(&tdp, config, &fixture_mem), 0);
}

static inline void fixture_start(const struct spte_format *fmt, unsigned int max_leaf_level)
{
	struct tdp_config config = {
		.fmt = fmt,
		.max_leaf_level = max_leaf_level,
		.hw_ad = true,
		.mmio_signal = fmt == &spte_format_ept ? SPTE_EPT_MISCONFIGURED : SPTE_NPT_RESERVED,
	};

	fixture_start_with(&config);
}

static inline unsigned int fixture_leaf_level(u64 gpa)
{
	for (u32 i = 0; i < FIXTURE_SLOTS; i++) {
		if (gpa - fixture_slots[i].gpa < fixture_slots[i].len)
			return MIN(fixture_slots[i].leaf, tdp.max_leaf_level);
	}
	return 0;
}

struct tree_count {
	u64 leaves[LEVEL_1G + 1];
	u64 tables;
	u64 empty; /* tables without any entry, the root not counted */
};

static inline void tree_count_table(hpa_t table, u64 gfn, unsigned int level,
				    struct tree_count *count)
{
	const u64 *sptes = hpa_to_ptr(table);
	u32 present = 0;

	count->tables++;
	for (u32 i = 0; i < TABLE_ENTRIES; i++, gfn += level_pages(level)) {
		u64 spte = sptes[i];

		if (!spte_is_present(tdp.fmt, spte)) {
			assert_true(!spte || spte_is_mmio(spte));
			continue;
		}
		present++;
		if (spte_is_table(tdp.fmt, spte, level)) {
			tree_count_table(spte_hpa(tdp.fmt, spte), gfn, level - 1, count);
			continue;
		}
		assert_in_range(level, LEVEL_4K, tdp.max_leaf_level);
		assert_int_equal(level, fixture_leaf_level(gfn * PAGE_SIZE));
		assert_int_equal(
			spte_pfn(tdp.fmt, spte).raw,
			mem_slot_pfn(guest_mem_slot(&fixture_mem, GFN(gfn)), GFN(gfn)).raw);
		count->leaves[level]++;
	}
	assert_int_equal(present, tdp_table_count(table));
	count->empty += !present && level < tdp.root_level;
}

/* Every entry is right, nothing is frozen, and all counters say what is there. */
static inline struct tree_count tree_check(void)
{
	struct tree_count count = { 0 };

	tree_count_table(tdp.root, 0, tdp.root_level, &count);
	assert_int_equal(count.leaves[LEVEL_4K], stats().pages_4k);
	assert_int_equal(count.leaves[LEVEL_2M], stats().pages_2m);
	assert_int_equal(count.leaves[LEVEL_1G], stats().pages_1g);
	assert_int_equal(count.tables, stats().table_pages);
	assert_int_equal(count.tables, tdp.tables.frames);
	assert_int_equal(this_cpu()->walks % 2, 0);
	assert_int_equal(tdp.tlb.busy, 0);
	assert_int_equal(tdp.lock.locked, 0);
	assert_int_equal(tdp.slots_lock.locked, 0);
	return count;
}

static inline u64 tree_leaves(const struct tree_count *count)
{
	return count->leaves[LEVEL_4K] + count->leaves[LEVEL_2M] + count->leaves[LEVEL_1G];
}

/* The lowest entry that a walk to gpa finds. */
static inline struct tdp_walk_step walk_end(u64 gpa)
{
	struct tdp_walk_step steps[TDP_ROOT_LEVEL];
	unsigned int count = tdp_walk(&tdp, GPA(gpa), steps);

	assert_in_range(count, 1, TDP_ROOT_LEVEL);
	return steps[count - 1];
}

static inline bool is_mapped(u64 gpa)
{
	return spte_is_present(tdp.fmt, walk_end(gpa).spte);
}

static inline enum tdp_result fault(u64 gpa)
{
	return tdp_fault(&tdp, GPA(gpa), ACCESS_READ);
}

static inline enum tdp_result write_fault(u64 gpa)
{
	return tdp_fault(&tdp, GPA(gpa), ACCESS_WRITE);
}

/* Shootdown rounds so far. */
static inline u64 rounds(void)
{
	return atomic_load(&tdp.tlb.stats.remote_tlb_flush);
}

static inline void zap(u64 start, u64 end)
{
	tdp_zap(&tdp, gpa_to_gfn(GPA(start)), gpa_to_gfn(GPA(end)));
}

static inline int start_npt(void **state)
{
	(void)state;
	fixture_start(&spte_format_npt, LEVEL_1G);
	return 0;
}

/* Whatever a test has done, the tree ends with every frame back. */
static inline int end(void **state)
{
	(void)state;
	leave_spare_cpu();
	tdp_zap(&tdp, GFN(0), GFN(BIT(36)));
	assert_int_equal(stats().table_pages, 1);
	assert_int_equal(stats().pages_4k + stats().pages_2m + stats().pages_1g, 0);
	tdp_destroy(&tdp);
	assert_int_equal(tdp.tables.frames, 0);
	return 0;
}
