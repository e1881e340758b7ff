/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI files of the firmware configuration device, as firmware uses them: it allocates what the
 * script says, at addresses of its own, has pointers and checksums put in, and has the tables that
 * Sill puts into memory itself.
 */
#define _GNU_SOURCE
#include "acpi_tables_fixture.h"
#include "lib/err.h"

#define MEMORY 0x10000u
#define COMMAND 128u

static struct acpi_files *files;
static u8 memory[MEMORY]; /* of which byte 0 is at base */
static u64 base;
static u64 rsdp_gpa, tables_gpa; /* 0: not allocated yet */

static const u8 ids[] = { 0, 1, 2, 3, 4, 5, 9 };

static int setup(void **state)
{
	(void)state;
	files = malloc(sizeof(*files));
	memset(files, 0xa5, sizeof(*files));
	assert_int_equal(acpi_files_build(files, ids, sizeof(ids)), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(files);
	return 0;
}

static u8 *at(u64 gpa)
{
	assert_in_range(gpa, base, base + MEMORY - 1);
	return memory + (gpa - base);
}

static struct bytes file_called(const u8 *name, u64 **gpa)
{
	assert_non_null(memchr(name, '\0', 56));
	if (strcmp((const char *)name, "etc/acpi/rsdp") == 0) {
		*gpa = &rsdp_gpa;
		return files->rsdp;
	}
	assert_string_equal((const char *)name, "etc/acpi/tables");
	*gpa = &tables_gpa;
	return files->tables;
}

/* Where a file with this much at an offset is now. */
static u64 placed(const u8 *name, u64 offset, u64 len)
{
	u64 *gpa;
	struct bytes file = file_called(name, &gpa);

	assert_true(*gpa);
	assert_true(bytes_has(file, offset, len));
	return *gpa + offset;
}

static void allocate(const u8 *command, u64 rsdp, u64 tables)
{
	u64 *gpa, align = get(command + 60, 4);
	struct bytes file = file_called(command + 4, &gpa);
	bool is_rsdp = gpa == &rsdp_gpa;

	assert_int_equal(*gpa, 0);
	/* Anywhere in memory, and in the BIOS area. */
	assert_int_equal(command[64], is_rsdp ? 2 : 1);
	assert_int_equal(align, is_rsdp ? 16 : 64);
	*gpa = is_rsdp ? rsdp : tables;
	assert_true(is_aligned(*gpa, align));
	memcpy(at(*gpa), file.data, file.len);
}

static void add_pointer(const u8 *command)
{
	u32 size = command[120];
	u8 *field = at(placed(command + 4, get(command + 116, 4), size));
	u64 value;

	assert_true(size == 4 || size == 8);
	value = placed(command + 60, get(field, size), HEADER);
	assert_true(size == 8 || value < GIB(4));
	memcpy(field, &value, size);
}

static void add_checksum(const u8 *command)
{
	u64 len = get(command + 68, 4);
	u8 *field = at(placed(command + 4, get(command + 60, 4), 1));
	const u8 *from = at(placed(command + 4, get(command + 64, 4), len));

	/* Some firmware adds to it, some replaces it. */
	assert_int_equal(*field, 0);
	assert_true(field >= from && field < from + len);
	*field = (u8)-sum(from, len);
}

/* Run the script; the files' memory is to be at these addresses, of MEMORY bytes from start on. */
static void run_script(u64 start, u64 rsdp, u64 tables)
{
	base = start;
	rsdp_gpa = tables_gpa = 0;
	memset(memory, 0x5a, sizeof(memory));
	assert_int_equal(files->loader.len % COMMAND, 0);
	for (u64 i = 0; i < files->loader.len; i += COMMAND) {
		const u8 *command = files->loader.data + i;

		switch (get(command, 4)) {
		case 1:
			allocate(command, rsdp, tables);
			break;
		case 2:
			add_pointer(command);
			break;
		case 3:
			add_checksum(command);
			break;
		default:
			fail_msg("command %llu", (unsigned long long)get(command, 4));
		}
	}
}

/* A sound table with this signature, as the one at plain in all but len bytes at each of fields. */
static const u8 *same_table(u64 gpa, const char *signature, const u8 *plain, const u8 *fields)
{
	u8 copies[2][MEMORY / 8];
	u64 len = get(plain + 4, 4);
	const u8 *table = at(gpa);

	assert_in_range(len, HEADER, sizeof(copies[0]));
	assert_memory_equal(table, signature, 4);
	assert_int_equal(get(table + 4, 4), len);
	memcpy(copies[0], table, len);
	memcpy(copies[1], plain, len);
	if (strcmp(signature, "FACS") != 0) {
		assert_int_equal(sum(table, len), 0);
		copies[0][9] = copies[1][9] = 0;
	}
	for (; *fields; fields += 2) {
		memset(copies[0] + fields[0], 0, fields[1]);
		memset(copies[1] + fields[0], 0, fields[1]);
	}
	assert_memory_equal(copies[0], copies[1], len);
	return table;
}

/* All tables against those built at a fixed address: the same, and their pointers to each other. */
static void expect_tables(void)
{
	static const u8 root[] = { 36, 16, 0 }, root32[] = { 36, 8, 0 }, none[] = { 0 },
			pointers[] = { 36, 8, 140, 8, 0 };
	static u8 plain[MEMORY];
	const u64 fixed = 0xe0000;
	const u8 *p = plain, *rsdp = at(rsdp_gpa), *rsdt, *xsdt, *fadt;
	int used = acpi_tables_build(plain, sizeof(plain), GPA(fixed), ids, sizeof(ids));

	assert_in_range(used, 1, sizeof(plain));
	assert_memory_equal(rsdp, plain, 8);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	rsdt = same_table(get(rsdp + 16, 4), "RSDT", p + (get(p + 16, 4) - fixed), root32);
	xsdt = same_table(get(rsdp + 24, 8), "XSDT", p + (get(p + 24, 8) - fixed), root);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(get(rsdt + HEADER + 4 * i, 4), get(xsdt + HEADER + 8 * i, 8));
	p = plain + (get(plain + 16, 4) - fixed) + HEADER;
	same_table(get(rsdt + HEADER + 4, 4), "APIC", plain + (get(p + 4, 4) - fixed), none);
	p = plain + (get(p, 4) - fixed);
	fadt = same_table(get(rsdt + HEADER, 4), "FACP", p, pointers);
	assert_int_equal(get(fadt + 36, 4) % 64, 0);
	same_table(get(fadt + 36, 4), "FACS", plain + (get(p + 36, 4) - fixed), none);
	same_table(get(fadt + 40, 4), "DSDT", plain + (get(p + 40, 4) - fixed), none);
	assert_int_equal(get(fadt + 140, 8), get(fadt + 40, 4));
}

/* The RSDP in front of, behind, next to the tables; up to the end of what 32 bits can say. */
static void test_anywhere(void **state)
{
	u64 random = 128;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		u64 start = align_down(test_random(&random) % (GIB(4) - MEMORY), 4096);
		u64 rsdp = align_down(test_random(&random) % 0x3fd0, 16),
		    tables = 0x4000 + align_down(test_random(&random) % 0x7000, 64);

		if (i % 2)
			rsdp += MEMORY - 0x4000;
		if (i == 0)
			start = GIB(4) - MEMORY;
		run_script(start, start + rsdp, start + tables);
		expect_tables();
	}
}

/* Placed as Sill places them itself, they are the same to the byte. */
static void test_same_place(void **state)
{
	static u8 plain[MEMORY];
	int used = acpi_tables_build(plain, sizeof(plain), GPA(0xe0000), ids, sizeof(ids));

	(void)state;
	run_script(0xe0000, 0xe0000, 0xe0040);
	assert_int_equal(used, 64 + files->tables.len);
	assert_memory_equal(memory, plain, 36);
	assert_memory_equal(memory + 64, plain + 64, (size_t)used - 64);
	assert_int_equal(memory[used], 0x5a);
}

static void test_refusals(void **state)
{
	u8 many[ACPI_MAX_CPUS + 1];

	(void)state;
	for (unsigned int i = 0; i < sizeof(many); i++)
		many[i] = (u8)i;
	assert_int_equal(acpi_files_build(files, many, 0), E_INVAL);
	assert_int_equal(acpi_files_build(files, many, ACPI_MAX_CPUS + 1), E_INVAL);
	assert_int_equal(acpi_files_build(files, many, ACPI_MAX_CPUS), E_NOMEM);
	assert_int_equal(acpi_files_build(files, many, 64), 0);
	assert_in_range(files->tables.len, 64 * 31, ACPI_FILES_SIZE - 64);
}

static void test_iasl(void **state)
{
	const u64 start = 0x7ffd0000;
	const char *dir = iasl_begin();
	const u8 *rsdp, *rsdt, *fadt;

	(void)state;
	run_script(start, start + 0x30, start + 0x4040);
	rsdp = at(rsdp_gpa);
	rsdt = at(get(rsdp + 16, 4));
	fadt = at(get(rsdt + HEADER, 4));
	run_iasl_on_rsdp(dir, rsdp);
	run_iasl(dir, "rsdt", rsdt);
	run_iasl(dir, "xsdt", at(get(rsdp + 24, 8)));
	run_iasl(dir, "facp", fadt);
	run_iasl(dir, "apic", at(get(rsdt + HEADER + 4, 4)));
	run_iasl(dir, "facs", at(get(fadt + 36, 4)));
	run_iasl(dir, "dsdt", at(get(fadt + 40, 4)));
	iasl_end(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iasl, setup, teardown),
	};

	return cmocka_run_group_tests_name("acpi_place", tests, NULL, NULL);
}
