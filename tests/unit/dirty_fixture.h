/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of dirty logs: a CPU that writes by the tree as hardware does, and a book of the pages
 * of one slot that the next harvest has to report.
 */
#pragma once

#include "live_fixture.h"

#define BOOK_PAGES (GIB(1) / PAGE_SIZE + 4 * 512)
#define BOOK_WORDS (BOOK_PAGES / 64)

struct book {
	u64 base; /* gpa of the slot that is logged */
	u64 npages;
	enum dirty_means means;
	u64 dirty[BOOK_WORDS]; /* what the next harvest reports */
	u64 seen[BOOK_WORDS]; /* what one has reported */
};

static struct book book;

static inline void book_open(u64 base, u64 len, enum dirty_means means)
{
	memset(&book, 0, sizeof(book));
	book.base = base;
	book.npages = len / PAGE_SIZE;
	book.means = means;
	assert_true(book.npages <= BOOK_PAGES);
}

static inline void book_note(u64 gpa, u64 len)
{
	for (u64 page = gpa / PAGE_SIZE; page <= (gpa + len - 1) / PAGE_SIZE; page++) {
		u64 index = page - book.base / PAGE_SIZE;

		if (index < book.npages)
			book.dirty[index / 64] |= BIT(index % 64);
	}
}

static inline u64 book_count(const u64 *words)
{
	u64 count = 0;

	for (u64 i = 0; i < book.npages / 64; i++)
		count += (u64)__builtin_popcountll(words[i]);
	return count;
}

static inline void book_see(void *ctx, gfn_t gfn, u64 bits)
{
	u64 index = gfn.raw - book.base / PAGE_SIZE;

	assert_ptr_equal(ctx, &book);
	assert_true(index % 64 == 0 && index < book.npages && bits);
	assert_int_equal(book.seen[index / 64], 0);
	book.seen[index / 64] = bits;
}

/* Take a harvest, and compare it with the book. Returns its rounds. */
static inline u64 book_harvest(void)
{
	u64 rounds = tdp.tlb.stats.remote_tlb_flush;

	memset(book.seen, 0, sizeof(book.seen));
	assert_int_equal(dirty_log_harvest(&tdp, live_gfn(book.base), book_see, &book), 0);
	assert_memory_equal(book.seen, book.dirty, sizeof(book.seen));
	memset(book.dirty, 0, sizeof(book.dirty));
	return tdp.tlb.stats.remote_tlb_flush - rounds;
}

/* The entry that a walk to gpa ends in, to change it as the CPU does. */
static inline u64 *cpu_entry(u64 gpa, unsigned int *level)
{
	struct tdp_entry entry = tdp_entry_lowest(tdp.fmt, tdp_entry_root(&tdp, live_gfn(gpa)));

	*level = entry.level;
	return entry.sptep;
}

/* A walk of the CPU sets the accessed bit of all that it comes by. */
static inline void cpu_walk(u64 gpa)
{
	struct tdp_entry entry = tdp_entry_root(&tdp, live_gfn(gpa));

	for (; spte_is_table(tdp.fmt, entry.spte, entry.level);
	     entry = tdp_entry_below(tdp.fmt, entry))
		*entry.sptep |= tdp.fmt->accessed;
}

/*
 * The guest writes: by a fault where the tree does not let it, and with the dirty bit that a CPU
 * with hw_ad sets, which it lists when the means is PML. False: the write is one to a device.
 */
static inline bool cpu_write(u64 gpa)
{
	const struct mem_slot *slot = live_slot(gpa);
	unsigned int level;
	u64 *sptep = cpu_entry(gpa, &level);

	for (u32 tries = 0; !(spte_access(tdp.fmt, *sptep) & ACCESS_WRITE); tries++) {
		enum tdp_result result = tdp_fault(&tdp, GPA(gpa), ACCESS_WRITE);

		assert_in_range(tries, 0, 2);
		if (result == TDP_EMULATE)
			return false;
		assert_true(result == TDP_FIXED || result == TDP_SPURIOUS);
		sptep = cpu_entry(gpa, &level);
	}
	if (tdp.hw_ad) {
		if (!(*sptep & tdp.fmt->dirty) && slot->log && slot->log->means == DIRTY_PML)
			dirty_log_mark(slot, live_gfn(gpa));
		cpu_walk(gpa);
		*sptep |= tdp.fmt->accessed | tdp.fmt->dirty;
	}
	book_note(gpa, 1);
	return true;
}

static inline void cpu_read(u64 gpa)
{
	unsigned int level;
	u64 *sptep = cpu_entry(gpa, &level);

	while (!(spte_access(tdp.fmt, *sptep) & ACCESS_READ)) {
		assert_int_equal(tdp_fault(&tdp, GPA(gpa), ACCESS_READ), TDP_FIXED);
		sptep = cpu_entry(gpa, &level);
	}
	if (tdp.hw_ad)
		*sptep |= tdp.fmt->accessed;
}

/* The hypervisor writes for the guest, through a pointer. */
static inline bool host_write(u64 gpa)
{
	u8 *at = guest_mem_ptr_write(&fixture_mem, GPA(gpa));

	if (!at)
		return false;
	*at = 1;
	guest_mem_written(&fixture_mem, GPA(gpa));
	book_note(gpa, 1);
	return true;
}
