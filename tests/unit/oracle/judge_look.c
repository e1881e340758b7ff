/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may still look at a table of slots, and at what hangs on it, when that is freed: whoever has
 * read the pointer to it and is still in the same walk, in the same stretch between two entries
 * into a guest, or in the same turn of the tree's lock.
 */
#include <string.h>

#include "hw.h"
#include "judge.h"
#include "report.h"

static struct {
	u32 turns; /* of its tree's lock: each taking and each release */
	u32 holder; /* index of the actor */
} locks[MAX_SPACES];

void judge_lock(u32 space, bool taken)
{
	locks[space].turns++;
	locks[space].holder = taken ? sched.current->index : MAX_ACTORS;
}

/* Where the actor is that looks at a table of space, and the count that tells when it leaves. */
static const u32 *place_of(const struct actor *actor, u32 space)
{
	const struct percpu *percpu = &hw_cpus[actor->index].percpu;

	if (percpu->walks & 1)
		return &percpu->walks;
	if (locks[space].holder == actor->index)
		return &locks[space].turns;
	/* By what it does, whether or not others see that already. */
	return actor->cpu && actor->cpu->in_turn && actor->cpu->space == space ? &percpu->entries
									       : NULL;
}

void judge_looks(struct actor *actor, const void *at)
{
	for (u32 i = 0; i < MAX_SPACES; i++) {
		const u32 *place;

		if (at != &world.vms[i].mem.table)
			continue;
		place = place_of(actor, i);
		actor->look = (struct look){ .place = place, .space = i };
		if (place) {
			actor->look.count = *place;
			actor->look.slots = world.vms[i].mem.table;
		}
	}
}

static bool still_looks(const struct actor *actor)
{
	const struct look *look = &actor->look;

	/* A turn may end, and not be counted: then nothing is held either. */
	return look->slots && *look->place == look->count &&
	       place_of(actor, look->space) == look->place;
}

static bool leads_to(const struct slot_table *slots, const void *what)
{
	for (u32 i = 0; i < slots->count; i++) {
		if (slots->slots[i].log == what || slots->slots[i].backing == what)
			return true;
	}
	return slots == what;
}

void judge_object_free(const void *what)
{
	for (u32 i = 0; i < sched.actor_count; i++) {
		const struct actor *actor = &sched.actors[i];

		if (actor != sched.current && actor->live && still_looks(actor) &&
		    leads_to(actor->look.slots, what))
			report("FREED_USE", "%s%u may still look at a slot that is freed",
			       actor->cpu ? "cpu" : "mgr", actor->index);
	}
}

void judge_look_reset(void)
{
	memset(locks, 0, sizeof(locks));
	for (u32 i = 0; i < MAX_SPACES; i++)
		locks[i].holder = MAX_ACTORS;
}
