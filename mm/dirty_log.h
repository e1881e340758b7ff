/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dirty log of a slot: which pages the guest has written since somebody last asked, in one bit
 * for each page. How a write is noticed is the log's means:
 *
 *	DIRTY_PROTECT	pages are write-protected; the first write to each is a fault
 *	DIRTY_BITS	the CPU sets dirty bits, a harvest looks for them in the tables
 *	DIRTY_PML	the CPU sets dirty bits and lists where (VMX's page-modification logging)
 *
 * A page that is written after one harvest has returned and before the next begins is reported by that
 * one, once; what is written while a harvest runs is reported by it or by the next. The
 * hypervisor's own writes for the guest are marked too (guest_mem_written()). Pages of a slot that
 * is logged are mapped by 4 KiB leaves as soon as they are written, see dirty_log_start().
 */
#pragma once

#include "mm/guest_mem.h"
#include "mm/tdp.h"

enum dirty_means { DIRTY_PROTECT, DIRTY_BITS, DIRTY_PML };

#define DIRTY_CHUNK_WORDS (PAGE_SIZE / sizeof(u64))

struct dirty_log {
	enum dirty_means means; /* [const] */
	u64 words; /* [const] one for 64 pages */
	u64 **live; /* [atomic] by chunks: written since the last harvest, as far as is known */
	u64 **taken; /* [slots_lock] what the harvest under way has found */
	bool *any; /* [slots_lock] in any of the words of 512 pages */
	bool *again; /* [slots_lock] DIRTY_BITS: look at the entries of these in any case */
};

/* Note that page index of the slot is written. */
static inline void dirty_log_set(struct dirty_log *log, u64 index)
{
	u64 word = index / 64;
	u64 *live = &log->live[word / DIRTY_CHUNK_WORDS][word % DIRTY_CHUNK_WORDS];

	if (!(atomic_load(live) & BIT(index % 64)))
		atomic_fetch_or(live, BIT(index % 64));
}

/* The same for a gfn in slot, whether or not it is logged. */
static inline void dirty_log_mark(const struct mem_slot *slot, gfn_t gfn)
{
	if (unlikely(slot->log))
		dirty_log_set(slot->log, gfn.raw - slot->base.raw);
}

/*
 * From the return on, writes to the slot that begins at base are logged. eager: split its huge
 * pages now, so that no fault has to; what cannot be split, for want of memory, is write-protected
 * and split when it is written. E_NOENT: no such slot; E_EXIST: it is logged already; E_UNSUPPORTED:
 * the CPU does not have the means; E_NOMEM: none for the log. At most one round.
 */
int __must_check dirty_log_start(struct tdp *tdp, gfn_t base, enum dirty_means means, bool eager);

/*
 * Take what was written since the last harvest: fn(ctx, gfn, bits) is called for each 64 pages
 * from gfn on of which any is dirty, after the round that makes the CPU notice the next write. One
 * round, none when there was nothing to do. E_NOENT: no such slot, or it is not logged.
 */
int __must_check dirty_log_harvest(struct tdp *tdp, gfn_t base,
				   void (*fn)(void *ctx, gfn_t gfn, u64 bits), void *ctx);

/*
 * Log no more, and let huge pages come back. E_NOENT: no such slot, or it is not logged; E_NOMEM:
 * none for a table of slots, the log goes on.
 */
int __must_check dirty_log_stop(struct tdp *tdp, gfn_t base);

/* A log for so many pages, or NULL: no memory. For mm/ itself. */
struct dirty_log *dirty_log_create(u64 npages, enum dirty_means means);
void dirty_log_destroy(struct dirty_log *log);
