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
#include "report.h"

#define SLOTS 6u
#define SLOT_CHUNKS 512u
#define QUARANTINE_MAX 64u
/* What a moved block's frames are moved by: keeps all alignments. */
#define MOVE_PFN (GIB(64) >> PAGE_SHIFT)

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
	u64 pfn[SLOTS][SLOT_CHUNKS], old_pfn[SLOTS][SLOT_CHUNKS];
} truth[MAX_SPACES];

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

	guest_mem_init(mem, NULL);
	mem->count = SLOTS;
	for (u32 i = 0; i < SLOTS; i++) {
		const struct slot_plan *plan = &plans[i];

		mem->slots[i] = (struct mem_slot){
			.base = gpa_to_gfn(GPA(plan->gpa)),
			.npages = plan->len / PAGE_SIZE,
			.backing = own->backing[i],
			.level = own->level[i],
		};
		for (u64 chunk = 0; chunk < plan->len / MIB(2); chunk++) {
			u64 offset = plan->scattered ? -chunk * MIB(2) : chunk * MIB(2);
			u64 pfn = (plan->hpa + offset + space * GIB(256)) / PAGE_SIZE;

			own->backing[i][chunk] = PFN(pfn);
			own->level[i][chunk] = plan->block;
			own->pfn[i][chunk] = pfn;
			own->old_pfn[i][chunk] = 0;
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

struct backing world_backing(u32 space, u64 gfn)
{
	const struct slot_plan *plan = plan_of(gfn);
	struct backing backing = { 0 };
	u64 chunk;
	u32 slot;

	if (!plan)
		return backing;
	slot = (u32)(plan - plans);
	chunk = (gfn * PAGE_SIZE - plan->gpa) / MIB(2);
	backing.pfn = truth[space].pfn[slot][chunk] + gfn % 512;
	if (truth[space].old_pfn[slot][chunk])
		backing.old_pfn = truth[space].old_pfn[slot][chunk] + gfn % 512;
	backing.base = plan->gpa / PAGE_SIZE;
	backing.npages = plan->len / PAGE_SIZE;
	backing.block_level = plan->block;
	backing.block_pages = MIN(level_pages(plan->block), backing.npages);
	backing.block = MAX(align_down(gfn, level_pages(plan->block)), backing.base);
	return backing;
}

/* Set the chunks of gfn's block: to other frames, or to having only these. */
static void move_block(u32 space, u64 gfn, bool begin)
{
	const struct slot_plan *plan = plan_of(gfn);
	struct truth *own = &truth[space];
	u32 slot = (u32)(plan - plans);
	struct backing backing = world_backing(space, gfn);
	u64 first = (backing.block - backing.base) / 512;

	for (u64 i = first; i < first + backing.block_pages / 512; i++) {
		if (begin) {
			own->old_pfn[slot][i] = own->pfn[slot][i];
			own->pfn[slot][i] ^= MOVE_PFN * 16;
			own->backing[slot][i].raw = own->pfn[slot][i];
		} else {
			own->old_pfn[slot][i] = 0;
		}
	}
}

void world_move_begin(u32 space, u64 gfn)
{
	move_block(space, gfn, true);
}

void world_move_end(u32 space, u64 gfn)
{
	move_block(space, gfn, false);
}

u64 world_pick_gfn(u64 *rng)
{
	static const u64 near[] = { 0, 1, 2, 511, 512, 513, ~0ull };
	const struct slot_plan *plan = &plans[rng_below(rng, SLOTS)];
	u64 pages = plan->len / PAGE_SIZE;
	u64 at = near[rng_below(rng, ARRAY_SIZE(near))];

	if (rng_below(rng, 16) == 0)
		return plan->gpa / PAGE_SIZE + pages;
	return plan->gpa / PAGE_SIZE + (at < pages ? at : pages - 1);
}

void world_create(void)
{
	static const struct mem_range ram = { HPA(0), WORLD_MEMORY };
	const struct world_config *config = world.config;

	host_memory = memory;
	judge_reset();
	dirty_reset();
	waiting_count = 0;
	keep_freed = true;
	if (frames_init(&ram, 1, NULL, 0))
		abort();
	for (u32 i = 0; i < config->spaces; i++) {
		struct vm *vm = &world.vms[i];

		memset(vm, 0, sizeof(*vm));
		slots_create(i);
		access_adopt(vm, sizeof(*vm));
		if (tdp_create(&vm->tdp, config->fmt, config->max_leaf, &vm->mem))
			abort();
		access_adopt(vm, sizeof(*vm));
		judge_root(i, vm->tdp.root);
	}
}

int __real_frame_alloc_zeroed(struct frame_owner *owner, hpa_t *out);
int __wrap_frame_alloc_zeroed(struct frame_owner *owner, hpa_t *out);
void __real_frame_free(struct frame_owner *owner, unsigned int level, hpa_t block);
void __wrap_frame_free(struct frame_owner *owner, unsigned int level, hpa_t block);

/* All pages that the oracle's VMs take are tables. */
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

static void waiting_free(void)
{
	__real_frame_free(waiting[0].owner, LEVEL_4K, waiting[0].hpa);
	memmove(waiting, waiting + 1, --waiting_count * sizeof(waiting[0]));
}

void __wrap_frame_free(struct frame_owner *owner, unsigned int level, hpa_t block)
{
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
