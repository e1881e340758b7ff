/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory slots: takes and gives back their frames, and copies to and from guest
 * memory. Slots change only while their VM does not run, so nothing here takes a lock.
 */
#include "mm/guest_mem.h"

#include "lib/err.h"
#include "lib/string.h"
#include "mm/heap.h"

#define CHUNK_PAGES 512ull /* 2 MiB, what one backing[] entry stands for */
#define GIGA_CHUNKS 512ull
#define CHUNK_SIZE (CHUNK_PAGES * PAGE_SIZE)

/* What a four-level root covers: a slot beyond could never be reached. */
#define GFN_LIMIT BIT(48 - PAGE_SHIFT)

void guest_mem_init(struct guest_mem *mem, struct frame_owner *owner)
{
	*mem = (struct guest_mem){ .owner = owner };
}

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
static int block_take(struct guest_mem *mem, struct mem_slot *slot, u64 chunk)
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
static void slot_release(struct guest_mem *mem, struct mem_slot *slot, u64 chunks)
{
	u64 step;

	for (u64 i = 0; i < chunks; i += step) {
		step = block_chunks(slot, i);
		frame_free(mem->owner, slot->level[i], pfn_to_hpa(slot->backing[i]));
	}
	kfree(slot->backing, slot_chunks(slot) * sizeof(slot->backing[0]));
	kfree(slot->level, slot_chunks(slot) * sizeof(slot->level[0]));
}

static int slot_fill(struct guest_mem *mem, struct mem_slot *slot)
{
	u64 chunks = slot_chunks(slot);
	u64 done = 0;
	int err = 0;

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

static bool slot_is_valid(gfn_t base, u64 npages)
{
	return npages && is_aligned(base.raw | npages, CHUNK_PAGES) && base.raw < GFN_LIMIT &&
	       npages <= GFN_LIMIT - base.raw;
}

int guest_mem_add_slot(struct guest_mem *mem, gfn_t base, u64 npages)
{
	struct mem_slot slot = { .base = base, .npages = npages };
	u32 at = 0;
	int err;

	if (!slot_is_valid(base, npages))
		return E_INVAL;
	for (u32 i = 0; i < mem->count; i++) {
		const struct mem_slot *other = &mem->slots[i];

		if (base.raw < other->base.raw + other->npages &&
		    other->base.raw < base.raw + npages)
			return E_EXIST;
		if (other->base.raw < base.raw)
			at = i + 1;
	}
	if (mem->count == GUEST_MEM_MAX_SLOTS)
		return E_NOMEM;
	err = slot_fill(mem, &slot);
	if (err)
		return err;
	memmove(&mem->slots[at + 1], &mem->slots[at], (mem->count - at) * sizeof(slot));
	mem->slots[at] = slot;
	mem->count++;
	return 0;
}

void guest_mem_destroy(struct guest_mem *mem)
{
	for (u32 i = 0; i < mem->count; i++)
		slot_release(mem, &mem->slots[i], slot_chunks(&mem->slots[i]));
	mem->count = 0;
}

/*
 * Where the hypervisor sees gpa, and in *len at most how many bytes from there on are one
 * piece (slots and chunks are whole 2 MiB). NULL: no slot.
 */
static u8 *guest_piece(const struct guest_mem *mem, gpa_t gpa, u64 *len)
{
	*len = MIN(*len, CHUNK_SIZE - (gpa.raw & (CHUNK_SIZE - 1)));
	return guest_mem_ptr(mem, gpa);
}

int guest_mem_read(const struct guest_mem *mem, gpa_t gpa, void *buf, u64 len)
{
	u8 *to = buf;
	u64 piece;

	for (; len; len -= piece, to += piece, gpa.raw += piece) {
		const u8 *from;

		piece = len;
		from = guest_piece(mem, gpa, &piece);
		if (!from)
			return E_FAULT;
		memcpy(to, from, piece);
	}
	return 0;
}

int guest_mem_write(struct guest_mem *mem, gpa_t gpa, const void *buf, u64 len)
{
	const u8 *from = buf;
	u64 piece;

	for (; len; len -= piece, from += piece, gpa.raw += piece) {
		u8 *to;

		piece = len;
		to = guest_piece(mem, gpa, &piece);
		if (!to)
			return E_FAULT;
		memcpy(to, from, piece);
	}
	return 0;
}

int guest_mem_zero(struct guest_mem *mem, gpa_t gpa, u64 len)
{
	u64 piece;

	for (; len; len -= piece, gpa.raw += piece) {
		u8 *at;

		piece = len;
		at = guest_piece(mem, gpa, &piece);
		if (!at)
			return E_FAULT;
		memset(at, 0, piece);
	}
	return 0;
}

u64 guest_mem_size(const struct guest_mem *mem)
{
	u64 size = 0;

	for (u32 i = 0; i < mem->count; i++)
		size += mem->slots[i].npages * PAGE_SIZE;
	return size;
}
