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
	if (log->live && log->taken)
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

static void forget_all(struct dirty_log *log)
{
	for (u64 i = 0; i < log->words; i++)
		atomic_store(&log->live[i / DIRTY_CHUNK_WORDS][i % DIRTY_CHUNK_WORDS], 0ull);
}

/* From the table on faults know of the log; then what the tree had before has to. */
static int log_publish(struct tdp *tdp, const struct mem_slot *old, const struct mem_slot *slot,
		       bool eager, const struct slot_table **table)
{
	gfn_t end = GFN(slot->base.raw + slot->npages);
	int err;

	/* Before the table, so that a zap which does not see it is one of the walks waited for. */
	atomic_fetch_add(&tdp->logs, 1u);
	err = slots_replace(tdp, old, slot, table);
	if (err) {
		atomic_fetch_sub(&tdp->logs, 1u);
		return err;
	}
	/* What the CPUs had listed before the log is not its news. */
	if (slot->log->means == DIRTY_PML) {
		tlb_wait_for_exits(&tdp->tlb);
		forget_all(slot->log);
	}
	/* What cannot be split now is so later, in a fault. */
	if (eager && tdp_split(tdp, slot->base, end))
		log_info("dirty log: not enough memory to split all huge pages ahead");
	tdp_pass(tdp, slot->base, end, rearm, slot->log);
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
	/* A zap meanwhile would take dirty bits for news that are from before the log. */
	spin_lock(&tdp->lock);
	err = log_publish(tdp, old, &slot, eager, &table);
	spin_unlock(&tdp->lock);
	if (err)
		dirty_log_destroy(slot.log);
	else
		slots_settle(tdp, table);
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

/* A harvest under way. */
struct harvest {
	struct tdp *tdp;
	const struct mem_slot *slot;
	bool flush;
};

/* The lowest table that begins with gfn, or NULL: no 4 KiB leaf can be there. */
static u64 *lowest_table(const struct tdp *tdp, gfn_t gfn)
{
	struct tdp_entry entry = tdp_entry_lowest(tdp->fmt, tdp_entry_root(tdp, gfn));

	return entry.level == LEVEL_4K ? entry.sptep : NULL;
}

/* Let the next write by a leaf be noticed. True: it would not have been. */
static inline bool spte_rearm(struct harvest *harvest, u64 *sptep)
{
	const struct tdp *tdp = harvest->tdp;
	u64 spte = atomic_load(sptep);

	while (spte_is_counted(tdp->fmt, spte)) {
		u64 new = rearm(tdp, spte, LEVEL_4K, harvest->slot->log);

		if (new == spte)
			return false;
		if (!atomic_cmpxchg(sptep, &spte, new))
			continue;
		harvest->flush = true;
		return true;
	}
	return false;
}

static void word_rearm(struct harvest *harvest, u64 *sptes, u64 word)
{
	for (; word; word &= word - 1)
		spte_rearm(harvest, &sptes[__builtin_ctzll(word)]);
}

/* Which of 64 entries have their dirty bit set; it is cleared. */
static u64 word_scan(struct harvest *harvest, u64 *sptes)
{
	u64 dirty = harvest->tdp->fmt->dirty;
	u64 word = 0;

	for (u32 i = 0; i < 64; i++) {
		if (unlikely(atomic_load(&sptes[i]) & dirty) && spte_rearm(harvest, &sptes[i]))
			word |= BIT(i);
	}
	return word;
}

/* The words of one lowest table: 512 pages, in one walk. */
static void take_table(struct harvest *harvest, u64 first)
{
	struct dirty_log *log = harvest->slot->log;
	u64 *live = &log->live[first / DIRTY_CHUNK_WORDS][first % DIRTY_CHUNK_WORDS];
	u64 *taken = &log->taken[first / DIRTY_CHUNK_WORDS][first % DIRTY_CHUNK_WORDS];
	bool scan = log->means == DIRTY_BITS;
	u64 *sptes = NULL;
	u64 any = 0;

	for (u32 i = 0; i < TABLE_WORDS; i++) {
		taken[i] = atomic_load(&live[i]) ? atomic_xchg(&live[i], 0ull) : 0;
		any |= taken[i];
	}
	if (!any && !scan)
		return;
	tlb_walk_begin(&harvest->tdp->tlb);
	sptes = lowest_table(harvest->tdp, GFN(harvest->slot->base.raw + first * 64));
	for (u32 i = 0; sptes && i < TABLE_WORDS; i++) {
		if (scan)
			taken[i] |= word_scan(harvest, &sptes[i * 64]);
		else
			word_rearm(harvest, &sptes[i * 64], taken[i]);
	}
	tlb_walk_end();
}

static void hand_on(const struct mem_slot *slot, void (*fn)(void *ctx, gfn_t gfn, u64 bits),
		    void *ctx)
{
	for (u64 i = 0; i < slot->log->words; i++) {
		u64 word = slot->log->taken[i / DIRTY_CHUNK_WORDS][i % DIRTY_CHUNK_WORDS];

		if (word)
			fn(ctx, GFN(slot->base.raw + i * 64), word);
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
