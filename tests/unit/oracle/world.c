/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds what a run begins with: see world.h. And stands between the trees and the frame
 * allocator: freed tables are poisoned and wait in quarantine, allocations may fail.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "dirty.h"
#include "hw.h"
#include "judge.h"
#include "lib/err.h"
#include "mm/dirty_log.h"
#include "mm/heap.h"
#include "mm/slot_table.h"
#include "mm/slots.h"
#include "report.h"

#define SLOTS 6u
#define SLOT_CHUNKS 512u
#define QUARANTINE_MAX 64u
/* Slots that are made while the VM runs: their frames, of which none is ever used twice. */
#define MADE_PFN (GIB(600) >> PAGE_SHIFT)
#define MADE 64u
/* What the frame numbers of a slot that has gone are overwritten with. */
#define GONE_PFN (GIB(700) >> PAGE_SHIFT)

struct world world;
unsigned char *host_memory;

/* Part of the program, so that all addresses keep their distances from one run to the next. */
static unsigned char memory[WORLD_MEMORY] __aligned(4096);

static const struct slot_plan {
	u64 gpa, len, hpa;
	u8 block;
	bool scattered; /* chunks in falling order */
} plans[SLOTS] = {
	/* Single 2 MiB blocks that are never contiguous; larger than a gigabyte's leaf. */
	{ 0, GIB(1), GIB(80), LEVEL_2M, true },
	/* One 1 GiB block. */
	{ GIB(1), GIB(1), GIB(64), LEVEL_1G, false },
	/* Gpa and hpa are congruent by single pages only. */
	{ GIB(2) + MIB(2), MIB(6), GIB(40) + 0x3000, LEVEL_2M, false },
	/* Fit a larger page by their blocks and their frames, but do not fill one. */
	{ GIB(4) + MIB(2), MIB(6), GIB(48) + MIB(2), LEVEL_1G, false },
	{ GIB(6), MIB(6), GIB(50), LEVEL_1G, false },
	/* The end of what a root covers. */
	{ BIT(48) - MIB(2), MIB(2), GIB(41) + 0x5000, LEVEL_2M, false },
};

static struct truth {
	pfn_t backing[SLOTS][SLOT_CHUNKS]; /* what mem_slot.backing points to */
	u8 level[SLOTS][SLOT_CHUNKS];
	struct position positions[POSITIONS];
} truth[MAX_SPACES];

/* What slot_create() has made: one chunk each. */
static struct made {
	pfn_t backing;
	u8 level;
} made[MADE];
static u32 made_count;
static u32 objects; /* of the heap that are in use */

static struct {
	struct frame_owner *owner;
	hpa_t hpa;
} waiting[QUARANTINE_MAX];
static u32 waiting_count;
static bool keep_freed; /* in quarantine */

static void slots_create(u32 space)
{
	struct guest_mem *mem = &world.vms[space].mem;
	struct truth *own = &truth[space];
	struct slot_table *table;

	guest_mem_init(mem, NULL, 48);
	memset(own->positions, 0, sizeof(own->positions));
	table = kzalloc(sizeof(*table) + (SLOTS + 1) * sizeof(table->slots[0]));
	table->generation = 1;
	table->count = SLOTS;
	mem->table = table;
	for (u32 i = 0; i < SLOTS; i++) {
		const struct slot_plan *plan = &plans[i];

		table->slots[i] = (struct mem_slot){
			.base = gpa_to_gfn(GPA(plan->gpa)),
			.npages = plan->len / PAGE_SIZE,
			.backing = own->backing[i],
			.level = own->level[i],
			.plain = true,
		};
		for (u64 chunk = 0; chunk < plan->len / MIB(2); chunk++) {
			u64 offset = plan->scattered ? -chunk * MIB(2) : chunk * MIB(2);

			own->backing[i][chunk] = PFN((plan->hpa + offset + space * GIB(256)) /
						     PAGE_SIZE);
			own->level[i][chunk] = plan->block;
		}
	}
}

static const struct slot_plan *plan_of(u64 gfn)
{
	for (u32 i = 0; i < SLOTS; i++) {
		if (gfn * PAGE_SIZE - plans[i].gpa < plans[i].len)
			return &plans[i];
	}
	return NULL;
}

struct position *world_position(u32 space, u64 gfn)
{
	u64 at = (gfn - POSITION_GFN(0)) / (2 * POSITION_PAGES);

	if (gfn < POSITION_GFN(0) || at >= POSITIONS || gfn - POSITION_GFN(at) >= POSITION_PAGES)
		return NULL;
	return &truth[space].positions[at];
}

static struct backing position_backing(const struct position *position, u64 gfn)
{
	struct backing backing = { .hole = !position->live || position->going };
	u64 page = gfn % POSITION_PAGES;

	if (position->live || position->coming)
		backing.pfn = position->pfn + page;
	if (position->going)
		backing.old_pfn = position->old_pfn + page;
	if (!backing.pfn && !backing.old_pfn)
		return backing;
	backing.base = backing.block = gfn - page;
	backing.npages = backing.block_pages = POSITION_PAGES;
	backing.block_level = LEVEL_2M;
	backing.writable = !position->readonly || position->turning;
	backing.readonly = position->readonly || position->turning;
	return backing;
}

struct backing world_backing(u32 space, u64 gfn)
{
	const struct slot_plan *plan = plan_of(gfn);
	const struct position *position = world_position(space, gfn);
	struct backing backing = { .hole = true };
	u64 chunk;

	if (position)
		return position_backing(position, gfn);
	if (!plan)
		return backing;
	chunk = (gfn * PAGE_SIZE - plan->gpa) / MIB(2);
	backing.hole = false;
	backing.writable = true;
	backing.pfn = truth[space].backing[plan - plans][chunk].raw + gfn % 512;
	backing.base = plan->gpa / PAGE_SIZE;
	backing.npages = plan->len / PAGE_SIZE;
	backing.block_level = plan->block;
	backing.block_pages = MIN(level_pages(plan->block), backing.npages);
	backing.block = MAX(align_down(gfn, level_pages(plan->block)), backing.base);
	return backing;
}

u64 world_pick_gfn(u64 *rng)
{
	static const u64 near[] = { 0, 1, 2, 511, 512, 513, ~0ull };
	const struct slot_plan *plan = &plans[rng_below(rng, SLOTS)];
	u64 position = POSITION_GFN(rng_below(rng, POSITIONS));
	u64 pages = plan->len / PAGE_SIZE;
	u64 at = near[rng_below(rng, ARRAY_SIZE(near))];

	if (rng_below(rng, 3) == 0)
		return position + near[rng_below(rng, 4)];
	if (rng_below(rng, 16) == 0)
		return plan->gpa / PAGE_SIZE + pages;
	return plan->gpa / PAGE_SIZE + (at < pages ? at : pages - 1);
}

void world_create(void)
{
	static const struct mem_range ram = { HPA(0), WORLD_MEMORY };
	const struct world_config *config = world.config;
	const struct tdp_config tdp_config = {
		.fmt = config->fmt,
		.max_leaf_level = config->max_leaf,
		.hw_ad = config->hw_ad,
		.pml = config->pml,
		.nx_huge = config->nx_huge,
		.mmio_signal = config->fmt == &spte_format_npt ? SPTE_NPT_RESERVED
							       : SPTE_EPT_MISCONFIGURED,
	};

	host_memory = memory;
	judge_reset();
	dirty_reset();
	waiting_count = made_count = objects = 0;
	world.small_leaves = config->nx_huge;
	keep_freed = true;
	if (frames_init(&ram, 1, NULL, 0) || heap_init())
		abort();
	for (u32 i = 0; i < config->spaces; i++) {
		struct vm *vm = &world.vms[i];

		memset(vm, 0, sizeof(*vm));
		slots_create(i);
		access_adopt(vm, sizeof(*vm));
		if (tdp_create(&vm->tdp, &tdp_config, &vm->mem))
			abort();
		access_adopt(vm, sizeof(*vm));
		judge_root(i, vm->tdp.root);
	}
}

void *__real_kzalloc(size_t size);
void *__wrap_kzalloc(size_t size);
void __real_kfree(void *ptr, size_t size);
void __wrap_kfree(void *ptr, size_t size);

void *__wrap_kzalloc(size_t size)
{
	u32 one_in = world.config->alloc_fail;
	void *ptr;

	if (one_in && sched.current && !sched.quiet && chance(one_in))
		return NULL;
	ptr = __real_kzalloc(size);
	objects += ptr != NULL;
	/* The words of dirty logs, and nothing else here. */
	if (ptr && size == PAGE_SIZE)
		judge_words_alloc(ptr_to_hpa(ptr));
	return ptr;
}

void __wrap_kfree(void *ptr, size_t size)
{
	objects -= ptr != NULL;
	if (ptr && sched.current)
		judge_object_free(ptr);
	if (ptr && size == PAGE_SIZE)
		judge_words_free(ptr_to_hpa(ptr));
	__real_kfree(ptr, size);
}

void world_destroy(void)
{
	for (u32 i = 0; i < world.config->spaces; i++) {
		struct vm *vm = &world.vms[i];

		for (u32 at = 0; at < POSITIONS; at++)
			(void)!slot_remove(&vm->tdp, GFN(POSITION_GFN(at)));
		tdp_destroy(&vm->tdp);
		slot_table_free(vm->mem.table);
	}
}

u32 world_objects(void)
{
	return objects;
}

int __wrap_slot_create(const struct guest_mem *mem, struct mem_slot *slot);
void __wrap_slot_destroy(const struct guest_mem *mem, struct mem_slot *slot);

static u32 space_of(const struct guest_mem *mem)
{
	return mem == &world.vms[0].mem ? 0 : 1;
}

/* Slots that are made while the VM runs have frames that do not exist either. */
int __wrap_slot_create(const struct guest_mem *mem, struct mem_slot *slot)
{
	struct position *position = world_position(space_of(mem), slot->base.raw);
	struct made *own = &made[made_count];

	if (made_count == MADE)
		return E_NOMEM;
	own->backing = PFN(MADE_PFN + made_count++ * POSITION_PAGES);
	own->level = LEVEL_2M;
	slot->backing = &own->backing;
	slot->level = &own->level;
	position->pfn = own->backing.raw;
	return 0;
}

void __wrap_slot_destroy(const struct guest_mem *mem, struct mem_slot *slot)
{
	(void)mem;
	judge_object_free(slot->backing);
	hw_check_frames(slot->backing->raw, slot->npages);
	slot->backing->raw = GONE_PFN;
	if (slot->log)
		dirty_log_destroy(slot->log);
}

int __real_frame_alloc_zeroed(struct frame_owner *owner, hpa_t *out);
int __wrap_frame_alloc_zeroed(struct frame_owner *owner, hpa_t *out);
void __real_frame_free(struct frame_owner *owner, unsigned int level, hpa_t block);
void __wrap_frame_free(struct frame_owner *owner, unsigned int level, hpa_t block);

/* Only tables are taken zeroed. */
int __wrap_frame_alloc_zeroed(struct frame_owner *owner, hpa_t *out)
{
	u32 one_in = world.config->alloc_fail;
	int err;

	if (one_in && !sched.quiet && chance(one_in))
		return -1;
	err = __real_frame_alloc_zeroed(owner, out);
	if (!err) {
		access_adopt(frame_tag(*out), sizeof(u16));
		judge_table_alloc(*out);
	}
	return err;
}

static bool owns_tables(const struct frame_owner *owner)
{
	for (u32 i = 0; i < MAX_SPACES; i++) {
		if (owner == &world.vms[i].tdp.tables)
			return true;
	}
	return false;
}

static void waiting_free(void)
{
	__real_frame_free(waiting[0].owner, LEVEL_4K, waiting[0].hpa);
	memmove(waiting, waiting + 1, --waiting_count * sizeof(waiting[0]));
}

void __wrap_frame_free(struct frame_owner *owner, unsigned int level, hpa_t block)
{
	if (!owns_tables(owner)) {
		__real_frame_free(owner, level, block);
		return;
	}
	judge_table_free(block);
	if (level != LEVEL_4K || !keep_freed || !world.config->quarantine) {
		__real_frame_free(owner, level, block);
		return;
	}
	waiting[waiting_count].owner = owner;
	waiting[waiting_count++].hpa = block;
	if (waiting_count == MIN(world.config->quarantine, QUARANTINE_MAX))
		waiting_free();
}

void world_end_quarantine(void)
{
	keep_freed = false;
	while (waiting_count)
		waiting_free();
}
