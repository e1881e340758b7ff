/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables: what is read from sound ones, and the root pointer and table headers.
 */
#include "tests/unit/acpi_fixture.h"
#include "tests/unit/mutate.h"

static void check_sound(void)
{
	const struct acpi_madt *madt = &info.madt;

	assert_string_equal(host_log, "");
	assert_true(madt->found && madt->pcat_compat);
	assert_int_equal(madt->lapic_addr, 0xfee00000);
	assert_int_equal(madt->cpu_count, 2);
	assert_int_equal(madt->cpus_dropped, 0);
	assert_int_equal(madt->cpus_disabled, 2);
	assert_int_equal(madt->cpus_repeated, 0);
	assert_int_equal(madt->cpus[0].apic_id, 0);
	assert_int_equal(madt->cpus[0].uid, 7);
	assert_int_equal(madt->cpus[1].apic_id, 300);
	assert_int_equal(madt->cpus[1].uid, 1000);
	assert_int_equal(madt->ioapic_count, 1);
	assert_int_equal(madt->ioapics[0].id, 5);
	assert_int_equal(madt->ioapics[0].addr, 0xfec00000);
	assert_int_equal(madt->iso_count, 2);
	assert_int_equal(madt->isos[0].irq, 0);
	assert_int_equal(madt->isos[0].gsi, 2);
	assert_int_equal(madt->isos[1].flags & ACPI_ISO_POLARITY, 1);
	assert_int_equal(madt->isos[1].flags & ACPI_ISO_TRIGGER, ACPI_ISO_TRIGGER_LEVEL);
	assert_string_equal(info.oem, "MAKER ");
	assert_int_equal(info.name_count, 3);
	assert_string_equal(info.names[0], "HPET");
	assert_string_equal(info.names[2], "APIC");
	assert_true(info.fadt.found && info.fadt.s5_found);
	assert_int_equal(info.fadt.sci, 9);
	assert_int_equal(info.fadt.smi_cmd, 0xb2);
	assert_int_equal(info.fadt.acpi_enable, 0xf1);
	assert_int_equal(info.fadt.boot_arch, 3);
	assert_int_equal(info.fadt.pm1a_cnt, 0x604);
	assert_true(info.fadt.pm_timer_32bit);
	assert_int_equal(info.fadt.s5_typ_a, 5);
	assert_int_equal(info.fadt.s5_typ_b, 6);
}

static void test_sound(void **state)
{
	(void)state;
	make_tables(IMAGE_SIZE);
	assert_int_equal(parse(36), 0);
	check_sound();
	assert_int_equal(info.fadt.pm1b_cnt, 0x704);
	assert_int_equal(info.fadt.pm_timer, 0x708);
	assert_true(info.fadt.reset_supported);
	assert_int_equal(info.fadt.reset_space, ACPI_SPACE_IO);
	assert_int_equal(info.fadt.reset_addr, 0xcf9);
	assert_int_equal(info.fadt.reset_value, 0xf);
}

static void test_version_1(void **state)
{
	(void)state;
	make_tables(IMAGE_SIZE);
	put_rsdp(0);
	put_fadt(116);
	/* Not looked at by then. */
	put_header(XSDT_ADDR, "NONE", 36);
	assert_int_equal(parse(20), 0);
	check_sound();
	assert_int_equal(info.fadt.pm1b_cnt, 0);
	assert_int_equal(info.fadt.pm_timer, 0x608);
	assert_false(info.fadt.reset_supported);
}

static void test_root_pointer(void **state)
{
	(void)state;
	make_tables(IMAGE_SIZE);
	for (u64 len = 0; len < 20; len++)
		assert_int_equal(parse(len), E_INVAL);
	for (u32 i = 0; i < 36; i++) {
		put_rsdp(2);
		rsdp[i] ^= 0x40;
		/* With a wrong length, bytes 20 to 23, it still has its version 1 part. */
		if (parse(36) != (i / 4 == 5 ? 0 : E_INVAL))
			fail_msg("byte %u of the RSDP does not matter", i);
		assert_int_equal(info.madt.found, i / 4 == 5);
	}
	/* One of version 2 of which only the first part is there. */
	put_rsdp(2);
	assert_int_equal(parse(20), 0);
	assert_true(info.madt.found);
	put_rsdp(0);
	rsdp[35] ^= 1;
	assert_int_equal(parse(36), 0);
}

static void test_root_tables(void **state)
{
	(void)state;
	make_tables(IMAGE_SIZE);
	image_put_u8(XSDT_ADDR + 9, 0x77);
	assert_int_equal(parse(36), 0);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "XSDT at 0x10200 has a wrong checksum"));
	assert_true(info.madt.found && info.fadt.found);
	image_put(RSDT_ADDR, "RSDX", 4);
	assert_int_equal(parse(36), E_NOENT);
	assert_false(info.madt.found || info.fadt.found);

	make_tables(IMAGE_SIZE);
	memset(rsdp + 24, 0xff, 8);
	fix_rsdp();
	assert_int_equal(parse(36), 0);
	assert_true(info.madt.found);
	memset(rsdp + 16, 0, 4);
	fix_rsdp();
	assert_int_equal(parse(36), E_NOENT);
	/* A length that is no whole number of entries, and one without any. */
	make_tables(IMAGE_SIZE);
	put_header(XSDT_ADDR, "XSDT", 36 + 23);
	assert_int_equal(parse(36), 0);
	assert_true(info.fadt.found && !info.madt.found);
	put_header(XSDT_ADDR, "XSDT", 36);
	assert_int_equal(parse(36), 0);
	assert_false(info.fadt.found || info.madt.found);
}

/* The table's length is impossible, and the other one still counts. */
static void check_length(u64 addr, const char *signature, u32 len)
{
	make_tables(IMAGE_SIZE);
	put_header(addr, signature, len);
	assert_int_equal(parse(36), 0);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, signature));
	assert_int_equal(info.madt.found, addr != MADT_ADDR);
	assert_int_equal(info.fadt.found, addr != FADT_ADDR);
	assert_int_equal(info.fadt.s5_found, addr == MADT_ADDR);
}

static void test_lengths(void **state)
{
	static const u32 lengths[] = {
		0, 1, 35, IMAGE_SIZE, 0x400001, 0x7fffffff, 0xffffffff,
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
		check_length(MADT_ADDR, "APIC", lengths[i]);
		check_length(FADT_ADDR, "FACP", lengths[i]);
	}
	/* Long enough for a header, but not for what every MADT has. */
	check_length(MADT_ADDR, "APIC", 36);
	check_length(MADT_ADDR, "APIC", 43);
	for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
		make_tables(IMAGE_SIZE);
		put_header(DSDT_ADDR, "DSDT", lengths[i]);
		assert_int_equal(parse(36), 0);
		assert_int_equal(log_lines(), 1);
		assert_true(info.fadt.found && !info.fadt.s5_found);
	}
}

/* A FADT that ends early has all that lies before its end, and nothing else. */
static void test_short_fadt(void **state)
{
	(void)state;
	for (u32 len = 36; len < FADT_SIZE; len++) {
		make_tables(IMAGE_SIZE);
		put_header(FADT_ADDR, "FACP", len);
		assert_int_equal(parse(36), 0);
		assert_int_equal(info.fadt.sci, len >= 48 ? 9 : 0);
		assert_int_equal(info.fadt.pm1a_cnt, len >= 68 ? 0x604 : 0);
		assert_int_equal(info.fadt.s5_found, len >= 44);
		assert_int_equal(info.fadt.pm_timer, len < 92 ? 0 : len < 220 ? 0x608 : 0x708);
		assert_int_equal(info.fadt.reset_supported, len >= 129);
	}
}

static void test_registers(void **state)
{
	(void)state;
	make_tables(IMAGE_SIZE);
	/* Not a port, or not in I/O space. */
	image_put_u32(FADT_ADDR + 64, 0x10000);
	image_put_u32(FADT_ADDR + 48, 0x10000);
	put_gas(FADT_ADDR + 208, ACPI_SPACE_MEMORY, 0x708);
	put_gas(FADT_ADDR + 184, ACPI_SPACE_IO, 0x1000000000704);
	put_gas(FADT_ADDR + 116, ACPI_SPACE_IO, 0x10cf9);
	fix_table(FADT_ADDR);
	assert_int_equal(parse(36), 0);
	assert_int_equal(info.fadt.pm1a_cnt, 0);
	assert_int_equal(info.fadt.smi_cmd, 0);
	assert_int_equal(info.fadt.pm_timer, 0x608);
	assert_int_equal(info.fadt.pm1b_cnt, 0);
	assert_false(info.fadt.reset_supported);
	put_gas(FADT_ADDR + 116, ACPI_SPACE_MEMORY, 0xfed00000);
	image_put_u8(FADT_ADDR + 91, 0);
	fix_table(FADT_ADDR);
	assert_int_equal(parse(36), 0);
	assert_int_equal(info.fadt.pm_timer, 0);
	assert_true(info.fadt.reset_supported);
	assert_int_equal(info.fadt.reset_space, ACPI_SPACE_MEMORY);
	image_put_u32(FADT_ADDR + 112, 0x100);
	fix_table(FADT_ADDR);
	assert_int_equal(parse(36), 0);
	assert_false(info.fadt.reset_supported);
}

/* Real-mode memory: the image is the first MiB. */
static u8 *low;

static const void *map_low(hpa_t addr, u64 len)
{
	return addr.raw > MIB(1) || len > MIB(1) - addr.raw ? NULL : low + addr.raw;
}

static void test_find(void **state)
{
	u8 found[ACPI_RSDP_SIZE];

	(void)state;
	low = calloc(1, MIB(1));
	assert_int_equal(acpi_find_rsdp(found, map_low), 0);
	put_rsdp(0);
	memcpy(low + 0xfffe0, rsdp, 20);
	assert_int_equal(acpi_find_rsdp(found, map_low), 20);
	assert_memory_equal(found, rsdp, 20);
	/* Not on a boundary, or with a wrong checksum: the search goes on. */
	put_rsdp(2);
	memcpy(low + 0xe0008, rsdp, 36);
	memcpy(low + 0xe0100, rsdp, 36);
	low[0xe0100 + 33] ^= 1;
	assert_int_equal(acpi_find_rsdp(found, map_low), 20);
	low[0xe0100 + 33] ^= 1;
	assert_int_equal(acpi_find_rsdp(found, map_low), 36);
	assert_memory_equal(found, rsdp, 36);
	/* In the EBDA; and with an EBDA that reaches beyond all that is there. */
	memcpy(low + 0x9fc10, rsdp, 36);
	low[0x9fc10 + 16] ^= 1; /* another RSDT */
	fix_checksum(low + 0x9fc10, 20, 8);
	fix_checksum(low + 0x9fc10, 36, 32);
	low[0x40e] = 0xc0;
	low[0x40f] = 0x9f;
	assert_int_equal(acpi_find_rsdp(found, map_low), 36);
	assert_memory_equal(found, low + 0x9fc10, 36);
	low[0x40e] = 0xff;
	low[0x40f] = 0xff;
	assert_int_equal(acpi_find_rsdp(found, map_low), 36);
	assert_memory_equal(found, rsdp, 36);
	free(low);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),        cmocka_unit_test(test_version_1),
		cmocka_unit_test(test_root_pointer), cmocka_unit_test(test_root_tables),
		cmocka_unit_test(test_lengths),      cmocka_unit_test(test_short_fadt),
		cmocka_unit_test(test_registers),    cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests_name("acpi_parse", tests, NULL, NULL);
}
