/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's MultiProcessor tables, read the way an operating system without ACPI does.
 */
#include "dev_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "dev/mp_tables.h"
#include "lib/err.h"

#define BASE 0xf0000u
#define SIZE 0x4000u

static u8 tables[SIZE];
static const u8 ids[] = { 0, 2, 5, 0xf0 };
static const struct mp_machine machine = {
	.apic_ids = ids,
	.cpus = sizeof(ids),
	.ioapic_id = 3,
	.signature = 0x50654,
	.features = 0x0f8bfbff,
};

static u64 get(const u8 *at, unsigned int bytes)
{
	u64 value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static u8 sum(const u8 *bytes, u64 len)
{
	u8 total = 0;

	while (len--)
		total = (u8)(total + *bytes++);
	return total;
}

static int setup(void **state)
{
	int used;

	(void)state;
	memset(tables, 0xa5, SIZE);
	used = mp_tables_build(tables, SIZE, GPA(BASE), &machine);
	assert_int_equal(used, 16 + 44 + 4 * 20 + 8 + 8 + 15 * 8 + 2 * 8);
	for (u32 i = (u32)used; i < SIZE; i++)
		assert_int_equal(tables[i], 0xa5);
	return 0;
}

static void test_headers(void **state)
{
	const u8 *config = tables + 16;

	(void)state;
	assert_memory_equal(tables, "_MP_\x10\x00\x0f\x00\x01\x04", 10);
	assert_int_equal(sum(tables, 16), 0);
	assert_int_equal(get(tables + 11, 5), 0); /* a table; no IMCR */
	assert_memory_equal(config, "PCMP", 4);
	assert_int_equal(config[6], 4);
	assert_int_equal(sum(config, get(config + 4, 2)), 0);
	assert_memory_equal(config + 8, "SILL    VM          ", 20);
	assert_int_equal(get(config + 28, 4), 0);
	assert_int_equal(get(config + 34, 2), 4 + 1 + 1 + 15 + 2);
	assert_int_equal(get(config + 36, 4), 0xfee00000);
	assert_int_equal(get(config + 40, 4), 0);
}

static void test_entries(void **state)
{
	const u8 *at = tables + 16 + 44;

	(void)state;
	for (unsigned int i = 0; i < sizeof(ids); i++, at += 20) {
		assert_int_equal(at[0], 0);
		assert_int_equal(at[1], ids[i]);
		assert_int_equal(at[2], 0x14);
		assert_int_equal(at[3], i ? 1 : 3);
		assert_int_equal(get(at + 4, 4), 0x50654);
		assert_int_equal(get(at + 8, 4), 0x0f8bfbff);
		assert_int_equal(get(at + 12, 8), 0);
	}
	assert_memory_equal(at, "\1\0ISA   ", 8);
	assert_memory_equal(at + 8, "\2\3\x20\1\0\0\xc0\xfe", 8);
	assert_memory_equal(at + 16, "\3\0\0\0\0\0\3\2", 8); /* IRQ 0 at 2 */
	at += 24;
	for (u8 irq = 1; irq < 16; irq++) {
		const u8 entry[] = { 3, 0, 0, 0, 0, irq, 3, irq };

		if (irq == 2)
			continue;
		assert_memory_equal(at, entry, 8);
		at += 8;
	}
	assert_memory_equal(at, "\4\3\0\0\0\0\0\0", 8); /* ExtINT at the boot CPU's LINT0 */
	assert_memory_equal(at + 8, "\4\1\0\0\0\0\xff\1", 8); /* NMI at all LINT1s */
}

static void test_refusals(void **state)
{
	struct mp_machine many = machine;
	u8 many_ids[MP_MAX_CPUS] = { 0 };
	int used;

	(void)state;
	many.apic_ids = many_ids;
	many.cpus = 0;
	assert_int_equal(mp_tables_build(tables, SIZE, GPA(BASE), &many), E_INVAL);
	many.cpus = MP_MAX_CPUS + 1;
	assert_int_equal(mp_tables_build(tables, SIZE, GPA(BASE), &many), E_INVAL);
	assert_int_equal(mp_tables_build(tables, SIZE, GPA(BASE + 8), &machine), E_INVAL);
	assert_int_equal(mp_tables_build(tables, SIZE, GPA(GIB(4)), &machine), E_RANGE);
	many.cpus = MP_MAX_CPUS;
	used = mp_tables_build(tables, SIZE, GPA(GIB(4) - SIZE), &many);
	assert_in_range(used, 4096, SIZE);
	/* Whatever the size, nothing is written beyond it: the sanitizer watches. */
	for (u32 size = 0; size < (u32)used + 2; size++) {
		u8 *small = malloc(size ? size : 1);
		int expected = size < (u32)used ? E_NOMEM : used;

		assert_int_equal(mp_tables_build(small, size, GPA(BASE), &many), expected);
		free(small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_headers, setup),
		cmocka_unit_test_setup(test_entries, setup),
		cmocka_unit_test_setup(test_refusals, setup),
	};

	return cmocka_run_group_tests_name("mp_tables", tests, NULL, NULL);
}
