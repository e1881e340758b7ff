/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What firmware's tables are written into: a buffer that only grows, never past its end. Not
 * for others than acpi_*.c and mp_tables.c.
 */
#pragma once

#include "lib/string.h"
#include "lib/types.h"

struct acpi_buffer {
	u8 *data;
	u32 size, used;
	bool full; /* something did not fit: what is there is useless */
};

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __packed;
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI table header");

/* The place of the next bytes, all zero; NULL when they do not fit. */
static inline void *acpi_reserve(struct acpi_buffer *buf, u32 bytes)
{
	void *place = buf->data + buf->used;

	if (bytes > buf->size - buf->used) {
		buf->full = true;
		return NULL;
	}
	memset(place, 0, bytes);
	buf->used += bytes;
	return place;
}

static inline void acpi_append(struct acpi_buffer *buf, const void *bytes, u32 len)
{
	void *place = acpi_reserve(buf, len);

	if (place)
		memcpy(place, bytes, len);
}

static inline void acpi_append_byte(struct acpi_buffer *buf, u8 byte)
{
	acpi_append(buf, &byte, 1);
}

/* Append the DSDT's definition block, what follows its header, for so many CPUs. */
void acpi_dsdt_append(struct acpi_buffer *buf, u32 cpus);
