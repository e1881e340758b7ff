/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the shadowed lib/atomic.h calls: see access.h. Each word that is only ever to be
 * changed atomically has a shadow, which is compared at its next access: so a plain store,
 * which the scheduler cannot see, is found all the same.
 */
#include "access.h"

#include <string.h>

#include "hw.h"
#include "judge.h"
#include "report.h"
#include "world.h"

static unsigned char memory_shadow[WORLD_MEMORY], vms_shadow[sizeof(world.vms)];

static bool inside(const void *at, const void *base, u64 size)
{
	return (u64)((const char *)at - (const char *)base) < size;
}

static bool in_memory(const void *at)
{
	return inside(at, host_memory, WORLD_MEMORY);
}

/* NULL: at may be changed by other means. Reports what lies in freed tables. */
static void *shadow_of(const void *at, u32 size)
{
	if (in_memory(at)) {
		hpa_t hpa = ptr_to_hpa(at);
		const struct table *table = judge_table(hpa);

		if (unlikely(table->freed))
			report("FREED_USE", "a walker touches 0x%lx, in a table that was freed",
			       hpa.raw);
		/* Entries, and the tags of frames. */
		if (size == sizeof(u16) || table->live)
			return memory_shadow + hpa.raw;
		return NULL;
	}
	if (inside(at, world.vms, sizeof(world.vms)))
		return vms_shadow + ((const char *)at - (const char *)world.vms);
	return NULL;
}

bool access_matters(const void *at)
{
	if (in_memory(at))
		return judge_is_table(ptr_to_hpa(at)) || judge_table(ptr_to_hpa(at))->words;
	for (u32 i = 0; i < MAX_SPACES; i++) {
		const struct tdp *tdp = &world.vms[i].tdp;

		if (inside(at, tdp, sizeof(*tdp)))
			return !inside(at, &tdp->stats, sizeof(tdp->stats));
	}
	return inside(at, hw_cpus, sizeof(hw_cpus));
}

u64 access_value(const void *at, u32 size)
{
	switch (size) {
	case sizeof(u64):
		return *(const u64 *)at;
	case sizeof(u32):
		return *(const u32 *)at;
	default:
		return *(const u16 *)at;
	}
}

static void word_set(void *at, u64 value, u32 size)
{
	switch (size) {
	case sizeof(u64):
		*(u64 *)at = value;
		break;
	case sizeof(u32):
		*(u32 *)at = (u32)value;
		break;
	default:
		*(u16 *)at = (u16)value;
	}
}

void access_adopt(const void *at, u64 size)
{
	if (in_memory(at))
		memcpy(memory_shadow + ptr_to_hpa(at).raw, at, size);
	else if (inside(at, world.vms, sizeof(world.vms)))
		memcpy(vms_shadow + ((const char *)at - (const char *)world.vms), at, size);
}

static void check(const void *at, u32 size)
{
	const void *shadow = shadow_of(at, size);

	if (shadow && unlikely(access_value(shadow, size) != access_value(at, size)))
		report("PLAIN_STORE", "%s was changed by a store that is not atomic",
		       report_place(at));
}

/* The word at at is no longer old. */
static void changed(void *at, u64 old, u32 size)
{
	void *shadow = shadow_of(at, size);
	u64 new = access_value(at, size);

	if (shadow)
		word_set(shadow, new, size);
	if (unlikely(report_tracing))
		report_change(at, old, new, size);
	if (!in_memory(at))
		judge_word(at);
	else if (shadow && size == sizeof(u64))
		judge_entry(at, old, new);
}

/* The oldest store in the buffer takes place. */
static void drain_one(struct actor *me)
{
	struct store store = me->stores[0];
	u64 old = access_value(store.at, store.size);

	memmove(me->stores, me->stores + 1, --me->store_count * sizeof(store));
	check(store.at, store.size);
	if (me->seen_at == store.at && me->seen != old)
		report("LOST_UPDATE", "a store to %s: it was 0x%lx when read, then 0x%lx",
		       report_place(store.at), me->seen, old);
	if (me->seen_at == store.at)
		me->seen_at = NULL;
	word_set(store.at, store.value, store.size);
	changed(store.at, old, store.size);
}

void access_drain(struct actor *actor)
{
	while (actor->store_count)
		drain_one(actor);
}

static void drain_some(struct actor *me)
{
	if (likely(!me->store_count) || world.drain == DRAIN_LATE)
		return;
	if (world.drain == DRAIN_AT_ONCE || chance(4))
		drain_one(me);
}

/* An actor that meets a frozen entry may have to wait for the flush that is owed for it. */
static void note_frozen(struct actor *me, const void *at, u32 size)
{
	if (size == sizeof(u64) && spte_is_frozen(*(const u64 *)at) && in_memory(at))
		me->met |= judge_is_table(ptr_to_hpa(at));
}

const void *oracle_load(const void *at, u32 size)
{
	struct actor *me = sched.current;

	if (!me)
		return at;
	sched_point(at, false);
	drain_some(me);
	for (u32 i = me->store_count; i-- > 0;) {
		if (me->stores[i].at == at)
			return &me->stores[i].value;
	}
	check(at, size);
	note_frozen(me, at, size);
	judge_looks(me, at);
	if (size == sizeof(u64)) {
		me->seen_at = (u64 *)(uintptr_t)at;
		me->seen = *me->seen_at;
	}
	return at;
}

void oracle_store(void *at, u64 value, u32 size)
{
	struct actor *me = sched.current;

	if (!me) {
		word_set(at, value, size);
		return;
	}
	sched_point(at, true);
	if (me->store_count == STORE_BUFFER)
		drain_one(me);
	me->stores[me->store_count++] = (struct store){ .at = at, .value = value, .size = size };
	if (world.drain == DRAIN_AT_ONCE || sched.quiet)
		access_drain(me);
}

u64 oracle_rmw_begin(void *at, u32 size)
{
	if (sched.current) {
		sched_point(at, true);
		access_drain(sched.current);
		check(at, size);
		note_frozen(sched.current, at, size);
	}
	return access_value(at, size);
}

void oracle_rmw_end(void *at, u64 old, u32 size)
{
	if (sched.current && access_value(at, size) != old)
		changed(at, old, size);
}

void oracle_fence(void)
{
	if (sched.current)
		access_drain(sched.current);
}
