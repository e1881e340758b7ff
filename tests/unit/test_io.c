/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O space table: refusals, and look-ups against a plain search through all regions.
 */
#include "dev_fixture.h"

#include "lib/err.h"

static const struct io_ops ops;

static void test_refusals(void **state)
{
	struct io_space space = { 0 };

	(void)state;
	assert_null(io_space_find(&space, 0));
	assert_null(io_space_find(&space, ~0ull));
	assert_int_equal(io_space_add(&space, 0x60, 0, &ops, NULL), E_INVAL);
	assert_int_equal(io_space_add(&space, ~0ull, 2, &ops, NULL), E_INVAL);
	assert_int_equal(io_space_add(&space, 1, ~0ull, &ops, NULL), E_INVAL);
	assert_int_equal(io_space_add(&space, 0x60, 4, &ops, NULL), 0);
	assert_int_equal(io_space_add(&space, 0x60, 4, &ops, NULL), E_EXIST);
	assert_int_equal(io_space_add(&space, 0x5f, 2, &ops, NULL), E_EXIST);
	assert_int_equal(io_space_add(&space, 0x63, 1, &ops, NULL), E_EXIST);
	assert_int_equal(io_space_add(&space, 0, ~0ull, &ops, NULL), E_EXIST);
	assert_int_equal(io_space_add(&space, 0x64, 1, &ops, NULL), 0);
	assert_int_equal(io_space_add(&space, 0x5f, 1, &ops, NULL), 0);
	assert_int_equal(space.count, 3);
	for (u64 i = 3; i < IO_MAX_REGIONS; i++)
		assert_int_equal(io_space_add(&space, i << 32, 1, &ops, NULL), 0);
	assert_int_equal(io_space_add(&space, 0, 1, &ops, NULL), E_NOMEM);
	assert_non_null(io_space_find(&space, (u64)(IO_MAX_REGIONS - 1) << 32));
	assert_null(io_space_find(&space, ~0ull));
}

static const struct io_region *find_plainly(const struct io_space *space, u64 addr)
{
	for (u32 i = 0; i < space->count; i++) {
		const struct io_region *region = &space->regions[i];

		if (addr >= region->base && addr < region->base + region->len)
			return region;
	}
	return NULL;
}

static void check_all(const struct io_space *space)
{
	for (u32 i = 0; i < space->count; i++) {
		const struct io_region *region = &space->regions[i];

		assert_ptr_equal(io_space_find(space, region->base), region);
		assert_ptr_equal(io_space_find(space, region->base + region->len - 1), region);
		assert_int_equal((uintptr_t)region->dev, region->base + 1);
	}
	for (u64 addr = 0; addr < 300; addr++)
		assert_ptr_equal(io_space_find(space, addr), find_plainly(space, addr));
}

static void test_against_model(void **state)
{
	u64 random = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct io_space space = { 0 };

		for (int i = 0; i < 80; i++) {
			u64 base = test_random(&random) % 256, len = test_random(&random) % 12 + 1;
			bool taken = false;
			int error;

			for (u64 addr = base; addr < base + len; addr++)
				taken |= find_plainly(&space, addr) != NULL;
			error = io_space_add(&space, base, len, &ops, (void *)(base + 1));
			if (error == E_NOMEM)
				assert_int_equal(space.count, IO_MAX_REGIONS);
			else
				assert_int_equal(error, taken ? E_EXIST : 0);
			check_all(&space);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
