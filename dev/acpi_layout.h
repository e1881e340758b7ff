/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables before they have an address: a buffer in which a pointer is the offset of what it
 * points to and each checksum is 0, and the list of both. Not for others than acpi_*.c.
 */
#pragma once

#include "dev/acpi_buffer.h"

/* RSDP, RSDT and XSDT have 2 pointers each, the FADT 3; 5 tables a checksum, the RSDP 2. */
#define ACPI_POINTERS 9u
#define ACPI_CHECKSUMS 7u

/*
 * The RSDP is at offset 0, as it is what is looked for; the tables it leads to follow from here on,
 * on what the FACS among them asks for.
 */
#define ACPI_RSDP_SIZE 36u
#define ACPI_FIRST_TABLE 64u

struct acpi_pointer {
	u32 at; /* its offset */
	u32 size; /* 4 or 8 bytes */
};

/* Of bytes that include it. */
struct acpi_checksum {
	u32 at;
	u32 from, len;
};

struct acpi_layout {
	struct acpi_buffer buf;
	u32 pointer_count, checksum_count;
	struct acpi_pointer pointers[ACPI_POINTERS];
	struct acpi_checksum checksums[ACPI_CHECKSUMS]; /* one that another covers is before it */
};

/* Lay the tables for cpus local APICs out in layout->buf. Its field full says that there was no room. */
void acpi_lay_out(struct acpi_layout *layout, const u8 *apic_ids, u32 cpus);

/* A field of size bytes, in the buffer, points to what is at offset target. */
void acpi_point(struct acpi_layout *layout, void *field, u32 size, u32 target);

/* A byte in the buffer is to be the checksum of len bytes from an offset on. */
void acpi_sum_up(struct acpi_layout *layout, const u8 *byte, u32 from, u32 len);
