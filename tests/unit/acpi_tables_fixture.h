/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the guest's ACPI tables: their fields and checksums, and iasl, where it is
 * installed, to disassemble them. Include first, with _GNU_SOURCE.
 */
#pragma once

#include "dev_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/acpi_tables.h"

#define HEADER 36u

static inline u64 get(const u8 *at, unsigned int bytes)
{
	u64 value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static inline u8 sum(const u8 *bytes, u64 len)
{
	u8 total = 0;

	while (len--)
		total = (u8)(total + *bytes++);
	return total;
}

/* Write a table, disassemble it, compile the DSDT again; any remark of iasl's is an error. */
static inline void run_iasl(const char *dir, const char *name, const u8 *table)
{
	char command[512], line[256];
	unsigned int remarks = 0;
	FILE *file;
	int status;

	snprintf(command, sizeof(command), "%s/%s.dat", dir, name);
	file = fopen(command, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(table, get(table + 4, 4), 1, file), 1);
	fclose(file);
	snprintf(command, sizeof(command), "cd %s && iasl -d %s.dat 2>&1%s%s%s", dir, name,
		 strcmp(name, "dsdt") ? "" : " && iasl -we ", strcmp(name, "dsdt") ? "" : name,
		 strcmp(name, "dsdt") ? "" : ".dsl 2>&1");
	file = popen(command, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		bool clean = strstr(line, "0 Errors, 0 Warnings, 0 Remarks");

		if (clean || !(strcasestr(line, "error") || strcasestr(line, "warning") ||
			       strcasestr(line, "remark") || strcasestr(line, "invalid")))
			continue;
		print_message("iasl %s: %s", name, line);
		remarks++;
	}
	status = pclose(file);
	assert_int_equal(remarks, 0);
	assert_int_equal(status, 0);
	snprintf(command, sizeof(command), "%s/%s.dsl", dir, name);
	assert_int_equal(access(command, R_OK), 0);
}

/* It does not disassemble an RSDP, but makes one of the fields that a system reads: the same. */
static inline void run_iasl_on_rsdp(const char *dir, const u8 *rsdp)
{
	char name[128];
	u8 made[36];
	FILE *file;

	snprintf(name, sizeof(name), "%s/rsdp.asl", dir);
	file = fopen(name, "w");
	assert_non_null(file);
	fprintf(file,
		"[0008] Signature : \"RSD PTR \"\n[0001] Checksum : 00\n"
		"[0006] Oem ID : \"SILL  \"\n[0001] Revision : 02\n"
		"[0004] RSDT Address : %08llX\n[0004] Length : 00000024\n"
		"[0008] XSDT Address : %016llX\n[0001] Extended Checksum : 00\n"
		"[0003] Reserved : 000000\n",
		(unsigned long long)get(rsdp + 16, 4), (unsigned long long)get(rsdp + 24, 8));
	fclose(file);
	snprintf(name, sizeof(name), "cd %s && iasl -we rsdp.asl > /dev/null 2>&1", dir);
	assert_int_equal(system(name), 0);
	snprintf(name, sizeof(name), "%s/rsdp.aml", dir);
	file = fopen(name, "r");
	assert_non_null(file);
	assert_int_equal(fread(made, 1, sizeof(made), file), sizeof(made));
	fclose(file);
	assert_memory_equal(made, rsdp, sizeof(made));
}

/* A folder to run it in, up to iasl_end(). Without iasl the test is skipped. */
static inline const char *iasl_begin(void)
{
	static char dir[] = "/tmp/sill-acpi-mkdtmp";

	if (system("iasl -v > /dev/null 2>&1") != 0) {
		print_message("iasl is not installed: disassembly not tested\n");
		skip();
	}
	memset(dir + sizeof(dir) - 7, 'X', 6); /* as mkdtemp() wants its place marked */
	assert_non_null(mkdtemp(dir));
	return dir;
}

static inline void iasl_end(const char *dir)
{
	char command[64];

	if (getenv("SILL_KEEP_ACPI"))
		return;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}
