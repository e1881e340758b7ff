/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots and tables of them: see slot_table.h. A table is small, and changes rarely: each change
 * makes a new one. No lock: who makes one holds the lock of whoever publishes it.
 */
#include "mm/slot_table.h"

#include "lib/err.h"
#include "mm/dirty_log.h"
#include "mm/heap.h"

#define CHUNK_PAGES 512ull /* 2 MiB, what one backing[] entry stands for */
#define CHUNK_SIZE (CHUNK_PAGES * PAGE_SIZE)
#define GIGA_CHUNKS 512ull

static u64 slot_chunks(const struct mem_slot *slot)
{
	return slot->npages / CHUNK_PAGES;
}

/* Chunks in the block that chunk is the first one of. */
static u64 block_chunks(const struct mem_slot *slot, u64 chunk)
{
	return slot->level[chunk] == LEVEL_1G ? GIGA_CHUNKS : 1;
}

/*
 * Take a block for chunk: 1 GiB where gfn and what is left of the slot allow the guest to be
 * mapped by one entry, and there is such a block.
 */
static int block_take(const struct guest_mem *mem, struct mem_slot *slot, u64 chunk)
{
	u64 gfn = slot->base.raw + chunk * CHUNK_PAGES;
	u64 left = slot_chunks(slot) - chunk;
	u8 level = LEVEL_1G;
	hpa_t block;

	if (!is_aligned(gfn, level_pages(LEVEL_1G)) || left < GIGA_CHUNKS ||
	    frame_alloc(mem->owner, LEVEL_1G, &block)) {
		int err = frame_alloc(mem->owner, LEVEL_2M, &block);

		if (err)
			return err;
		level = LEVEL_2M;
	}
	frame_zero(level, block);
	slot->level[chunk] = level;
	for (u64 i = 0; i < block_chunks(slot, chunk); i++) {
		slot->level[chunk + i] = level;
		slot->backing[chunk + i] = hpa_to_pfn(HPA(block.raw + i * CHUNK_SIZE));
	}
	return 0;
}

/* Give back the frames of the first chunks chunks of slot, and its arrays. */
static void slot_release(const struct guest_mem *mem, struct mem_slot *slot, u64 chunks)
{
	u64 step;

	for (u64 i = 0; i < chunks; i += step) {
		step = block_chunks(slot, i);
		frame_free(mem->owner, slot->level[i], pfn_to_hpa(slot->backing[i]));
	}
	kfree(slot->backing, slot_chunks(slot) * sizeof(slot->backing[0]));
	kfree(slot->level, slot_chunks(slot) * sizeof(slot->level[0]));
}

void slot_destroy(const struct guest_mem *mem, struct mem_slot *slot)
{
	slot_release(mem, slot, slot_chunks(slot));
	if (slot->log)
		dirty_log_destroy(slot->log);
}

int slot_check(const struct guest_mem *mem, gfn_t base, u64 npages)
{
	if (!npages || !is_aligned(base.raw | npages, CHUNK_PAGES) || base.raw + npages < base.raw)
		return E_INVAL;
	return base.raw + npages > mem->gfn_limit ? E_RANGE : 0;
}

int slot_create(const struct guest_mem *mem, struct mem_slot *slot)
{
	int err = slot_check(mem, slot->base, slot->npages);
	u64 chunks = slot_chunks(slot);
	u64 done = 0;

	if (err)
		return err;
	/* kzalloc's limit of 2 MiB makes 512 GiB the largest slot. */
	slot->backing = kzalloc(chunks * sizeof(slot->backing[0]));
	slot->level = kzalloc(chunks * sizeof(slot->level[0]));
	if (!slot->backing || !slot->level)
		err = E_NOMEM;
	while (!err && done < chunks) {
		err = block_take(mem, slot, done);
		if (!err)
			done += block_chunks(slot, done);
	}
	if (err)
		slot_release(mem, slot, done);
	return err;
}

/* With a slot of no pages at the end, so that there is a first one in any case. */
static size_t table_size(u32 count)
{
	return sizeof(struct slot_table) + (count + 1) * sizeof(struct mem_slot);
}

bool slot_table_overlaps(const struct slot_table *table, gfn_t base, u64 npages,
			 const struct mem_slot *but)
{
	for (u32 i = 0; i < table->count; i++) {
		const struct mem_slot *slot = &table->slots[i];

		if (slot != but && base.raw < slot->base.raw + slot->npages &&
		    slot->base.raw < base.raw + npages)
			return true;
	}
	return false;
}

static void slots_copy(struct slot_table *to, const struct slot_table *from,
		       const struct mem_slot *drop, const struct mem_slot *add)
{
	u32 at = 0;

	for (u32 i = 0; i < from->count; i++) {
		const struct mem_slot *slot = &from->slots[i];

		if (slot == drop)
			continue;
		if (add && add->base.raw < slot->base.raw) {
			to->slots[at++] = *add;
			add = NULL;
		}
		to->slots[at++] = *slot;
	}
	if (add)
		to->slots[at++] = *add;
	for (u32 i = 0; i < at; i++)
		to->slots[i].plain = !to->slots[i].readonly && !to->slots[i].log;
}

int slot_table_make(const struct guest_mem *mem, const struct mem_slot *drop,
		    const struct mem_slot *add, struct slot_table **out)
{
	const struct slot_table *old = mem->table;
	u32 count = old->count - (drop ? 1 : 0) + (add ? 1 : 0);
	struct slot_table *table;

	if (add && slot_table_overlaps(old, add->base, add->npages, drop))
		return E_EXIST;
	if (count > GUEST_MEM_MAX_SLOTS)
		return E_NOMEM;
	table = kzalloc(table_size(count));
	if (!table)
		return E_NOMEM;
	table->generation = old->generation + 1;
	table->count = count;
	slots_copy(table, old, drop, add);
	*out = table;
	return 0;
}

/* The table of no slots is nobody's to free. */
static const struct slot_table no_slots = { .slots = { { .npages = 0 } } };

void slot_table_free(const struct slot_table *table)
{
	if (table != &no_slots)
		kfree((void *)(u64)table, table_size(table->count));
}

const struct slot_table *slot_table_publish(struct guest_mem *mem, const struct slot_table *table)
{
	return atomic_xchg(&mem->table, table);
}

void guest_mem_init(struct guest_mem *mem, struct frame_owner *owner, unsigned int gpa_bits)
{
	*mem = (struct guest_mem){
		.owner = owner,
		.gfn_limit = BIT(gpa_bits - PAGE_SHIFT),
		.table = &no_slots,
	};
}

int guest_mem_add_slot(struct guest_mem *mem, gfn_t base, u64 npages)
{
	struct mem_slot slot = { .base = base, .npages = npages };
	struct slot_table *table;
	int err;

	if (slot_table_overlaps(mem->table, base, npages, NULL))
		return E_EXIST;
	err = slot_create(mem, &slot);
	if (err)
		return err;
	err = slot_table_make(mem, NULL, &slot, &table);
	if (err)
		slot_destroy(mem, &slot);
	else
		slot_table_free(slot_table_publish(mem, table));
	return err;
}

void guest_mem_destroy(struct guest_mem *mem)
{
	const struct slot_table *table = slot_table_publish(mem, &no_slots);

	for (u32 i = 0; i < table->count; i++) {
		struct mem_slot slot = table->slots[i];

		slot_destroy(mem, &slot);
	}
	slot_table_free(table);
}
