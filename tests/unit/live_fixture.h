/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of TDP trees whose slots come and go, and are logged: the tree of tdp_fixture.h over
 * slots with real frames of the simulated memory, a checker of all that is in tree and slots, and
 * snapshots of both, for operations that must leave no trace.
 */
#pragma once

#include "host_alloc.h"
#include "tdp_fixture.h"

#include "mm/dirty_log.h"
#include "mm/slots.h"

static struct frame_owner guest_owner;
static struct frame_stats live_before;

/* Nothing but the frames is there: size bytes of memory, and guests of gpa_bits. */
static inline void live_start_with(const struct tdp_config *config, u64 size, unsigned int gpa_bits)
{
	const struct mem_range ram = { HPA(0), size };

	leave_spare_cpu();
	host_alloc_fail(0, false);
	host_memory_reset(size);
	assert_int_equal(frames_init(&ram, 1, NULL, 0), 0);
	assert_int_equal(heap_init(), 0);
	assert_int_equal(frame_owner_register(&guest_owner, "guest"), 0);
	frame_stats_read(&live_before);
	guest_mem_init(&fixture_mem, &guest_owner, gpa_bits);
	assert_int_equal(tdp_create(&tdp, config, &fixture_mem), 0);
}

static inline void live_start(const struct spte_format *fmt, unsigned int max_leaf_level, u64 size)
{
	struct tdp_config config = {
		.fmt = fmt,
		.max_leaf_level = max_leaf_level,
		.hw_ad = true,
		.mmio_signal = fmt == &spte_format_ept ? SPTE_EPT_MISCONFIGURED : SPTE_NPT_RESERVED,
	};

	live_start_with(&config, size, 48);
}

/* The VM ends: each frame and each object of the heap is back. */
static inline void live_end(void)
{
	struct frame_stats after;

	leave_spare_cpu();
	host_alloc_fail(0, false);
	tdp_destroy(&tdp);
	assert_int_equal(tdp.tables.frames, 0);
	guest_mem_destroy(&fixture_mem);
	assert_int_equal(guest_owner.frames, 0);
	frame_owner_unregister(&guest_owner);
	frame_stats_read(&after);
	assert_memory_equal(&live_before, &after, sizeof(after));
}

/* A guest that is in its guest, and leaves for a moment whenever it is kicked. */
static inline void live_nmi_leave(u32 id)
{
	assert_int_equal(id, HOST_SPARE_CPU);
	cpus[HOST_SPARE_CPU]->entries++;
}

static inline gfn_t live_gfn(u64 gpa)
{
	return gpa_to_gfn(GPA(gpa));
}

static inline int add(u64 gpa, u64 len)
{
	return slot_add(&tdp, live_gfn(gpa), len / PAGE_SIZE, false);
}

static inline const struct mem_slot *live_slot(u64 gpa)
{
	return guest_mem_slot(&fixture_mem, live_gfn(gpa));
}

/* May the aligned range of level's size from first on be one leaf: by each of its 2 MiB. */
static inline bool live_fits(u64 first, unsigned int level)
{
	const struct mem_slot *slot = guest_mem_slot(&fixture_mem, GFN(first));
	u64 pfn;

	if (!slot)
		return false;
	pfn = mem_slot_pfn(slot, GFN(first)).raw;
	for (u64 i = 0; i < level_pages(level); i += 512) {
		gfn_t gfn = GFN(first + i);

		if (guest_mem_slot(&fixture_mem, gfn) != slot ||
		    mem_slot_pfn(slot, gfn).raw != pfn + i ||
		    slot->level[(gfn.raw - slot->base.raw) / 512] < level)
			return false;
	}
	return is_aligned(pfn, level_pages(level));
}

/* The largest leaf that can map gfn. */
static inline unsigned int live_level(u64 gfn)
{
	unsigned int level = tdp.max_leaf_level;

	while (level > LEVEL_4K && !live_fits(align_down(gfn, level_pages(level)), level))
		level--;
	return level;
}

/* What a leaf may be: its frame, its size, its rights, and that nothing is written unnoticed. */
static inline void live_check_leaf(u64 gfn, u64 spte, unsigned int level)
{
	const struct mem_slot *slot = guest_mem_slot(&fixture_mem, GFN(gfn));
	bool writable = (spte & tdp.fmt->write) || (spte_is_aged(spte) && (spte >> 53 & 1));

	assert_non_null(slot);
	if (level > LEVEL_4K)
		assert_in_range(level, LEVEL_4K, live_level(gfn));
	assert_int_equal(spte_pfn(tdp.fmt, spte).raw, mem_slot_pfn(slot, GFN(gfn)).raw);
	assert_false(writable && slot->readonly);
	assert_false(tdp.nx_huge && level > LEVEL_4K && (spte_access(tdp.fmt, spte) & ACCESS_EXEC));
	if (!slot->log || !writable)
		return;
	assert_int_equal(level, LEVEL_4K);
	gfn -= slot->base.raw;
	if (slot->log->means == DIRTY_PROTECT)
		assert_true(slot->log->live[gfn / 64 / DIRTY_CHUNK_WORDS]
					   [gfn / 64 % DIRTY_CHUNK_WORDS] &
			    BIT(gfn % 64));
}

/* All entries below table; count is added to. A hash of them, but for where the tables lie. */
static inline u64 live_check_table(hpa_t table, u64 gfn, unsigned int level,
				   struct tree_count *count)
{
	const u64 *sptes = hpa_to_ptr(table);
	u64 hash = 0xcbf29ce484222325ull;
	u32 counted = 0;

	count->tables++;
	for (u32 i = 0; i < TABLE_ENTRIES; i++, gfn += level_pages(level)) {
		u64 spte = sptes[i];

		assert_false(spte_is_frozen(spte));
		counted += spte_is_counted(tdp.fmt, spte);
		if (spte_is_table(tdp.fmt, spte, level)) {
			spte = live_check_table(spte_hpa(tdp.fmt, spte), gfn, level - 1, count);
		} else if (spte_is_counted(tdp.fmt, spte)) {
			live_check_leaf(gfn, spte, level);
			count->leaves[level]++;
		}
		hash = (hash ^ spte) * 0x100000001b3ull;
	}
	assert_int_equal(counted, tdp_table_count(table));
	return hash;
}

struct live_snapshot {
	struct frame_stats frames;
	const struct slot_table *table;
	u64 generation, rounds, requests, guest_frames, tree;
	struct tree_count count;
	u32 logs;
};

/* Tree, slots and counters agree; what they are. */
static inline struct live_snapshot live_check(void)
{
	struct live_snapshot now = {
		.table = fixture_mem.table,
		.generation = fixture_mem.table->generation,
		.rounds = tdp.tlb.stats.remote_tlb_flush,
		.requests = tdp.tlb.stats.remote_tlb_flush_requests,
		.guest_frames = guest_owner.frames,
		.logs = tdp.logs,
	};
	u64 pages = 0, logs = 0;

	now.tree = live_check_table(tdp.root, 0, tdp.root_level, &now.count);
	frame_stats_read(&now.frames);
	assert_int_equal(now.count.leaves[LEVEL_4K], stats().pages_4k);
	assert_int_equal(now.count.leaves[LEVEL_2M], stats().pages_2m);
	assert_int_equal(now.count.leaves[LEVEL_1G], stats().pages_1g);
	assert_int_equal(now.count.tables, stats().table_pages);
	assert_int_equal(now.count.tables, tdp.tables.frames);
	for (u32 i = 0; i < fixture_mem.table->count; i++) {
		pages += fixture_mem.table->slots[i].npages;
		logs += fixture_mem.table->slots[i].log != NULL;
	}
	assert_int_equal(guest_owner.frames, pages);
	assert_int_equal(tdp.logs, logs);
	assert_int_equal(tdp.passes + tdp.tlb.busy + tdp.lock.locked + tdp.slots_lock.locked, 0);
	assert_int_equal(this_cpu()->walks % 2, 0);
	return now;
}

/* Nothing at all has changed since before. */
static inline void live_check_same(const struct live_snapshot *before)
{
	struct live_snapshot now = live_check();

	assert_memory_equal(&now.frames, &before->frames, sizeof(now.frames));
	assert_ptr_equal(now.table, before->table);
	assert_int_equal(now.generation, before->generation);
	assert_int_equal(now.rounds, before->rounds);
	assert_int_equal(now.requests, before->requests);
	assert_int_equal(now.guest_frames, before->guest_frames);
	assert_int_equal(now.tree, before->tree);
	assert_int_equal(now.logs, before->logs);
}

static inline int live_teardown(void **state)
{
	(void)state;
	live_check();
	live_end();
	return 0;
}
