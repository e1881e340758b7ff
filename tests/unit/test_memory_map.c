/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory maps as no firmware should make them, and as real ones do: out of order, overlapping,
 * with holes, above 4 GiB and out of reach. Random maps are compared with a look at every page.
 */
#include "boot/memory_map.h"

#include <string.h>

#include "host.h"

#define MODULES 200u

static struct boot_info info;
static struct config_module modules[MODULES];
static struct mem_range reserved[BOOT_MAX_RESERVED + MODULES];
static struct memory_map map;
static const struct mem_range image = { .start = { MIB(1) }, .len = MIB(2) };
static u64 seed = 1;

static u64 random_below(u64 limit)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 20) % limit;
}

static void clear(void)
{
	info = (struct boot_info){ .modules = modules, .reserved = reserved };
}

static void put(u64 start, u64 len, u32 type)
{
	info.memory[info.memory_count++] =
		(struct boot_memory){ .start = start, .len = len, .type = type };
}

static void make(u8 phys_bits)
{
	host_log_clear();
	memset(&map, 0xa5, sizeof(map));
	memory_map_make(&map, &info, &image, phys_bits);
	assert_true(map.ram_count <= MEMORY_MAP_RAM);
	/* One is left for the host's tables. */
	assert_true(map.reserved_count < BOOT_MAX_RESERVED + info.module_count);
	for (size_t i = 0; i < map.ram_count; i++) {
		u64 start = map.ram[i].start.raw, len = map.ram[i].len;

		assert_true(len && start + len > start && start + len <= BIT(MIN(phys_bits, 46)));
	}
	for (size_t i = 0; i < map.reserved_count; i++) {
		u64 start = map.reserved[i].start.raw, len = map.reserved[i].len;

		assert_true(len && start + len > start);
	}
}

static void test_pc(void **state)
{
	u32 lists = 0;

	(void)state;
	clear();
	put(GIB(4), GIB(60), 1);
	put(0, 0x9fc00, 1);
	put(0x9fc00, 0x400, 2);
	put(MIB(1), GIB(3) - MIB(1), 1);
	put(0xfd00000000, 0x300000000, 2);
	info.lists = (struct mem_range){ HPA(MIB(5)), KIB(12) };
	make(46);
	assert_null(strstr(host_log, "out of reach"));
	assert_int_equal(map.ram_count, 3);
	assert_int_equal(map.trampoline.raw, KIB(508));
	assert_int_equal(map.ram_above, 0);
	/* What the modules' list takes is not for others. */
	for (size_t i = 0; i < map.reserved_count; i++)
		lists += map.reserved[i].start.raw == MIB(5) && map.reserved[i].len == KIB(12);
	assert_int_equal(lists, 1);
}

/* On a CPU with 36 bits, and beyond what the direct map has room for. */
static void test_out_of_reach(void **state)
{
	(void)state;
	clear();
	put(0, GIB(1), 1);
	put(GIB(60), GIB(8), 1);
	put(GIB(128), GIB(1), 1);
	put(GIB(256), GIB(1), 2);
	make(36);
	assert_int_equal(map.ram_count, 2);
	assert_int_equal(map.ram[1].len, GIB(4));
	assert_int_equal(map.ram_above, GIB(5));
	assert_non_null(strstr(host_log, "RAM from 0x1000000000 on is out of reach"));
	assert_non_null(strstr(host_log, "RAM from 0x2000000000 on is out of reach"));

	clear();
	put(0, UINT64_MAX, 1);
	put(UINT64_MAX - 4095, 4096, 1); /* up to 2^64 */
	put(UINT64_MAX - 4095, 4096, 2);
	make(52);
	assert_int_equal(map.ram_count, 1);
	assert_int_equal(map.ram[0].len, BIT(46));
	clear();
	make(40);
	assert_int_equal(map.ram_count, 0);
	assert_int_equal(map.trampoline.raw, 0);
}

static void test_trampoline(void **state)
{
	(void)state;
	clear();
	put(0, KIB(640), 1);
	put(KIB(64), KIB(448), 2); /* the same again, and this one counts */
	make(40);
	assert_int_equal(map.trampoline.raw, KIB(60));
	put(KIB(8), KIB(52) + 1, 3);
	make(40);
	assert_int_equal(map.trampoline.raw, KIB(4));
	info.modules[0].start = HPA(KIB(4) + 17);
	info.modules[0].size = 1;
	info.module_count = 1;
	make(40);
	assert_int_equal(map.trampoline.raw, 0);
	info.module_count = 0;
	/* Page 0 holds the BIOS's vectors, and "0" means none. */
	clear();
	put(0, KIB(4), 1);
	make(40);
	assert_int_equal(map.trampoline.raw, 0);
}

static bool in(u64 at, u64 len, u64 start, u64 size)
{
	return at + len > start && at < start + size;
}

/* What the page at at is by the rule: anything but RAM wins. */
static u32 page_type(u64 at)
{
	u32 type = BOOT_MEMORY_HOLE;

	for (u32 i = 0; i < info.memory_count; i++) {
		const struct boot_memory *m = &info.memory[i];

		if (at >= m->start && at < m->start + m->len && type != 2)
			type = m->type;
	}
	return type;
}

static void check_trampoline(void)
{
	u64 at = map.trampoline.raw;

	if (!at)
		return;
	assert_true(at >= KIB(4) && at < KIB(512) && is_aligned(at, PAGE_SIZE));
	assert_int_equal(page_type(at), BOOT_MEMORY_USABLE);
	for (u32 i = 0; i < info.module_count; i++)
		assert_false(in(at, PAGE_SIZE, info.modules[i].start.raw, info.modules[i].size));
}

static void check_stretches(u64 limit)
{
	struct memory_stretch stretch;
	u64 at = 0;
	u32 last = UINT32_MAX;

	while (memory_stretch_at(&info, at, &stretch)) {
		assert_int_equal(stretch.start, at);
		assert_true(stretch.end > at && stretch.end <= limit);
		assert_int_not_equal(stretch.type, last);
		for (; at < stretch.end; at += PAGE_SIZE)
			assert_int_equal(stretch.type, page_type(at));
		last = stretch.type;
	}
	for (; at < limit; at += PAGE_SIZE)
		assert_int_equal(page_type(at), BOOT_MEMORY_HOLE);
}

static void test_random(void **state)
{
	const u64 limit = MIB(1);

	(void)state;
	for (u32 round = 0; round < 3000; round++) {
		clear();
		for (u64 i = random_below(20); i; i--) {
			u64 start = random_below(limit / PAGE_SIZE) * PAGE_SIZE;
			u64 pages = 1 + random_below((limit - start) / PAGE_SIZE);

			put(start, pages * PAGE_SIZE, 1 + (u32)random_below(2));
		}
		for (u64 i = random_below(3); i; i--)
			info.modules[info.module_count++] = (struct config_module){
				.start = HPA(random_below(limit)),
				.size = random_below(KIB(64)),
			};
		make(40);
		check_trampoline();
		check_stretches(limit);
	}
}

/* As many ranges and modules as there can be, with any numbers the loader's reader lets through. */
static void test_full(void **state)
{
	(void)state;
	for (u32 round = 0; round < 300; round++) {
		clear();
		while (info.memory_count < BOOT_MAX_MEMORY) {
			u64 start = random_below(BIT(44)) << random_below(20);
			u64 len = 1 + (random_below(BIT(44)) << random_below(20));

			if (start + (len - 1) >= start)
				put(start, len, (u32)random_below(6));
		}
		while (info.module_count < MODULES)
			info.modules[info.module_count++] = (struct config_module){
				.start = HPA(random_below(GIB(4))),
				.size = 1 + random_below(GIB(1)),
			};
		make((u8)(36 + random_below(17)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pc),         cmocka_unit_test(test_out_of_reach),
		cmocka_unit_test(test_trampoline), cmocka_unit_test(test_random),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests_name("memory_map", tests, NULL, NULL);
}
