/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small objects: each power-of-two class from 16 bytes to 1 KiB has slabs, which are 4 KiB
 * frames with a header in place of the first object or objects. A slab with no object
 * left goes back to the frame allocator. Larger objects are runs of whole frames, with no
 * header: the size that kfree is given tells. Protected by heap.lock.
 */
#include "mm/heap.h"

#include "arch/direct_map.h"
#include "arch/lock.h"
#include "lib/err.h"
#include "lib/list.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frames.h"

#define SHIFT_MIN 4u
#define SHIFT_MAX 10u
#define SLAB_MAGIC 0x62616c53u /* "Slab" */
#define SLAB_WORDS (PAGE_SIZE >> SHIFT_MIN >> 6)
#define HEAP_MAX_SIZE MIB(2)

struct slab {
	struct list link; /* on heap.partial of its class, while it has a free object */
	u64 used[SLAB_WORDS]; /* a bit per object */
	u32 free_count;
	u16 shift;
	u32 magic;
};

/* Objects up to this size lose as many places to the header as fit into it. */
#define HEADER_SIZE 64u
_Static_assert(sizeof(struct slab) <= HEADER_SIZE, "the header fits into its place");

static struct {
	struct spinlock lock;
	struct frame_owner owner;
	struct list partial[SHIFT_MAX + 1];
} heap;

int heap_init(void)
{
	spin_init(&heap.lock, LOCK_HEAP);
	for (u32 shift = SHIFT_MIN; shift <= SHIFT_MAX; shift++)
		list_init(&heap.partial[shift]);
	return frame_owner_register(&heap.owner, "heap");
}

static u16 size_shift(size_t size)
{
	u16 shift = SHIFT_MIN;

	while (BIT(shift) < size)
		shift++;
	return shift;
}

/* How many objects' places the header takes. */
static u32 slab_first(u32 shift)
{
	return (u32)((HEADER_SIZE + BIT(shift) - 1) >> shift);
}

static u32 slab_objects(u32 shift)
{
	return (u32)(PAGE_SIZE >> shift) - slab_first(shift);
}

/* A new slab on its class's list. */
static struct slab *slab_create(u16 shift)
{
	struct slab *slab;
	hpa_t frame;

	if (frame_alloc(&heap.owner, LEVEL_4K, &frame))
		return NULL;
	slab = hpa_to_ptr(frame);
	*slab = (struct slab){
		.free_count = slab_objects(shift),
		.shift = shift,
		.magic = SLAB_MAGIC,
	};
	slab->used[0] = BIT(slab_first(shift)) - 1;
	list_push_front(&heap.partial[shift], &slab->link);
	return slab;
}

/* Take an object of a slab that has a free one. */
static void *slab_take(struct slab *slab)
{
	u32 word = 0, index;

	while (slab->used[word] == ~0ull)
		word++;
	index = word * 64 + (u32)__builtin_ctzll(~slab->used[word]);
	slab->used[word] |= BIT(index % 64);
	if (--slab->free_count == 0)
		list_remove(&slab->link);
	return (u8 *)slab + ((size_t)index << slab->shift);
}

static void *small_alloc(u16 shift)
{
	struct slab *slab;
	void *ptr;

	spin_lock(&heap.lock);
	if (likely(!list_empty(&heap.partial[shift])))
		slab = list_first(&heap.partial[shift], struct slab, link);
	else
		slab = slab_create(shift);
	ptr = slab ? slab_take(slab) : NULL;
	spin_unlock(&heap.lock);
	return ptr ? memset(ptr, 0, BIT(shift)) : NULL;
}

static u32 size_frames(size_t size)
{
	return (u32)(align_up(size, PAGE_SIZE) >> PAGE_SHIFT);
}

static void *run_alloc(u32 count)
{
	hpa_t run;

	if (frame_alloc_run(&heap.owner, count, &run))
		return NULL;
	return memset(hpa_to_ptr(run), 0, count * PAGE_SIZE);
}

void *kzalloc(size_t size)
{
	if (size == 0 || size > HEAP_MAX_SIZE)
		return NULL;
	if (size > BIT(SHIFT_MAX))
		return run_alloc(size_frames(size));
	return small_alloc(size_shift(size));
}

/* Give an object back; false when that is no object of this class in use. */
static bool slab_put(struct slab *slab, u64 offset, u16 shift)
{
	u32 index = (u32)(offset >> shift);

	if (slab->magic != SLAB_MAGIC || slab->shift != shift || !is_aligned(offset, BIT(shift)) ||
	    index < slab_first(shift) || !(slab->used[index / 64] & BIT(index % 64)))
		return false;
	slab->used[index / 64] &= ~BIT(index % 64);
	if (slab->free_count++ == 0)
		list_push_front(&heap.partial[shift], &slab->link);
	if (slab->free_count == slab_objects(shift)) {
		list_remove(&slab->link);
		slab->magic = 0;
		frame_free(&heap.owner, LEVEL_4K, ptr_to_hpa(slab));
	}
	return true;
}

static void small_free(void *ptr, u16 shift)
{
	u64 offset = (u64)ptr & (PAGE_SIZE - 1);
	bool ok;

	spin_lock(&heap.lock);
	ok = slab_put((struct slab *)((u8 *)ptr - offset), offset, shift);
	spin_unlock(&heap.lock);
	if (!ok)
		panic("kfree: %p is no object of %llu bytes in use", ptr, BIT(shift));
}

void kfree(void *ptr, size_t size)
{
	if (!ptr)
		return;
	if (size <= BIT(SHIFT_MAX)) {
		small_free(ptr, size_shift(size));
		return;
	}
	for (u32 i = 0; i < size_frames(size); i++)
		frame_free(&heap.owner, LEVEL_4K, ptr_to_hpa((u8 *)ptr + i * PAGE_SIZE));
}
