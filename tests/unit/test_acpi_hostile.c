/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables: entries that firmware should not have made, too many of them, and AML.
 */
#include "tests/unit/acpi_fixture.h"
#include "tests/unit/mutate.h"

static void check_info(void)
{
	const struct acpi_madt *madt = &info.madt;

	assert_true(madt->cpu_count <= ACPI_MAX_CPUS);
	assert_true(madt->ioapic_count <= ACPI_MAX_IOAPICS);
	assert_true(madt->iso_count <= ACPI_MAX_ISOS);
	for (u32 i = 0; i < madt->cpu_count; i++) {
		for (u32 j = 0; j < i; j++)
			assert_int_not_equal(madt->cpus[i].apic_id, madt->cpus[j].apic_id);
	}
	for (u32 i = 0; i < madt->iso_count; i++) {
		for (u32 j = 0; j < i; j++)
			assert_int_not_equal(madt->isos[i].irq, madt->isos[j].irq);
	}
	assert_true(info.name_count <= ACPI_NAMES_MAX);
	for (u32 i = 0; i < info.name_count; i++)
		assert_int_equal(strnlen(info.names[i], 5), 4);
	assert_true(info.fadt.s5_typ_a <= 7 && info.fadt.s5_typ_b <= 7);
}

static void parse_sound_headers(void)
{
	assert_int_equal(parse(36), 0);
	check_info();
}

static void test_entry_lengths(void **state)
{
	(void)state;
	/* The entry after the first CPU ends the list: with length 0, 1, or past the end. */
	for (u32 len = 0; len < 3; len++) {
		make_tables(IMAGE_SIZE);
		image_put_u8(MADT_ADDR + 44 + 8 + 1, len == 2 ? 255 : (u8)len);
		fix_table(MADT_ADDR);
		parse_sound_headers();
		assert_int_equal(info.madt.cpu_count, 1);
		assert_int_equal(log_lines(), 1);
		assert_non_null(strstr(host_log, "byte 52"));
	}
	/* Entries that are shorter than their kind are skipped; one byte is left over. */
	make_tables(IMAGE_SIZE);
	madt_begin();
	for (u8 type = 0; type < 16; type++)
		madt_put(type, 7, "\1\1\1\1\1");
	madt_put(0, 2, "");
	madt_put_lapic(1, 1, 1);
	madt_end++;
	madt_finish();
	parse_sound_headers();
	assert_int_equal(info.madt.cpu_count, 1);
	assert_int_equal(info.madt.ioapic_count + info.madt.iso_count, 0);
	assert_int_equal(info.madt.lapic_addr, 0xfee00000);
	assert_int_equal(log_lines(), 1);
}

static void test_entries(void **state)
{
	u8 override[10] = { 0 };

	(void)state;
	make_tables(IMAGE_SIZE);
	madt_begin();
	madt_put_lapic(1, 1, 1);
	madt_put_x2apic(2, 1, 1); /* the same CPU again */
	madt_put_lapic(3, 0xff, 1);
	madt_put_x2apic(4, 0xffffffff, 1);
	madt_put_x2apic(5, 0xff, 1); /* in x2APIC mode this is an id like others */
	madt_put_ioapic(1, 0, 0);
	madt_put_ioapic(2, 0xfec00000, 0);
	madt_put_ioapic(3, 0xfec00000, 24);
	madt_put_iso(1, 5, 5, 0);
	madt_put_iso(0, 5, 20, 0);
	madt_put_iso(0, 5, 21, 0);
	override[7] = 1; /* bits 47:40 */
	madt_put(5, 12, override);
	madt_finish();
	parse_sound_headers();
	assert_string_equal(host_log, "");
	assert_int_equal(info.madt.cpu_count, 2);
	assert_int_equal(info.madt.cpus[0].uid, 1);
	assert_int_equal(info.madt.cpus[1].apic_id, 0xff);
	assert_int_equal(info.madt.ioapic_count, 1);
	assert_int_equal(info.madt.ioapics[0].id, 2);
	assert_int_equal(info.madt.iso_count, 1);
	assert_int_equal(info.madt.isos[0].gsi, 20);
	assert_int_equal(info.madt.lapic_addr, 0x10000000000);
}

static void test_many_entries(void **state)
{
	(void)state;
	make_tables(MIB(2));
	madt_begin();
	for (u32 i = 0; i < 100000; i++)
		madt_put_x2apic(i, i, 1);
	madt_finish();
	parse_sound_headers();
	assert_int_equal(info.madt.cpu_count, ACPI_MAX_CPUS);
	assert_int_equal(info.madt.cpus_dropped, 100000 - ACPI_MAX_CPUS);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "99744 CPUs"));

	make_tables(IMAGE_SIZE);
	madt_begin();
	for (u8 i = 0; i < 40; i++) {
		madt_put_ioapic(i, 0xfec00000 + 0x1000u * i, i * 24u);
		madt_put_iso(0, i, i, 0);
	}
	madt_finish();
	parse_sound_headers();
	assert_int_equal(info.madt.ioapic_count, ACPI_MAX_IOAPICS);
	assert_int_equal(info.madt.iso_count, ACPI_MAX_ISOS);
	assert_int_equal(log_lines(), 40 - ACPI_MAX_IOAPICS + 40 - ACPI_MAX_ISOS);
}

static void test_many_tables(void **state)
{
	const u64 xsdt = IMAGE_BASE + MIB(1);

	(void)state;
	make_tables(MIB(2));
	/* 100000 times the root table itself, and the others where nobody looks any more. */
	for (u32 i = 0; i < 100000; i++)
		image_put_u64(xsdt + 36 + 8 * i, i < 99999 ? xsdt : MADT_ADDR);
	image_put_u64(xsdt + 36 + 8 * 255, FADT_ADDR);
	put_header(xsdt, "XSDT", 36 + 8 * 100000);
	memcpy(rsdp + 24, &xsdt, 8);
	fix_rsdp();
	parse_sound_headers();
	assert_true(info.fadt.found && !info.madt.found);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "of 100000 tables only the first 256"));
}

static void test_large_table(void **state)
{
	(void)state;
	make_tables(MIB(5));
	put_header(MADT_ADDR, "APIC", MIB(4));
	parse_sound_headers();
	assert_true(info.madt.found);
	put_header(MADT_ADDR, "APIC", MIB(4) + 1);
	parse_sound_headers();
	assert_false(info.madt.found);
	assert_true(info.fadt.found);
	assert_int_equal(log_lines(), 1);
}

static void test_second_copy(void **state)
{
	(void)state;
	make_tables(IMAGE_SIZE);
	/* A broken table of the same name before the sound one. */
	put_header(OTHER_ADDR, "APIC", 56);
	image_put_u8(OTHER_ADDR + 50, 1);
	parse_sound_headers();
	assert_int_equal(info.madt.cpu_count, 2);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "APIC at 0x10800 has a wrong checksum"));
}

static void check_s5(const char *aml, size_t len, int typ_a, int typ_b)
{
	make_tables(IMAGE_SIZE);
	put_dsdt(aml, len);
	parse_sound_headers();
	assert_string_equal(host_log, "");
	assert_int_equal(info.fadt.s5_found, typ_a >= 0);
	if (typ_a >= 0) {
		assert_int_equal(info.fadt.s5_typ_a, typ_a);
		assert_int_equal(info.fadt.s5_typ_b, typ_b);
	}
}

#define check_aml(aml, typ_a, typ_b) check_s5(aml, sizeof(aml) - 1, typ_a, typ_b)

static void test_s5(void **state)
{
	(void)state;
	check_aml("\x08_S5_\x12\x06\x02\x0a\x05\x0a\x03", 5, 3);
	check_aml("\x08\\_S5_\x12\x06\x04\x00\x01\x00\x00", 0, 1);
	check_aml("\x08_S5_\x12\x09\x02\x0b\x07\x00\x0b\x02\x00\x00\x00", 7, 2);
	check_aml("\x08_S5_\x12\x0c\x02\x0c\x07\0\0\0\x0c\x01\0\0\0", 7, 1);
	/* The length of the package in two and in four bytes. */
	check_aml("\x08_S5_\x12\x45\x00\x02\x01\x01", 1, 1);
	check_aml("\x08_S5_\x12\xc7\x00\x00\x00\x02\x01\x00", 1, 0);
	/* What comes first is not a definition. */
	check_aml("\x08_S5X_S5_\x12\x04\x02\x01\x01\x08_S5_\x12\x04\x02\x00\x01", 0, 1);
	check_aml("_S5_\x08_S5_\x12\x04\x02\x00\x01", 0, 1);
}

static void test_s5_broken(void **state)
{
	static const char whole[] = "\x08_S5_\x12\x06\x02\x0a\x05\x0a\x03";

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		check_s5(whole, len, -1, -1);
	check_aml("\x08_S5_\x11\x06\x02\x0a\x05\x0a\x03", -1, -1); /* a buffer */
	check_aml("\x08_S5_\x12\x00\x02\x0a\x05\x0a\x03", -1, -1);
	check_aml("\x08_S5_\x12\x05\x02\x0a\x05\x0a\x03", -1, -1); /* ends inside */
	check_aml("\x08_S5_\x12\x3f\x02\x0a\x05\x0a\x03", -1, -1);
	check_aml("\x08_S5_\x12\xcf\xff\xff\xff\x02\x01\x01", -1, -1);
	check_aml("\x08_S5_\x12\xc0\x00\x00\x00\x02\x01\x01", -1, -1);
	check_aml("\x08_S5_\x12\x06\x01\x0a\x05\x0a\x03", -1, -1); /* one element */
	check_aml("\x08_S5_\x12\x06\x02\x0a\x08\x0a\x03", -1, -1); /* four bits */
	check_aml("\x08_S5_\x12\x08\x02\x0b\x05\x01\x0b\x03\x00", -1, -1);
	check_aml("\x08_S5_\x12\x04\x02\xff\x01", -1, -1);
	check_aml("\x08_S5_\x12\x06\x02"
		  "ABCD",
		  -1, -1); /* names */
	/* The name itself as the very last bytes. */
	check_aml("\x08_S5_", -1, -1);
	check_aml("", -1, -1);
}

/* All checksums right, so that the damage is seen; now and then as it came. */
static void fix_all(struct mutator *m)
{
	static const u64 tables[] = {
		RSDT_ADDR, XSDT_ADDR, FADT_ADDR, DSDT_ADDR, OTHER_ADDR, MADT_ADDR,
	};

	for (u32 i = 0; i < ARRAY_SIZE(tables); i++) {
		if (mutator_below(m, 16))
			fix_table(tables[i]);
	}
}

static void test_random(void **state)
{
	static const struct {
		u64 addr;
		u32 len;
	} targets[] = {
		{ RSDT_ADDR, 48 }, { XSDT_ADDR, 60 },  { FADT_ADDR, FADT_SIZE },
		{ DSDT_ADDR, 60 }, { MADT_ADDR, 130 }, { RSDT_ADDR, 0xa00 },
	};
	struct mutator m = { .state = 9 };
	u32 parsed = 0;

	(void)state;
	for (int i = 0; i < 150000; i++) {
		u32 target = (u32)mutator_below(&m, ARRAY_SIZE(targets));

		make_tables(IMAGE_SIZE);
		mutate_bytes(&m, image.data + (targets[target].addr - IMAGE_BASE),
			     targets[target].len);
		if (mutator_below(&m, 16) == 0)
			mutate_bytes(&m, rsdp, sizeof(rsdp));
		if (mutator_below(&m, 2))
			fix_rsdp();
		fix_all(&m);
		parsed += parse(36) == 0;
		check_info();
	}
	/* Or else the damage has only been to what protects against damage. */
	assert_true(parsed > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entry_lengths),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_many_entries),
		cmocka_unit_test(test_many_tables),
		cmocka_unit_test(test_large_table),
		cmocka_unit_test(test_second_copy),
		cmocka_unit_test(test_s5),
		cmocka_unit_test(test_s5_broken),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("acpi_hostile", tests, NULL, NULL);
}
