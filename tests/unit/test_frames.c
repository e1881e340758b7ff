/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame allocator: hostile memory maps; random allocation and freeing against a model
 * that knows each page's holder; accounting; wrong frees.
 */
#include "frames_fixture.h"

#include <stdio.h>

static void test_pc_map(void **state)
{
	struct frame_stats stats;

	(void)state;
	start(&pc_map);
	frame_stats_read(&stats);
	/* The tables lie low and in one place, so that no large block is lost to them. */
	assert_int_equal(stats.free_blocks[LEVEL_1G], 4);
	assert_int_equal(model[8], ABSENT);
	assert_true(model_count(TABLES) * 500 < stats.total);
	assert_string_equal(host_log, "");
}

static void test_unsorted_overlapping(void **state)
{
	static const struct map map = {
		.ram = { { HPA(MIB(900)), MIB(600) },
			 { HPA(MIB(4)), MIB(700) },
			 { HPA(MIB(300)), MIB(400) + 5 },
			 { HPA(MIB(2) + 1), MIB(2) - 2 },
			 { HPA(MIB(704) + 0x1800), 0x1000 },
			 { HPA(MIB(800)), 0 },
			 { HPA(MIB(1500)), MIB(600) },
			 { HPA(MIB(2100)), MIB(1) } },
		.ram_count = 8,
		.reserved = { { HPA(MIB(1000)), MIB(1) },
			      { HPA(MIB(999)), MIB(1) + 1 },
			      { HPA(MIB(1000) + 7), MIB(2) },
			      { HPA(MIB(20)), 1 },
			      { HPA(MIB(2)), MIB(1) },
			      { HPA(MIB(850)), MIB(60) + 1 } },
		.reserved_count = 6,
	};

	(void)state;
	start(&map);
}

static void test_hostile_ranges(void **state)
{
	static const struct map map = {
		.ram = { { HPA(~0ull - 0xfff), 0x2000 },
			 { HPA(MIB(8)), ~0ull },
			 { HPA(0), MIB(64) },
			 { HPA(BIT(50)), GIB(1) },
			 { HPA(BIT(46)), BIT(46) },
			 { HPA(GIB(1)), MIB(1) },
			 { HPA(~0ull), 1 },
			 { HPA(0), 0 } },
		.ram_count = 8,
		.reserved = { { HPA(MIB(100)), 0 },
			      { HPA(GIB(1) + KIB(64)), ~0ull },
			      { HPA(~0ull), ~0ull },
			      { HPA(0x5fff), 2 } },
		.reserved_count = 4,
	};

	(void)state;
	start(&map);
	assert_int_equal(model[5], ABSENT);
	assert_int_equal(model[6], ABSENT);
	assert_int_equal(model[7], FREE);
	assert_non_null(strstr(host_log, "RAM at 0xfffffffffffff000 wraps around, left out"));
	assert_non_null(strstr(host_log, "RAM at 0x800000 wraps around, left out"));
	assert_non_null(strstr(host_log, "RAM at 0x4000000000000, 0x40000000 bytes: left out"));
	assert_non_null(strstr(host_log, "RAM at 0x400000000000, "));
}

/* RAM that is claimed up to the limit and beyond, but never touched: too much of it is cut. */
static void test_far_ram(void **state)
{
	static const struct mem_range ram[] = { { HPA(MIB(1)), MIB(31) },
						{ HPA(BIT(46) - GIB(1)), GIB(4) } };
	struct frame_stats stats;
	struct frame_owner owner;
	hpa_t block;

	(void)state;
	host_memory_reset(MIB(32));
	assert_int_equal(frames_init(ram, ARRAY_SIZE(ram), NULL, 0), 0);
	frame_stats_read(&stats);
	assert_int_equal(stats.total, (GIB(1) + MIB(31)) / PAGE_SIZE);
	assert_int_equal(stats.free_blocks[LEVEL_1G], 1);
	assert_int_equal(frame_owner_register(&owner, "far"), 0);
	assert_int_equal(frame_alloc(&owner, LEVEL_1G, &block), 0);
	assert_int_equal(block.raw, BIT(46) - GIB(1));
	frame_free(&owner, LEVEL_1G, block);
	frame_owner_unregister(&owner);
}

static void test_no_room(void **state)
{
	static const struct mem_range low = { HPA(0), KIB(640) };
	static const struct mem_range small = { HPA(MIB(1)), PAGE_SIZE };
	static const struct mem_range half_pages[] = { { HPA(MIB(1)), 0xfff },
						       { HPA(MIB(2) + 1), 0x1ffe } };
	/* Enough memory in all, but in pieces too small for the tables that describe it. */
	struct mem_range pieces[600];

	(void)state;
	host_memory_reset(GIB(4));
	for (u64 i = 0; i < ARRAY_SIZE(pieces); i++)
		pieces[i] = (struct mem_range){ HPA(MIB(2) + i * MIB(2)), KIB(64) };
	assert_int_equal(frames_init(NULL, 0, NULL, 0), E_NOMEM);
	assert_int_equal(frames_init(&low, 1, NULL, 0), E_NOMEM);
	assert_int_equal(frames_init(&small, 1, NULL, 0), E_NOMEM);
	assert_int_equal(frames_init(half_pages, 2, NULL, 0), E_NOMEM);
	assert_int_equal(frames_init(pieces, ARRAY_SIZE(pieces), NULL, 0), E_NOMEM);
	assert_int_equal(frames_init(&(struct mem_range){ HPA(MIB(1)), GIB(1) }, 1,
				     &(struct mem_range){ HPA(0), ~0ull }, 1),
			 E_NOMEM);
}

struct block {
	hpa_t hpa;
	u32 pages; /* a run of 4 KiB frames, or a whole block */
	unsigned int level;
	u32 owner;
};

#define OWNERS 3u

static bool random_alloc(struct frame_owner *owners, struct block *block)
{
	u32 owner = (u32)rand() % OWNERS, kind = (u32)rand() % 16;
	int err;

	*block = (struct block){ .owner = owner, .level = LEVEL_4K, .pages = 1 };
	if (kind == 0)
		block->level = LEVEL_1G;
	else if (kind < 4)
		block->level = LEVEL_2M;
	if (kind < 12) {
		err = frame_alloc(&owners[owner], block->level, &block->hpa);
		block->pages = (u32)level_pages(block->level);
		assert_true(err || is_aligned(block->hpa.raw, level_size(block->level)));
	} else {
		block->pages = 1 + (u32)rand() % 512;
		err = frame_alloc_run(&owners[owner], block->pages, &block->hpa);
	}
	if (err)
		assert_int_equal(err, E_NOMEM);
	else
		model_set(block->hpa, block->pages, FREE, (u8)(HELD + owner));
	return !err;
}

static void random_free(struct frame_owner *owners, const struct block *block)
{
	struct frame_owner *owner = &owners[block->owner];

	model_set(block->hpa, block->pages, (u8)(HELD + block->owner), FREE);
	if (block->level != LEVEL_4K) {
		frame_free(owner, block->level, block->hpa);
		return;
	}
	for (u32 i = 0; i < block->pages; i++)
		frame_free(owner, LEVEL_4K, HPA(block->hpa.raw + i * PAGE_SIZE));
}

static void test_random(void **state)
{
	static struct block held[4096];
	struct frame_owner owners[OWNERS];
	struct frame_stats before, after;
	u32 count = 0;

	(void)state;
	srand(1);
	start(&pc_map);
	frame_stats_read(&before);
	for (u32 i = 0; i < OWNERS; i++)
		assert_int_equal(frame_owner_register(&owners[i], "owner"), 0);
	for (u32 step = 0; step < 40000; step++) {
		/* Waves of filling and emptying, so that memory is nearly full and nearly free. */
		bool fill = (u32)rand() % 100 < (step / 5000 % 2 ? 35u : 65u);

		if (fill && count < ARRAY_SIZE(held)) {
			count += random_alloc(owners, &held[count]);
		} else if (count) {
			u32 victim = (u32)rand() % count;

			random_free(owners, &held[victim]);
			held[victim] = held[--count];
		}
		if (step % 4000 == 0)
			check_stats();
	}
	for (u32 i = 0; i < OWNERS; i++)
		assert_int_equal(owners[i].frames, model_count((u8)(HELD + i)));
	while (count)
		random_free(owners, &held[--count]);
	for (u32 i = 0; i < OWNERS; i++)
		frame_owner_unregister(&owners[i]);
	check_stats();
	frame_stats_read(&after);
	assert_memory_equal(&before, &after, sizeof(before));
}

/* Single frames come out of one 2 MiB block until that is used up. */
static void test_clustering(void **state)
{
	struct frame_stats stats;
	struct frame_owner owner;
	u64 large;
	hpa_t frame;

	(void)state;
	start(&pc_map);
	assert_int_equal(frame_owner_register(&owner, "owner"), 0);
	frame_stats_read(&stats);
	while (stats.free_blocks[LEVEL_4K]--)
		assert_int_equal(frame_alloc(&owner, LEVEL_4K, &frame), 0);
	large = stats.free_blocks[LEVEL_2M];
	for (u32 i = 0; i < 1024; i++)
		assert_int_equal(frame_alloc(&owner, LEVEL_4K, &frame), 0);
	frame_stats_read(&stats);
	assert_int_equal(stats.free_blocks[LEVEL_2M], large - 2);
	assert_int_equal(stats.free_blocks[LEVEL_1G], 4);
}

static void test_wrong_free(void **state)
{
	struct frame_owner one, two;
	hpa_t frame, large, giga;

	(void)state;
	start(&pc_map);
	assert_int_equal(frame_owner_register(&one, "one"), 0);
	assert_int_equal(frame_owner_register(&two, "two"), 0);
	assert_int_equal(frame_alloc(&one, LEVEL_4K, &frame), 0);
	assert_int_equal(frame_alloc(&one, LEVEL_2M, &large), 0);
	assert_int_equal(frame_alloc(&one, LEVEL_1G, &giga), 0);

	expect_panic(frame_free(&two, LEVEL_4K, frame));
	assert_non_null(strstr(host_panic_message, "'two'"));
	expect_panic(frame_free(&two, LEVEL_2M, large));
	expect_panic(frame_free(&two, LEVEL_1G, giga));
	expect_panic(frame_free(&one, LEVEL_4K, large));
	expect_panic(frame_free(&one, LEVEL_4K, giga));
	expect_panic(frame_free(&one, LEVEL_2M, giga));
	expect_panic(frame_free(&one, LEVEL_2M, HPA(align_down(frame.raw, MIB(2)))));
	assert_non_null(strstr(host_panic_message, "not held"));
	expect_panic(frame_free(&one, LEVEL_4K, HPA(frame.raw + 8)));
	expect_panic(frame_free(&one, LEVEL_4K, HPA(0)));
	assert_non_null(strstr(host_panic_message, "no RAM of ours"));
	expect_panic(frame_free(&one, LEVEL_4K, HPA(GIB(3) + MIB(1))));
	expect_panic(frame_free(&one, LEVEL_1G, HPA(BIT(51))));
	expect_panic(frame_free(&one, LEVEL_4K, HPA(~0ull << 12)));
	expect_panic(frame_owner_unregister(&one));
	assert_non_null(strstr(host_panic_message, "'one' still holds 262657 frames"));

	frame_free(&one, LEVEL_4K, frame);
	frame_free(&one, LEVEL_2M, large);
	frame_free(&one, LEVEL_1G, giga);
	expect_panic(frame_free(&one, LEVEL_4K, frame));
	assert_non_null(strstr(host_panic_message, "freed twice?"));
	expect_panic(frame_free(&one, LEVEL_2M, large));
	expect_panic(frame_free(&one, LEVEL_1G, giga));
	frame_owner_unregister(&one);
	expect_panic(frame_owner_unregister(&one));
	frame_owner_unregister(&two);
	check_stats();
}

static void collect_owner(const struct frame_owner *owner, void *ctx)
{
	static u32 last_id;
	char line[80];

	assert_true(owner->id > last_id || owner->id == 1);
	last_id = owner->id;
	snprintf(line, sizeof(line), "%u %s %lu;", owner->id, owner->name, owner->frames);
	strcat(ctx, line);
}

static void test_owners(void **state)
{
	static struct frame_owner owners[1200];
	struct frame_owner late;
	char seen[256] = "", expected[256];
	struct frame_stats stats;
	hpa_t frame;

	(void)state;
	start(&pc_map);
	assert_int_equal(frame_owner_register(&owners[0], "guest"), 0);
	assert_int_equal(frame_alloc_zeroed(&owners[0], &frame), 0);
	frame_owner_for_each(collect_owner, seen);
	frame_stats_read(&stats);
	snprintf(expected, sizeof(expected), "1 frame tables %lu;2 guest 1;",
		 stats.total - stats.free - 1);
	assert_string_equal(seen, expected);

	for (u32 i = 1; i < ARRAY_SIZE(owners); i++) {
		assert_int_equal(frame_owner_register(&owners[i], "many"), 0);
		assert_int_equal(owners[i].id, i + 2);
	}
	frame_owner_unregister(&owners[700]);
	assert_int_equal(frame_owner_register(&late, "late"), 0);
	assert_int_equal(late.id, 702);
}

static void test_tag_and_zero(void **state)
{
	struct frame_owner owner;
	hpa_t frame, large, run;

	(void)state;
	start(&pc_map);
	assert_int_equal(frame_owner_register(&owner, "owner"), 0);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(frame_alloc_zeroed(&owner, &frame), 0);
		for (u32 byte = 0; byte < PAGE_SIZE; byte++)
			assert_int_equal(((u8 *)hpa_to_ptr(frame))[byte], 0);
		assert_int_equal(*frame_tag(frame), 0);
		*frame_tag(frame) = 77;
		memset(hpa_to_ptr(frame), 0xaa, PAGE_SIZE);
		frame_free(&owner, LEVEL_4K, frame);
	}
	assert_int_equal(frame_alloc_run(&owner, 1, &run), 0);
	assert_int_equal(run.raw, frame.raw);
	assert_int_equal(*frame_tag(run), 0);
	frame_free(&owner, LEVEL_4K, run);
	assert_int_equal(frame_alloc(&owner, LEVEL_2M, &large), 0);
	memset(hpa_to_ptr(large), 0xaa, MIB(2));
	frame_zero(LEVEL_2M, large);
	for (u64 byte = 0; byte < MIB(2); byte++)
		assert_int_equal(((u8 *)hpa_to_ptr(large))[byte], 0);
	frame_free(&owner, LEVEL_2M, large);
	frame_owner_unregister(&owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pc_map),         cmocka_unit_test(test_unsorted_overlapping),
		cmocka_unit_test(test_hostile_ranges), cmocka_unit_test(test_far_ram),
		cmocka_unit_test(test_no_room),        cmocka_unit_test(test_random),
		cmocka_unit_test(test_clustering),     cmocka_unit_test(test_wrong_free),
		cmocka_unit_test(test_owners),         cmocka_unit_test(test_tag_and_zero),
	};

	return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
