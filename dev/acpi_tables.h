/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables of the virtual machine: RSDP, RSDT, XSDT, FADT, FACS, MADT and a DSDT, in
 * one piece of guest memory. They describe what dev/ provides and nothing else.
 */
#pragma once

#include "lib/addr.h"

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
