/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory: which slots are accepted, what blocks back them, that they are zeroed,
 * copies across pages and slots, and running out of memory at every step.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "mm/guest_mem.h"
#include "mm/heap.h"

static struct frame_owner owner, hog;
static struct frame_stats before;
static struct guest_mem mem;

static void start(u64 size)
{
	const struct mem_range ram = { HPA(0), size };

	host_memory_reset(size);
	assert_int_equal(frames_init(&ram, 1, NULL, 0), 0);
	assert_int_equal(heap_init(), 0);
	assert_int_equal(frame_owner_register(&owner, "guest"), 0);
	assert_int_equal(frame_owner_register(&hog, "hog"), 0);
	frame_stats_read(&before);
	guest_mem_init(&mem, &owner, 48);
}

static void check_all_back(void)
{
	struct frame_stats after;

	frame_stats_read(&after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(owner.frames, 0);
}

static int setup(void **state)
{
	(void)state;
	start(MIB(64));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_mem_destroy(&mem);
	assert_int_equal(mem.table->count, 0);
	check_all_back();
	return 0;
}

static int add(u64 base, u64 len)
{
	return guest_mem_add_slot(&mem, gpa_to_gfn(GPA(base)), len / PAGE_SIZE);
}

static void test_bad_slots(void **state)
{
	(void)state;
	assert_int_equal(guest_mem_add_slot(&mem, GFN(1), 512), E_INVAL);
	assert_int_equal(guest_mem_add_slot(&mem, GFN(0), 511), E_INVAL);
	assert_int_equal(guest_mem_add_slot(&mem, GFN(0), 0), E_INVAL);
	assert_int_equal(add(BIT(48), MIB(2)), E_RANGE);
	assert_int_equal(add(BIT(48) - MIB(2), MIB(4)), E_RANGE);
	assert_int_equal(guest_mem_add_slot(&mem, GFN(512), ~511ull), E_INVAL);
	assert_int_equal(guest_mem_add_slot(&mem, GFN(~511ull), 512), E_INVAL);
	assert_int_equal(guest_mem_add_slot(&mem, GFN(~511ull), 1024), E_INVAL);
	/* More than there is, than fits into the arrays, and than any multiplication holds. */
	assert_int_equal(add(0, GIB(1)), E_NOMEM);
	assert_int_equal(add(0, GIB(512)), E_NOMEM);
	assert_int_equal(add(0, GIB(513)), E_NOMEM);
	assert_int_equal(add(0, BIT(48)), E_NOMEM);
	check_all_back();
	assert_int_equal(mem.table->count, 0);

	assert_int_equal(add(BIT(48) - MIB(2), MIB(2)), 0);
	assert_int_equal(add(MIB(4), MIB(4)), 0);
	assert_int_equal(add(MIB(2), MIB(4)), E_EXIST);
	assert_int_equal(add(MIB(6), MIB(2)), E_EXIST);
	assert_int_equal(add(MIB(4), MIB(4)), E_EXIST);
	assert_int_equal(add(0, GIB(1)), E_EXIST);
}

static void test_order_and_limit(void **state)
{
	static const u64 bases[8] = { 5, 3, 7, 0, 6, 1, 4, 2 };

	(void)state;
	start(GUEST_MEM_MAX_SLOTS * MIB(2) + MIB(16));
	for (u32 i = 0; i < GUEST_MEM_MAX_SLOTS; i++)
		assert_int_equal(add((bases[i % 8] * 8 + bases[i / 8]) * MIB(4), MIB(2)), 0);
	assert_int_equal(add(GIB(1), MIB(2)), E_NOMEM);
	assert_int_equal(mem.table->count, GUEST_MEM_MAX_SLOTS);
	assert_int_equal(guest_mem_size(&mem), GUEST_MEM_MAX_SLOTS * MIB(2));
	for (u32 i = 0; i < GUEST_MEM_MAX_SLOTS; i++) {
		assert_int_equal(mem.table->slots[i].base.raw, i * 1024);
		assert_ptr_equal(guest_mem_slot(&mem, GFN(i * 1024)), &mem.table->slots[i]);
		assert_ptr_equal(guest_mem_slot(&mem, GFN(i * 1024 + 511)), &mem.table->slots[i]);
		assert_null(guest_mem_slot(&mem, GFN(i * 1024 + 512)));
	}
	assert_null(guest_mem_slot(&mem, GFN(~0ull)));
	assert_null(guest_mem_ptr(&mem, GPA(~0ull)));
}

/* Memory used before comes zeroed; a reset zeroes it again. */
static void test_zeroed(void **state)
{
	u8 *at;

	(void)state;
	memset(host_memory + MIB(2), 0xaa, MIB(62));
	/* That may have hit the allocator's tables: begin again on top of the dirty memory. */
	assert_int_equal(frames_init(&(struct mem_range){ HPA(0), MIB(64) }, 1, NULL, 0), 0);
	assert_int_equal(heap_init(), 0);
	assert_int_equal(frame_owner_register(&owner, "guest"), 0);
	frame_stats_read(&before);

	assert_int_equal(add(MIB(2), MIB(8)), 0);
	for (u64 gpa = MIB(2); gpa < MIB(10); gpa += PAGE_SIZE) {
		at = guest_mem_ptr(&mem, GPA(gpa));
		assert_non_null(at);
		for (u32 i = 0; i < PAGE_SIZE; i++)
			assert_int_equal(at[i], 0);
	}
}

static void test_copies(void **state)
{
	static u8 out[MIB(3)], in[MIB(3)];
	const u64 gpa = MIB(4) - 100;

	(void)state;
	/* Two slots that touch, and a hole behind them; the blocks may lie anywhere. */
	assert_int_equal(add(MIB(4), MIB(4)), 0);
	assert_int_equal(add(MIB(2), MIB(2)), 0);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 7 + i / 4096);
	assert_int_equal(guest_mem_write(&mem, GPA(gpa), out, sizeof(out)), 0);
	assert_int_equal(guest_mem_read(&mem, GPA(gpa), in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	for (u64 i = 0; i < sizeof(out); i += 97)
		assert_int_equal(*(u8 *)guest_mem_ptr(&mem, GPA(gpa + i)), out[i]);

	assert_int_equal(guest_mem_zero(&mem, GPA(MIB(4) - 1), MIB(2) + 2), 0);
	assert_int_equal(guest_mem_read(&mem, GPA(gpa), in, sizeof(in)), 0);
	memset(out + 99, 0, MIB(2) + 2);
	assert_memory_equal(in, out, sizeof(in));

	assert_int_equal(guest_mem_read(&mem, GPA(MIB(8) - 1), in, 1), 0);
	assert_int_equal(guest_mem_read(&mem, GPA(MIB(8) - 1), in, 2), E_FAULT);
	assert_int_equal(guest_mem_write(&mem, GPA(MIB(8) - 1), in, 2), E_FAULT);
	assert_int_equal(guest_mem_zero(&mem, GPA(MIB(8) - 1), 2), E_FAULT);
	assert_int_equal(guest_mem_zero(&mem, GPA(MIB(4)), ~0ull), E_FAULT);
	assert_int_equal(guest_mem_read(&mem, GPA(MIB(2) - 1), in, 2), E_FAULT);
	assert_int_equal(guest_mem_read(&mem, GPA(~0ull), in, 2), E_FAULT);
	assert_int_equal(guest_mem_read(&mem, GPA(~0ull), in, 0), 0);
}

/* A slot around an aligned GiB has one 1 GiB block in its middle, and 2 MiB blocks at its ends. */
static void test_giga_block(void **state)
{
	const struct mem_slot *slot;

	(void)state;
	start(GIB(3));
	assert_int_equal(add(GIB(1) - MIB(4), GIB(1) + MIB(8)), 0);
	slot = &mem.table->slots[0];
	for (u64 i = 0; i < slot->npages / 512; i++) {
		bool middle = i >= 2 && i < 2 + 512;

		assert_int_equal(slot->level[i], middle ? LEVEL_1G : LEVEL_2M);
		assert_true(is_aligned(slot->backing[i].raw, 512));
		if (middle)
			assert_int_equal(slot->backing[i].raw,
					 slot->backing[2].raw + (i - 2) * 512);
	}
	assert_true(is_aligned(slot->backing[2].raw, level_pages(LEVEL_1G)));
	assert_int_equal(owner.frames, slot->npages);
}

/* A whole, aligned GiB of guest memory, but RAM without a whole GiB: 2 MiB blocks do. */
static void test_no_giga_block(void **state)
{
	(void)state;
	start(GIB(1) + MIB(512));
	assert_int_equal(before.free_blocks[LEVEL_1G], 0);
	assert_int_equal(add(0, GIB(1)), 0);
	for (u64 i = 0; i < 512; i++)
		assert_int_equal(mem.table->slots[0].level[i], LEVEL_2M);
	assert_int_equal(owner.frames, GIB(1) / PAGE_SIZE);
}

/*
 * Leave exactly small 4 KiB frames and large 2 MiB blocks free, for every combination up to what
 * a slot needs: it is added when both suffice, and otherwise leaves no trace.
 */
static void test_every_failure(void **state)
{
	static hpa_t pages[MIB(2) / PAGE_SIZE * 2], blocks[64];

	(void)state;
	for (u32 small = 0; small <= 3; small++) {
		for (u32 large = 0; large <= 3; large++) {
			u32 page_count = 0, block_count = 0;
			struct frame_stats stats;
			int err;

			start(MIB(64));
			while (frame_alloc(&hog, LEVEL_2M, &blocks[block_count]) == 0)
				block_count++;
			while (frame_alloc(&hog, LEVEL_4K, &pages[page_count]) == 0)
				page_count++;
			for (u32 i = 0; i < large; i++)
				frame_free(&hog, LEVEL_2M, blocks[--block_count]);
			for (u32 i = 0; i < small; i++)
				frame_free(&hog, LEVEL_4K, pages[--page_count]);
			frame_stats_read(&before);
			err = add(MIB(2), MIB(6));
			frame_stats_read(&stats);
			if (small == 3 && large == 3) {
				assert_int_equal(err, 0);
				assert_int_equal(stats.free, 0);
				guest_mem_destroy(&mem);
			} else {
				assert_int_equal(err, E_NOMEM);
			}
			assert_int_equal(mem.table->count, 0);
			check_all_back();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order_and_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zeroed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_giga_block, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_giga_block, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_failure, setup, teardown),
	};

	return cmocka_run_group_tests_name("guest_mem", tests, NULL, NULL);
}
