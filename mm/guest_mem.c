/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies to and from guest memory, and the marks in the dirty log for what is written on this
 * way. Takes no lock: see guest_mem.h for who may look at slots.
 */
#include "mm/guest_mem.h"

#include "lib/err.h"
#include "lib/string.h"
#include "mm/dirty_log.h"

#define CHUNK_SIZE MIB(2)

void *guest_mem_ptr_write(const struct guest_mem *mem, gpa_t gpa)
{
	const struct mem_slot *slot = guest_mem_slot(mem, gpa_to_gfn(gpa));

	if (unlikely(!slot || slot->readonly))
		return NULL;
	dirty_log_mark(slot, gpa_to_gfn(gpa));
	return guest_mem_ptr(mem, gpa);
}

void guest_mem_written(const struct guest_mem *mem, gpa_t gpa)
{
	const struct mem_slot *slot = guest_mem_slot(mem, gpa_to_gfn(gpa));

	if (slot)
		dirty_log_mark(slot, gpa_to_gfn(gpa));
}

void guest_mem_listed(const struct guest_mem *mem, gpa_t gpa)
{
	const struct mem_slot *slot = guest_mem_slot(mem, gpa_to_gfn(gpa));

	/* What has other means than the list finds the page by these. */
	if (slot && slot->log && slot->log->means == DIRTY_PML)
		dirty_log_mark(slot, gpa_to_gfn(gpa));
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

/* A piece that is about to be written, or has been. */
static void piece_mark(const struct guest_mem *mem, gpa_t gpa, u64 len)
{
	const struct mem_slot *slot = guest_mem_slot(mem, gpa_to_gfn(gpa));
	u64 last = (gpa.raw + len - 1) >> PAGE_SHIFT;

	if (likely(!slot || !slot->log))
		return;
	for (u64 gfn = gpa_to_gfn(gpa).raw; gfn <= last; gfn++)
		dirty_log_mark(slot, GFN(gfn));
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
		piece_mark(mem, gpa, piece);
		memcpy(to, from, piece);
		piece_mark(mem, gpa, piece);
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
		piece_mark(mem, gpa, piece);
		memset(at, 0, piece);
		piece_mark(mem, gpa, piece);
	}
	return 0;
}

u64 guest_mem_size(const struct guest_mem *mem)
{
	const struct slot_table *table = guest_mem_table(mem);
	u64 size = 0;

	for (u32 i = 0; i < table->count; i++)
		size += table->slots[i].npages * PAGE_SIZE;
	return size;
}
