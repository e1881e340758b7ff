/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds frames: gives owners their ids. A two-level table from id to owner, its lower
 * parts single frames that are taken as ids are used up. Under frames.lock.
 */
#include "mm/frame_nodes.h"

#include "arch/direct_map.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"

#define CHUNK_IDS ((u32)(PAGE_SIZE / sizeof(struct frame_owner *)))
#define CHUNKS 128u
#define NAME_SIZE 32u

_Static_assert(CHUNKS *CHUNK_IDS == OWNER_ABSENT + 1u, "every id has a place in the table");

/* chunks[id / CHUNK_IDS][id % CHUNK_IDS]; chunks are taken in order and never given back. */
static struct frame_owner **chunks[CHUNKS];

/* The first chunk is a frame and so wants an owner: frames.self has its id before its entry. */
void frame_owners_init(void)
{
	memset(chunks, 0, sizeof(chunks));
	frames.self = (struct frame_owner){ .name = "frame tables", .id = 1 };
}

/* A new chunk with no owner in it but, in the first one, frames.self. */
static int chunk_add(u32 index)
{
	hpa_t frame;
	int err = frame_alloc_locked(&frames.self, LEVEL_4K, &frame);

	if (err)
		return err;
	frame_zero(LEVEL_4K, frame);
	chunks[index] = hpa_to_ptr(frame);
	if (index == 0)
		chunks[0][frames.self.id] = &frames.self;
	return 0;
}

/* The lowest id not in use. */
static int id_take(struct frame_owner *owner)
{
	for (u32 id = 0; id < CHUNKS * CHUNK_IDS; id++) {
		struct frame_owner ***chunk = &chunks[id / CHUNK_IDS];

		if (!*chunk) {
			int err = chunk_add(id / CHUNK_IDS);

			if (err)
				return err;
		}
		if (id != OWNER_FREE && id != OWNER_ABSENT && !(*chunk)[id % CHUNK_IDS]) {
			owner->id = (u16)id;
			(*chunk)[id % CHUNK_IDS] = owner;
			return 0;
		}
	}
	return E_NOMEM;
}

int frame_owner_register(struct frame_owner *owner, const char *name)
{
	int err;

	*owner = (struct frame_owner){ .name = name };
	spin_lock(&frames.lock);
	err = id_take(owner);
	spin_unlock(&frames.lock);
	return err;
}

void frame_owner_unregister(struct frame_owner *owner)
{
	bool known;

	spin_lock(&frames.lock);
	known = chunks[owner->id / CHUNK_IDS] &&
		chunks[owner->id / CHUNK_IDS][owner->id % CHUNK_IDS] == owner;
	if (known && !owner->frames)
		chunks[owner->id / CHUNK_IDS][owner->id % CHUNK_IDS] = NULL;
	spin_unlock(&frames.lock);
	if (!known)
		panic("frame_owner_unregister: id %u is not registered", owner->id);
	if (owner->frames)
		panic("frame_owner_unregister: '%s' still holds %lu frames", owner->name,
		      owner->frames);
	owner->id = OWNER_FREE;
}

/* Copy the owner with this id, its name into name; false when there is none. */
static bool owner_copy(u32 id, struct frame_owner *copy, char name[static NAME_SIZE])
{
	const struct frame_owner *owner;

	spin_lock(&frames.lock);
	owner = chunks[id / CHUNK_IDS] ? chunks[id / CHUNK_IDS][id % CHUNK_IDS] : NULL;
	if (owner) {
		*copy = *owner;
		strlcpy(name, owner->name, NAME_SIZE);
		copy->name = name;
	}
	spin_unlock(&frames.lock);
	return owner;
}

void frame_owner_for_each(void (*fn)(const struct frame_owner *owner, void *ctx), void *ctx)
{
	struct frame_owner copy;
	char name[NAME_SIZE];

	for (u32 id = 0; id < CHUNKS * CHUNK_IDS; id++) {
		if (!atomic_load(&chunks[id / CHUNK_IDS]))
			return;
		if (owner_copy(id, &copy, name))
			fn(&copy, ctx);
	}
}
