/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables of large machines: hundreds of CPUs, and the ones that say where a serial port and
 * an HPET are.
 */
#include "tests/unit/acpi_fixture.h"
#include "tests/unit/mutate.h"

/* 300 enabled CPUs behind 600 that could be plugged in or not, every one twice. */
static void test_hundreds_of_cpus(void **state)
{
	(void)state;
	make_tables(MIB(1));
	madt_begin();
	for (u32 i = 0; i < 600; i++)
		madt_put_x2apic(i, 1000 + i, i % 2 ? 2 : 0);
	for (u32 i = 0; i < 300; i++) {
		madt_put_x2apic(i, 2 * i, 1);
		if (2 * i < 255)
			madt_put_lapic((u8)i, (u8)(2 * i), 1);
		/* Another entry of the same id that is not enabled changes nothing. */
		madt_put_x2apic(i, 2 * i, 0);
	}
	madt_finish();
	assert_int_equal(parse(36), 0);
	assert_int_equal(info.madt.cpu_count, ACPI_MAX_CPUS);
	for (u32 i = 0; i < ACPI_MAX_CPUS; i++)
		assert_int_equal(info.madt.cpus[i].apic_id, 2 * i);
	assert_int_equal(info.madt.cpus_dropped, 300 - ACPI_MAX_CPUS);
	assert_int_equal(info.madt.cpus_disabled, 900);
	assert_int_equal(info.madt.cpus_repeated, 128);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(host_log, "44 CPUs are left out: 256 are the limit"));
}

/* An id that was disabled before it is enabled: processors moved by firmware. */
static void test_enabled_later(void **state)
{
	(void)state;
	make_tables(IMAGE_SIZE);
	madt_begin();
	madt_put_lapic(1, 7, 0);
	madt_put_lapic(1, 7, 1);
	madt_finish();
	assert_int_equal(parse(36), 0);
	assert_int_equal(info.madt.cpu_count, 1);
	assert_int_equal(info.madt.cpus[0].apic_id, 7);
}

static struct acpi_spcr spcr;

static void put_spcr(u64 port, u8 interface, u8 speed)
{
	make_tables(IMAGE_SIZE);
	memset(image.data + (OTHER_ADDR - IMAGE_BASE), 0, 80);
	image_put_u8(OTHER_ADDR + 36, interface);
	put_gas(OTHER_ADDR + 40, ACPI_SPACE_IO, port);
	image_put_u8(OTHER_ADDR + 41, 8);
	image_put_u8(OTHER_ADDR + 52, 3);
	image_put_u8(OTHER_ADDR + 53, 4);
	image_put_u32(OTHER_ADDR + 54, 20);
	image_put_u8(OTHER_ADDR + 58, speed);
	put_header(OTHER_ADDR, "SPCR", 80);
}

static void find_spcr(void)
{
	fix_table(OTHER_ADDR);
	image_protect();
	host_log_clear();
	memset(&spcr, 0xa5, sizeof(spcr));
	acpi_find_spcr(&spcr, rsdp, sizeof(rsdp), image_map);
	ASAN_UNPOISON_MEMORY_REGION(image.data, image.size);
}

static void test_spcr(void **state)
{
	static const struct {
		u8 code;
		u32 baud;
	} speeds[] = { { 0, 0 }, { 3, 9600 }, { 4, 19200 }, { 6, 57600 }, { 7, 115200 } };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(speeds); i++) {
		put_spcr(0x2f8, 0, speeds[i].code);
		find_spcr();
		assert_string_equal(host_log, "");
		assert_int_equal(spcr.port, 0x2f8);
		assert_int_equal(spcr.baud, speeds[i].baud);
		assert_true(spcr.has_gsi && spcr.has_irq);
		assert_int_equal(spcr.gsi, 20);
		assert_int_equal(spcr.irq, 4);
	}
	put_spcr(0xfff8, 1, 7);
	image_put_u8(OTHER_ADDR + 52, 1);
	find_spcr();
	assert_int_equal(spcr.port, 0xfff8);
	assert_true(spcr.has_irq && !spcr.has_gsi);
}

/* No port, and one line that has the words. */
static void check_ignored(const char *words)
{
	find_spcr();
	assert_int_equal(spcr.port, 0);
	assert_int_equal(log_lines(), 1);
	if (!strstr(host_log, words))
		fail_msg("\"%s\" is not in: %s", words, host_log);
}

static void test_spcr_bad(void **state)
{
	(void)state;
	put_spcr(0x3f8, 3, 7); /* a PL011 */
	check_ignored("not a 16550");
	put_spcr(0, 0, 7);
	check_ignored("redirection is off");
	put_spcr(0xfff9, 0, 7);
	check_ignored("makes no sense");
	put_spcr(0x10000000003f8, 0, 7);
	check_ignored("makes no sense");
	put_spcr(0xfe000000, 0, 7);
	image_put_u8(OTHER_ADDR + 40, ACPI_SPACE_MEMORY);
	check_ignored("not in I/O space");
	put_spcr(0x3f8, 0, 7);
	image_put_u8(OTHER_ADDR + 41, 32);
	check_ignored("makes no sense");
	for (u32 speed = 0; speed < 256; speed++) {
		if (speed == 0 || speed == 3 || speed == 4 || speed == 6 || speed == 7)
			continue;
		put_spcr(0x3f8, 0, (u8)speed);
		check_ignored("speed");
	}
	for (u32 len = 36; len < 80; len++) {
		put_spcr(0x3f8, 0, 7);
		put_header(OTHER_ADDR, "SPCR", len);
		check_ignored("too short");
	}
	put_spcr(0x3f8, 0, 7);
	image_put_u8(OTHER_ADDR + 60, 1);
	image_protect();
	host_log_clear();
	acpi_find_spcr(&spcr, rsdp, sizeof(rsdp), image_map);
	assert_int_equal(spcr.port, 0);
	assert_non_null(strstr(host_log, "SPCR at 0x10800 has a wrong checksum"));
}

static void test_spcr_none(void **state)
{
	(void)state;
	make_tables(IMAGE_SIZE);
	find_spcr();
	assert_int_equal(spcr.port, 0);
	assert_string_equal(host_log, "");
	rsdp[0] = 'X';
	find_spcr();
	assert_int_equal(spcr.port, 0);
}

/* Any byte may be anything: what comes out is a port that can be used, or none. */
static void test_spcr_mutated(void **state)
{
	u64 seed = 1;

	(void)state;
	for (u32 i = 0; i < 20000; i++) {
		put_spcr(0x3f8, 0, 7);
		for (u32 n = 0; n < 3; n++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			image_put_u8(OTHER_ADDR + 4 + (seed >> 33) % 76, (u8)(seed >> 56));
		}
		find_spcr();
		assert_true(spcr.port <= 0xfff8);
		assert_true(!spcr.baud || 115200 % spcr.baud == 0);
	}
}

static void test_hpet(void **state)
{
	(void)state;
	make_tables(IMAGE_SIZE);
	put_gas(OTHER_ADDR + 40, ACPI_SPACE_MEMORY, 0xfed00000);
	fix_table(OTHER_ADDR);
	assert_int_equal(parse(36), 0);
	assert_int_equal(info.hpet_addr, 0xfed00000);
	image_put_u8(OTHER_ADDR + 40, ACPI_SPACE_IO);
	fix_table(OTHER_ADDR);
	assert_int_equal(parse(36), 0);
	assert_int_equal(info.hpet_addr, 0);
	assert_int_equal(log_lines(), 1);
	put_header(OTHER_ADDR, "HPET", 55);
	assert_int_equal(parse(36), 0);
	assert_int_equal(info.hpet_addr, 0);
}

/* Signatures that cannot be printed, and more tables than names are kept of. */
static void test_names(void **state)
{
	const u64 xsdt = IMAGE_BASE + 0x2000;

	(void)state;
	make_tables(IMAGE_SIZE);
	for (u32 i = 0; i < 100; i++)
		image_put_u64(xsdt + 36 + 8 * i, i % 3 ? OTHER_ADDR : 0);
	put_header(xsdt, "XSDT", 36 + 8 * 100);
	memcpy(rsdp + 24, &xsdt, 8);
	fix_rsdp();
	put_header(OTHER_ADDR, "A\x1b[\xff", 36);
	assert_int_equal(parse(36), 0);
	assert_int_equal(info.name_count, ACPI_NAMES_MAX);
	for (u32 i = 0; i < ACPI_NAMES_MAX; i++)
		assert_string_equal(info.names[i], "A?[?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hundreds_of_cpus),
		cmocka_unit_test(test_enabled_later),
		cmocka_unit_test(test_spcr),
		cmocka_unit_test(test_spcr_bad),
		cmocka_unit_test(test_spcr_none),
		cmocka_unit_test(test_spcr_mutated),
		cmocka_unit_test(test_hpet),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("acpi_machine", tests, NULL, NULL);
}
