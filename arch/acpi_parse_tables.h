/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the readers of single tables share. For arch/acpi_parse*.c only.
 */
#pragma once

#include "arch/acpi_parse.h"
#include "lib/bytes.h"

/* Every table but the RSDP starts with a header: signature, length, ..., checksum, ... */
#define ACPI_HEADER_SIZE 36u

/*
 * The table at addr, when it has this signature (4 characters), a length that makes sense
 * and a right checksum. Otherwise an empty view, with a log line unless it is another table.
 */
struct bytes acpi_table_at(hpa_t addr, const char *signature,
			   const void *(*map)(hpa_t addr, u64 len));

void acpi_madt_parse(struct acpi_madt *madt, struct bytes table);

/* Leads on to the DSDT, for the sleep types of S5. */
void acpi_fadt_parse(struct acpi_fadt *fadt, struct bytes table,
		     const void *(*map)(hpa_t addr, u64 len));

void acpi_spcr_parse(struct acpi_spcr *spcr, struct bytes table);
void acpi_hpet_parse(struct acpi_info *info, struct bytes table);

/* Find the package _S5_ in a DSDT. False: there is none with two sleep types. */
bool acpi_s5_find(struct bytes dsdt, u8 *typ_a, u8 *typ_b);
