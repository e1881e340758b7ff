/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dirty logs: see dirty_log.h. A harvest takes the bits of a word at once, makes the pages they
 * stand for noticeable again, does one round for all, and only then hands them on:
 *
 *	the guest writes		a harvest
 *	(protected) fault: entry	wait for walks: who has given the right to write
 *	writable, then the bit		   has set the bit as well
 *	(dirty bits) the CPU sets it	take the word; entry read-only, or dirty bit cleared
 *					round: no CPU writes without being noticed
 *					hand on
 *
 * A page written between the second and the third step is in this harvest, whose reader looks at it
 * after the round; so nothing is lost though nobody notices that write.
 */
#include "mm/dirty_log.h"

#include "lib/err.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/slots.h"
#include "mm/tdp_change.h"
#include "mm/tdp_leaf.h"

#define TABLE_WORDS (TABLE_ENTRIES / 64)

static u64 chunk_count(const struct dirty_log *log)
{
	return (log->words + DIRTY_CHUNK_WORDS - 1) / DIRTY_CHUNK_WORDS;
}

static void chunks_free(u64 **chunks, u64 count)
{
	for (u64 i = 0; chunks && i < count; i++)
		kfree(chunks[i], PAGE_SIZE);
	kfree(chunks, count * sizeof(chunks[0]));
}

static u64 **chunks_alloc(u64 count)
{
	u64 **chunks = kzalloc(count * sizeof(chunks[0]));

	for (u64 i = 0; chunks && i < count; i++) {
		chunks[i] = kzalloc(PAGE_SIZE);
		if (!chunks[i]) {
			chunks_free(chunks, count);
			return NULL;
		}
	}
	return chunks;
}

void dirty_log_destroy(struct dirty_log *log)
{
	chunks_free(log->live, chunk_count(log));
	chunks_free(log->taken, chunk_count(log));
	kfree(log->any, log->words / TABLE_WORDS);
	kfree(log->again, log->words / TABLE_WORDS);
	kfree(log, sizeof(*log));
}

struct dirty_log *dirty_log_create(u64 npages, enum dirty_means means)
{
	struct dirty_log *log = kzalloc(sizeof(*log));

	if (!log)
		return NULL;
	log->means = means;
	log->words = npages / 64;
	log->live = chunks_alloc(chunk_count(log));
	log->taken = chunks_alloc(chunk_count(log));
	log->any = kzalloc(log->words / TABLE_WORDS);
	log->again = kzalloc(log->words / TABLE_WORDS);
	if (log->live && log->taken && log->any && log->again)
		return log;
	dirty_log_destroy(log);
	return NULL;
}

/* Every leaf of a slot whose log begins: huge ones are not to be written, see tdp_leaf_rights(). */
static u64 rearm(const struct tdp *tdp, u64 spte, unsigned int level, const void *ctx)
{
	const struct dirty_log *log = ctx;

	if (level > LEVEL_4K || log->means == DIRTY_PROTECT)
		spte = tdp_leaf_protect(tdp, spte);
	return log->means == DIRTY_PROTECT ? spte : spte & ~tdp->fmt->dirty;
}

static bool can_log(const struct tdp *tdp, enum dirty_means means)
{
	return means == DIRTY_PROTECT || (tdp->hw_ad && (means != DIRTY_PML || tdp->pml));
}

/* A harvest under way. */
struct harvest {
	struct tdp *tdp;
	const struct mem_slot *slot;
	bool flush;
};

/*
 * Can an entry of the table that link leads to have become dirty since the last harvest? Only by a
 * walk, which sets the link's accessed bit; or by one that used a cached link, after the bit was
 * cleared and before that harvest's round: so after a harvest that has cleared it the table is
 * looked at once more.
 */
static bool table_was_used(struct harvest *harvest, struct tdp_entry link, bool *again)
{
	u64 accessed = link.spte & harvest->tdp->fmt->accessed;
	bool used = accessed || *again;

	*again = accessed;
	/* If somebody else is changing it, its bit is left to the next harvest. */
	if (accessed && atomic_cmpxchg(link.sptep, &link.spte, link.spte & ~accessed))
		harvest->flush = true;
	return used;
}

/* The tables that are there have been used; what counts is from now on. True: needs a flush. */
static bool forget_uses(struct tdp *tdp, const struct mem_slot *slot)
{
	struct harvest harvest = { .tdp = tdp, .slot = slot };

	for (u64 i = 0; i < slot->npages; i += TABLE_ENTRIES) {
		struct tdp_entry link;

		tlb_walk_begin(&tdp->tlb);
		link = tdp_entry_end(tdp, GFN(slot->base.raw + i), LEVEL_2M);
		if (spte_is_table(tdp->fmt, link.spte, link.level))
			table_was_used(&harvest, link, &slot->log->again[i / TABLE_ENTRIES]);
		tlb_walk_end();
	}
	return harvest.flush;
}

/* From the table on faults know of the log; then what the tree had before has to. */
static int log_publish(struct tdp *tdp, const struct mem_slot *old, const struct mem_slot *slot,
		       bool eager, const struct slot_table **table)
{
	gfn_t end = GFN(slot->base.raw + slot->npages);
	u64 generation;
	bool used;
	int err;

	err = slots_replace(tdp, old, slot, table);
	if (err)
		return err;
	/* What cannot be split now is so later, in a fault. */
	if (eager && tdp_split(tdp, slot->base, end))
		log_info("dirty log: not enough memory to split all huge pages ahead");
	used = slot->log->means == DIRTY_BITS && forget_uses(tdp, slot);
	generation = atomic_load(&tdp->tlb.generation);
	tdp_pass(tdp, slot->base, end, rearm, slot->log);
	if (used && atomic_load(&tdp->tlb.generation) == generation)
		tlb_shootdown(&tdp->tlb);
	return 0;
}

static int log_start(struct tdp *tdp, const struct mem_slot *old, enum dirty_means means,
		     bool eager)
{
	const struct slot_table *table;
	struct mem_slot slot = *old;
	int err;

	slot.log = dirty_log_create(slot.npages, means);
	if (!slot.log)
		return E_NOMEM;
	/* Before the table, so that a zap which does not see it is one of the walks waited for. */
	atomic_fetch_add(&tdp->logs, 1u);
	/* What the CPUs have listed until now is not the log's news, and goes nowhere. */
	if (means == DIRTY_PML)
		tlb_wait_for_exits(&tdp->tlb);
	/* A zap meanwhile would take dirty bits for news that are from before the log. */
	spin_lock(&tdp->lock);
	err = log_publish(tdp, old, &slot, eager, &table);
	spin_unlock(&tdp->lock);
	if (err) {
		atomic_fetch_sub(&tdp->logs, 1u);
		dirty_log_destroy(slot.log);
	} else {
		slots_settle(tdp, table);
	}
	return err;
}

int dirty_log_start(struct tdp *tdp, gfn_t base, enum dirty_means means, bool eager)
{
	const struct mem_slot *slot;
	int err;

	if (!can_log(tdp, means))
		return E_UNSUPPORTED;
	spin_lock(&tdp->slots_lock);
	slot = slot_at(tdp, base);
	if (!slot)
		err = E_NOENT;
	else if (slot->log)
		err = E_EXIST;
	else
		err = log_start(tdp, slot, means, eager);
	spin_unlock(&tdp->slots_lock);
	return err;
}

int dirty_log_stop(struct tdp *tdp, gfn_t base)
{
	const struct slot_table *table;
	const struct mem_slot *old;
	struct mem_slot slot = { .npages = 0 };
	int err = E_NOENT;

	spin_lock(&tdp->slots_lock);
	old = slot_at(tdp, base);
	if (old && old->log) {
		slot = *old;
		slot.log = NULL;
		err = slots_replace(tdp, old, &slot, &table);
	}
	if (!err) {
		struct dirty_log *log = old->log;

		slots_settle(tdp, table);
		dirty_log_destroy(log);
		atomic_fetch_sub(&tdp->logs, 1u);
		tdp_collapse(tdp, slot.base, GFN(slot.base.raw + slot.npages));
	}
	spin_unlock(&tdp->slots_lock);
	return err;
}

/*
 * Let the next write by a leaf be noticed: take bits from it, by which it would not be. True: it had
 * some.
 */
static inline bool spte_rearm(struct harvest *harvest, u64 *sptep, u64 bits)
{
	const struct tdp *tdp = harvest->tdp;
	u64 spte = atomic_load(sptep);

	for (;;) {
		u64 new = spte & ~bits;

		/* The right to write of one that is aged is elsewhere. */
		if (unlikely(spte_is_aged(spte)))
			new = rearm(tdp, spte, LEVEL_4K, harvest->slot->log);
		if (new == spte || !spte_is_counted(tdp->fmt, spte))
			return false;
		if (atomic_cmpxchg(sptep, &spte, new))
			break;
	}
	harvest->flush = true;
	return true;
}

static void word_rearm(struct harvest *harvest, u64 *sptes, u64 word, u64 bits)
{
	for (; word; word &= word - 1)
		spte_rearm(harvest, &sptes[__builtin_ctzll(word)], bits);
}

/* Which of 64 entries have their dirty bit set; it is cleared. Few are: look at eight at once. */
static u64 word_scan(struct harvest *harvest, u64 *sptes, u64 dirty)
{
	u64 word = 0;

	for (u32 i = 0; i < 64; i += 8) {
		u64 any = 0;

#pragma GCC unroll 8
		for (u32 j = 0; j < 8; j++)
			any |= atomic_load(&sptes[i + j]);
		if (likely(!(any & dirty)))
			continue;
		for (u32 j = i; j < i + 8; j++) {
			if (atomic_load(&sptes[j]) & dirty)
				word |= (u64)spte_rearm(harvest, &sptes[j], dirty) << j;
		}
	}
	return word;
}

/* Take the words of one lowest table from the log. False: all are 0, or there is a better way. */
static bool take_words(u64 *live, u64 *taken)
{
	u64 any = 0;

#pragma GCC unroll 8
	for (u32 i = 0; i < TABLE_WORDS; i++)
		any |= atomic_load(&live[i]);
	if (likely(!any))
		return false;
	for (u32 i = 0; i < TABLE_WORDS; i++)
		taken[i] = atomic_load(&live[i]) ? atomic_xchg(&live[i], 0ull) : 0;
	return true;
}

/* The words of one lowest table, 512 pages, from word first on, in one walk. */
static void take_table(struct harvest *harvest, u64 first)
{
	const struct spte_format *fmt = harvest->tdp->fmt;
	struct dirty_log *log = harvest->slot->log;
	u64 *live = &log->live[first / DIRTY_CHUNK_WORDS][first % DIRTY_CHUNK_WORDS];
	u64 *taken = &log->taken[first / DIRTY_CHUNK_WORDS][first % DIRTY_CHUNK_WORDS];
	bool any = take_words(live, taken), scan = log->means == DIRTY_BITS;
	struct tdp_entry link;
	u64 *sptes;

	log->any[first / TABLE_WORDS] = any;
	if (likely(!any && !scan))
		return;
	tlb_walk_begin(&harvest->tdp->tlb);
	link = tdp_entry_end(harvest->tdp, GFN(harvest->slot->base.raw + first * 64), LEVEL_2M);
	sptes = hpa_to_ptr(spte_hpa(fmt, link.spte));
	if (link.level > LEVEL_2M || !spte_is_table(fmt, link.spte, link.level)) {
		/* Nothing can have been written by a leaf of 4 KiB. */
	} else if (!scan) {
		for (u32 i = 0; i < TABLE_WORDS; i++)
			word_rearm(harvest, &sptes[i * 64], taken[i],
				   log->means == DIRTY_PROTECT ? fmt->write : fmt->dirty);
	} else if (table_was_used(harvest, link, &log->again[first / TABLE_WORDS])) {
		if (!any)
			memset(taken, 0, TABLE_WORDS * sizeof(u64));
		log->any[first / TABLE_WORDS] = true;
		for (u32 i = 0; i < TABLE_WORDS; i++)
			taken[i] |= word_scan(harvest, &sptes[i * 64], fmt->dirty);
	}
	tlb_walk_end();
}

static void hand_on(const struct mem_slot *slot, void (*fn)(void *ctx, gfn_t gfn, u64 bits),
		    void *ctx)
{
	const struct dirty_log *log = slot->log;

	for (u64 first = 0; first < log->words; first += TABLE_WORDS) {
		const u64 *taken;

		if (likely(!log->any[first / TABLE_WORDS]))
			continue;
		taken = &log->taken[first / DIRTY_CHUNK_WORDS][first % DIRTY_CHUNK_WORDS];
		for (u32 i = 0; i < TABLE_WORDS; i++) {
			if (taken[i])
				fn(ctx, GFN(slot->base.raw + (first + i) * 64), taken[i]);
		}
	}
}

static void log_take(struct tdp *tdp, const struct mem_slot *slot)
{
	struct harvest harvest = { .tdp = tdp, .slot = slot };

	/* With each exit the CPU's list comes into the log. */
	if (slot->log->means == DIRTY_PML)
		tlb_wait_for_exits(&tdp->tlb);
	spin_lock(&tdp->lock);
	tlb_wait_for_walks(&tdp->tlb);
	/* One more pass: each relies on what others have changed, and may not have flushed yet. */
	atomic_fetch_add(&tdp->passes, 1u);
	for (u64 word = 0; word < slot->log->words; word += TABLE_WORDS)
		take_table(&harvest, word);
	if (harvest.flush || atomic_load(&tdp->passes) > 1)
		tlb_shootdown(&tdp->tlb);
	atomic_fetch_sub(&tdp->passes, 1u);
	spin_unlock(&tdp->lock);
}

int dirty_log_harvest(struct tdp *tdp, gfn_t base, void (*fn)(void *ctx, gfn_t gfn, u64 bits),
		      void *ctx)
{
	const struct mem_slot *slot;
	int err = E_NOENT;

	spin_lock(&tdp->slots_lock);
	slot = slot_at(tdp, base);
	if (slot && slot->log) {
		log_take(tdp, slot);
		hand_on(slot, fn, ctx);
		err = 0;
	}
	spin_unlock(&tdp->slots_lock);
	return err;
}
