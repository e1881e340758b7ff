/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's ACPI tables: found and checked the way an operating system does, and, where
 * iasl is installed, disassembled by it without complaint.
 */
#define _GNU_SOURCE
#include "acpi_tables_fixture.h"
#include "lib/err.h"

#define BASE 0xe0000u
#define SIZE 0x4000u

static u8 *tables;
static const u8 ids[] = { 0, 2, 5, 0xfe };

static int setup(void **state)
{
	int used;

	(void)state;
	tables = malloc(SIZE);
	memset(tables, 0xa5, SIZE);
	used = acpi_tables_build(tables, SIZE, GPA(BASE), ids, sizeof(ids));
	assert_in_range(used, 256, 2048);
	for (u32 i = (u32)used; i < SIZE; i++)
		assert_int_equal(tables[i], 0xa5);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(tables);
	return 0;
}

/* The table at a guest address, sound and with this signature. */
static u8 *table_at(u64 gpa, const char *signature)
{
	u8 *table = tables + (gpa - BASE);

	assert_in_range(gpa, BASE, BASE + SIZE - HEADER);
	assert_int_equal(gpa % 16, 0);
	assert_memory_equal(table, signature, 4);
	if (strcmp(signature, "FACS") != 0)
		assert_int_equal(sum(table, get(table + 4, 4)), 0);
	return table;
}

static u8 *fadt(void)
{
	return table_at(get(table_at(get(tables + 16, 4), "RSDT") + HEADER, 4), "FACP");
}

static u8 *madt(void)
{
	return table_at(get(table_at(get(tables + 16, 4), "RSDT") + HEADER + 4, 4), "APIC");
}

static u8 *dsdt(void)
{
	return table_at(get(fadt() + 40, 4), "DSDT");
}

static void test_roots(void **state)
{
	u8 *rsdt, *xsdt;

	(void)state;
	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_int_equal(tables[15], 2);
	assert_int_equal(get(tables + 20, 4), 36);
	assert_int_equal(sum(tables, 20), 0);
	assert_int_equal(sum(tables, 36), 0);
	rsdt = table_at(get(tables + 16, 4), "RSDT");
	xsdt = table_at(get(tables + 24, 8), "XSDT");
	assert_int_equal(get(rsdt + 4, 4), HEADER + 2 * 4);
	assert_int_equal(get(xsdt + 4, 4), HEADER + 2 * 8);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(get(rsdt + HEADER + 4 * i, 4), get(xsdt + HEADER + 8 * i, 8));
}

static void test_fadt(void **state)
{
	const u8 *t = fadt(), *facs = table_at(get(t + 36, 4), "FACS");

	(void)state;
	assert_int_equal(get(t + 4, 4), 244);
	assert_int_equal(get(facs + 4, 4), 64);
	assert_int_equal((facs - tables) % 64, 0);
	assert_int_equal(get(t + 140, 8), get(t + 40, 4)); /* X_DSDT */
	assert_int_equal(get(t + 132, 8), 0); /* X_FIRMWARE_CTRL: only one of the two */
	assert_int_equal(get(t + 46, 2), 9);
	assert_int_equal(get(t + 48, 4), 0); /* no SMI command: always in ACPI mode */
	assert_int_equal(get(t + 56, 4), 0x600);
	assert_int_equal(get(t + 64, 4), 0x604);
	assert_int_equal(get(t + 76, 4), 0x608);
	assert_int_equal(t[88], 4);
	assert_int_equal(t[89], 2);
	assert_int_equal(t[91], 4);
	assert_int_equal(get(t + 148, 4), 0x02002001);
	assert_int_equal(get(t + 152, 8), 0x600);
	assert_int_equal(get(t + 172, 4), 0x02001001);
	assert_int_equal(get(t + 176, 8), 0x604);
	assert_int_equal(get(t + 208, 4), 0x03002001);
	assert_int_equal(get(t + 212, 8), 0x608);
	assert_int_equal(t[108], 0x32); /* century */
	assert_int_equal(get(t + 109, 2), 0x0005); /* legacy devices, no 8042, no VGA */
	assert_int_equal(get(t + 112, 4) & 0x500, 0x500); /* 32-bit timer, reset register */
	assert_int_equal(get(t + 116, 4), 0x01000801);
	assert_int_equal(get(t + 120, 8), 0xcf9);
	assert_int_equal(t[128], 6);
}

static void test_madt(void **state)
{
	const u8 *t = madt(), *at = t + 44, *end = t + get(t + 4, 4);

	(void)state;
	assert_int_equal(get(t + 36, 4), 0xfee00000);
	assert_int_equal(get(t + 40, 4), 1);
	for (unsigned int i = 0; i < sizeof(ids); i++, at += 8) {
		assert_int_equal(get(at, 2), 0x0800);
		assert_int_equal(at[2], i);
		assert_int_equal(at[3], ids[i]);
		assert_int_equal(get(at + 4, 4), 1);
	}
	/* I/O APIC 1 at FEC00000, from 0; IRQ 0 is input 2; IRQ 9 is level-triggered, high. */
	assert_memory_equal(at, "\x01\x0c\x01\x00\x00\x00\xc0\xfe\x00\x00\x00\x00", 12);
	assert_memory_equal(at + 12, "\x02\x0a\x00\x00\x02\x00\x00\x00\x00\x00", 10);
	assert_memory_equal(at + 22, "\x02\x0a\x00\x09\x09\x00\x00\x00\x0d\x00", 10);
	assert_memory_equal(at + 32, "\x04\x06\xff\x00\x00\x01", 6);
	assert_ptr_equal(at + 38, end);
}

static void test_ioapic_id(void **state)
{
	u8 many[255];

	(void)state;
	for (unsigned int i = 0; i < sizeof(many); i++)
		many[i] = (u8)i;
	assert_int_equal(acpi_ioapic_id(many, 1), 1);
	assert_int_equal(acpi_ioapic_id(many, 2), 2);
	assert_int_equal(acpi_ioapic_id(many, 15), 15);
	assert_int_equal(acpi_ioapic_id(many, 16), 0);
	assert_int_equal(acpi_ioapic_id(many, 255), 0);
	assert_int_equal(acpi_ioapic_id(many + 240, 15), 1);
	assert_int_equal(acpi_ioapic_id(ids, sizeof(ids)), 1);
}

static void test_dsdt(void **state)
{
	static const u8 s5[] = { 0x08, '_',  'S',  '5',  '_',  0x12, 0x8a, 0x00,
				 0x00, 0x04, 0x0a, 0x05, 0x0a, 0x05, 0x00, 0x00 };
	static const u8 cpu3[] = { 0x5b, 0x82, 0x8d, 0x01, 0x00, 'C', '0', '0',  '3', 0x08, '_',
				   'H',  'I',  'D',  0x0d, 'A',  'C', 'P', 'I',  '0', '0',  '0',
				   '7',  0x00, 0x08, '_',  'U',  'I', 'D', 0x0a, 0x03 };
	static const u8 pnp0501[] = { 0x0c, 0x41, 0xd0, 0x05, 0x01 };
	static const u8 com1[] = { 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01,
				   0x08, 0x22, 0x10, 0x00, 0x79, 0x00 };
	const u8 *t = dsdt();
	u64 len = get(t + 4, 4);

	(void)state;
	assert_non_null(memmem(t + HEADER, len - HEADER, s5, sizeof(s5)));
	assert_non_null(memmem(t + HEADER, len - HEADER, pnp0501, sizeof(pnp0501)));
	assert_non_null(memmem(t + HEADER, len - HEADER, com1, sizeof(com1)));
	assert_non_null(memmem(t + HEADER, len - HEADER, cpu3, sizeof(cpu3)));
	assert_null(memmem(t + HEADER, len - HEADER, "C004", 4));
}

static void test_refusals(void **state)
{
	u8 many[256];
	int used;

	(void)state;
	for (unsigned int i = 0; i < sizeof(many); i++)
		many[i] = (u8)i;
	assert_int_equal(acpi_tables_build(tables, SIZE, GPA(BASE), many, 0), E_INVAL);
	assert_int_equal(acpi_tables_build(tables, SIZE, GPA(BASE), many, 256), E_INVAL);
	assert_int_equal(acpi_tables_build(tables, SIZE, GPA(BASE + 16), many, 1), E_INVAL);
	assert_int_equal(acpi_tables_build(tables, SIZE, GPA(GIB(4)), many, 1), E_RANGE);
	assert_int_equal(acpi_tables_build(tables, SIZE, GPA(GIB(4) - 64), many, 1), E_RANGE);
	assert_int_equal(acpi_tables_build(tables, SIZE, GPA(~63ull), many, 1), E_RANGE);
	used = acpi_tables_build(tables, SIZE, GPA(GIB(4) - SIZE), many, 255);
	assert_in_range(used, 2048, SIZE);
	/* Whatever the size, nothing is written beyond it: the sanitizer watches. */
	for (u32 size = 0; size < (u32)used + 2; size++) {
		u8 *small = malloc(size ? size : 1);
		int expected = size < (u32)used ? E_NOMEM : used;

		assert_int_equal(acpi_tables_build(small, size, GPA(BASE), many, 255), expected);
		free(small);
	}
}

static void run_iasl_on_all(const char *dir)
{
	run_iasl_on_rsdp(dir, tables);
	run_iasl(dir, "rsdt", table_at(get(tables + 16, 4), "RSDT"));
	run_iasl(dir, "xsdt", table_at(get(tables + 24, 8), "XSDT"));
	run_iasl(dir, "facp", fadt());
	run_iasl(dir, "facs", table_at(get(fadt() + 36, 4), "FACS"));
	run_iasl(dir, "apic", madt());
	run_iasl(dir, "dsdt", dsdt());
}

/* Of a few CPUs, and of as many as there can be. */
static void test_iasl(void **state)
{
	const char *dir = iasl_begin();
	u8 many[ACPI_MAX_CPUS];

	(void)state;
	run_iasl_on_all(dir);
	for (unsigned int i = 0; i < sizeof(many); i++)
		many[i] = (u8)i;
	assert_true(acpi_tables_build(tables, SIZE, GPA(BASE), many, sizeof(many)) > 0);
	run_iasl_on_all(dir);
	iasl_end(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_roots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fadt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_madt, setup, teardown),
		cmocka_unit_test(test_ioapic_id),
		cmocka_unit_test_setup_teardown(test_dsdt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iasl, setup, teardown),
	};

	return cmocka_run_group_tests_name("acpi_tables", tests, NULL, NULL);
}
