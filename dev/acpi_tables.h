/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables of the virtual machine: RSDP, RSDT, XSDT, FADT, FACS, MADT and a DSDT, in
 * one piece of guest memory. They describe what dev/ provides and nothing else.
 */
#pragma once

#include "lib/addr.h"
#include "lib/bytes.h"

#define ACPI_TABLES_ALIGN 64u /* what the FACS asks for */
#define ACPI_SCI_IRQ 9u
#define ACPI_MAX_CPUS 255u

/*
 * The I/O APIC's id in the tables, which it must have: none of the CPUs', if there is another
 * left. Whether they differ has not mattered since APICs lost the bus of their own.
 */
u8 acpi_ioapic_id(const u8 *apic_ids, u32 cpus);

/*
 * Build the tables in size bytes at buf, which the guest will see at gpa; the RSDP comes first.
 * cpus (1 to ACPI_MAX_CPUS) local APICs have the ids given. Returns the bytes used.
 * E_INVAL: gpa is not aligned, or a wrong number of CPUs; E_RANGE: the piece does not lie
 * below 4 GiB; E_NOMEM: it is too small.
 */
int __must_check acpi_tables_build(u8 *buf, u32 size, gpa_t gpa, const u8 *apic_ids, u32 cpus);

/*
 * The same tables for firmware that chooses their addresses: two files, and a script that says how
 * each is to be aligned, which fields then grow by a file's address, and which bytes become
 * checksums. Firmware knows the files by these names.
 */
#define ACPI_FILE_RSDP "etc/acpi/rsdp"
#define ACPI_FILE_TABLES "etc/acpi/tables"
#define ACPI_FILE_LOADER "etc/table-loader"

#define ACPI_FILES_SIZE 0x2000u /* enough for 64 CPUs */
#define ACPI_LOADER_SIZE (18u * 128u)

struct acpi_files {
	struct bytes rsdp, tables, loader; /* within data and script */
	u8 data[ACPI_FILES_SIZE];
	u8 script[ACPI_LOADER_SIZE];
};

/*
 * Build them for cpus local APICs that have the ids given. *files must stay where it is. E_INVAL: a
 * wrong number of CPUs; E_NOMEM: too many for ACPI_FILES_SIZE.
 */
int __must_check acpi_files_build(struct acpi_files *files, const u8 *apic_ids, u32 cpus);
