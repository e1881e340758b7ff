/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap: sizes, alignment, zeroed contents, no overlap, running out of memory, wrong
 * frees, and that all frames come back.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "arch/direct_map.h"
#include "lib/addr.h"
#include "lib/err.h"
#include "mm/frames.h"
#include "mm/heap.h"

static struct frame_stats before;

static int setup(void **state)
{
	static const struct mem_range ram = { HPA(0), MIB(32) };

	(void)state;
	host_memory_reset(MIB(32));
	memset(host_memory, 0xee, MIB(32));
	assert_int_equal(frames_init(&ram, 1, NULL, 0), 0);
	assert_int_equal(heap_init(), 0);
	frame_stats_read(&before);
	return 0;
}

static int teardown(void **state)
{
	struct frame_stats after;

	(void)state;
	frame_stats_read(&after);
	assert_memory_equal(&before, &after, sizeof(before));
	return 0;
}

struct object {
	u8 *ptr;
	size_t size;
	u8 fill;
};

static size_t size_class(size_t size)
{
	size_t class = 16;

	while (class < size)
		class *= 2;
	return MIN(class, (size_t)PAGE_SIZE);
}

static struct object object_new(size_t size)
{
	struct object object = { .ptr = kzalloc(size), .size = size, .fill = (u8)rand() };

	if (!object.ptr)
		return object;
	assert_true(is_aligned((u64)object.ptr, size_class(size)));
	for (size_t i = 0; i < size; i++)
		assert_int_equal(object.ptr[i], 0);
	memset(object.ptr, object.fill, size);
	return object;
}

/* Still holds what was written at its birth: nothing else was put over it. */
static void object_end(const struct object *object)
{
	for (size_t i = 0; i < object->size; i++)
		assert_int_equal(object->ptr[i], object->fill);
	kfree(object->ptr, object->size);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 1,    15,   16,   17,   64,   65,   1023,  1024,
					1025, 2048, 2049, 4096, 4097, 8192, 65536, MIB(2) };
	struct object objects[ARRAY_SIZE(sizes)];

	(void)state;
	assert_null(kzalloc(0));
	assert_null(kzalloc(MIB(2) + 1));
	assert_null(kzalloc(~(size_t)0));
	kfree(NULL, 16);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		objects[i] = object_new(sizes[i]);
		assert_non_null(objects[i].ptr);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		object_end(&objects[i]);
}

static void test_random(void **state)
{
	static struct object held[2000];
	u32 count = 0;

	(void)state;
	srand(2);
	for (u32 step = 0; step < 60000; step++) {
		if ((u32)rand() % 100 < (step / 8000 % 2 ? 40u : 60u)) {
			u32 bits = 1 + (u32)rand() % (rand() % 16 ? 11u : 17u);

			if (count == ARRAY_SIZE(held))
				continue;
			held[count] = object_new(1 + (size_t)rand() % (1u << bits));
			count += held[count].ptr != NULL;
		} else if (count) {
			u32 victim = (u32)rand() % count;

			object_end(&held[victim]);
			held[victim] = held[--count];
		}
	}
	while (count)
		object_end(&held[--count]);
}

/* All memory can be used up, in each class, and comes back. */
static void test_exhaust(void **state)
{
	static struct object held[600000];

	(void)state;
	for (size_t size = 64; size <= MIB(1); size *= 4) {
		u32 count = 0;

		for (;;) {
			held[count].ptr = kzalloc(size);
			if (!held[count].ptr)
				break;
			assert_true(++count < ARRAY_SIZE(held));
		}
		assert_true(count * size >= before.free * PAGE_SIZE / 4 * 3 || size >= KIB(256));
		while (count)
			kfree(held[--count].ptr, size);
	}
}

static void test_wrong_free(void **state)
{
	u8 *small = kzalloc(100), *other = kzalloc(100), *large = kzalloc(5000), *more[16];

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(more); i++)
		more[i] = kzalloc(100);
	expect_panic(kfree(small, 10)); /* where objects of 16 bytes would be in use, too */
	for (u32 i = 0; i < ARRAY_SIZE(more); i++)
		kfree(more[i], 100);
	expect_panic(kfree(small + 16, 100));
	expect_panic(kfree((u8 *)align_down((u64)small, PAGE_SIZE), 100));
	expect_panic(kfree(small + 1024, 100)); /* an object that is not in use */
	expect_panic(kfree(large, 100));
	kfree(large, 5000);
	expect_panic(kfree(large, 5000));
	kfree(small, 100);
	expect_panic(kfree(small, 100));
	kfree(other, 100);
	expect_panic(kfree(other, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exhaust, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_free, setup, teardown),
	};

	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
