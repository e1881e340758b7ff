/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables like those of real firmware, in a memory image.
 */
#pragma once

#include "arch/acpi_parse.h"
#include "lib/checksum.h"
#include "lib/err.h"
#include "tests/unit/image_fixture.h"

#define IMAGE_SIZE KIB(16)
#define RSDT_ADDR (IMAGE_BASE + 0x100)
#define XSDT_ADDR (IMAGE_BASE + 0x200)
#define FADT_ADDR (IMAGE_BASE + 0x400)
#define FADT_SIZE 244u
#define DSDT_ADDR (IMAGE_BASE + 0x600)
#define OTHER_ADDR (IMAGE_BASE + 0x800)
/* Last, because tests make it large. */
#define MADT_ADDR (IMAGE_BASE + 0xa00)

static struct acpi_info info;
static u8 rsdp[ACPI_RSDP_SIZE];
static u64 madt_end; /* where the next entry goes */

static inline u32 log_lines(void)
{
	u32 lines = 0;

	for (const char *c = host_log; *c; c++)
		lines += *c == '\n';
	return lines;
}

static inline int parse(u64 rsdp_len)
{
	u8 *copy = malloc(rsdp_len); /* of exactly its size, so that a byte too far is an error */
	int err;

	memcpy(copy, rsdp, rsdp_len);
	image_protect();
	host_log_clear();
	memset(&info, 0xa5, sizeof(info));
	err = acpi_parse(&info, copy, rsdp_len, image_map);
	ASAN_UNPOISON_MEMORY_REGION(image.data, image.size);
	free(copy);
	return err;
}

/* Make the byte at sum_at such that all len bytes sum to 0. */
static inline void fix_checksum(u8 *data, u64 len, u64 sum_at)
{
	data[sum_at] = 0;
	data[sum_at] = (u8)(0 - checksum_bytes(data, len));
}

static inline void fix_rsdp(void)
{
	fix_checksum(rsdp, ACPI_RSDP_V1_SIZE, 8);
	fix_checksum(rsdp, ACPI_RSDP_SIZE, 32);
}

/* Fix the checksum of the table at addr, if its length lets it have one. */
static inline void fix_table(u64 addr)
{
	u8 *table = image.data + (addr - IMAGE_BASE);
	u32 len;

	memcpy(&len, table + 4, sizeof(len));
	if (len >= 36 && len <= image.size - (addr - IMAGE_BASE))
		fix_checksum(table, len, 9);
}

static inline void put_header(u64 addr, const char *signature, u64 len)
{
	image_put(addr, signature, 4);
	image_put_u32(addr + 4, (u32)len);
	fix_table(addr);
}

static inline void put_rsdp(u8 revision)
{
	const u32 rsdt = (u32)RSDT_ADDR, length = sizeof(rsdp);
	const u64 xsdt = XSDT_ADDR;

	memset(rsdp, 0, sizeof(rsdp));
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "MAKER ", 6);
	rsdp[15] = revision;
	memcpy(rsdp + 16, &rsdt, 4);
	memcpy(rsdp + 20, &length, 4);
	memcpy(rsdp + 24, &xsdt, 8);
	fix_rsdp();
}

static inline void madt_begin(void)
{
	image_put_u32(MADT_ADDR + 36, 0xfee00000);
	image_put_u32(MADT_ADDR + 40, 1);
	madt_end = MADT_ADDR + 44;
}

static inline void madt_finish(void)
{
	put_header(MADT_ADDR, "APIC", madt_end - MADT_ADDR);
}

/* An entry of len bytes, the first two of which are made here. */
static inline void madt_put(u8 type, u8 len, const void *rest)
{
	image_put_u8(madt_end, type);
	image_put_u8(madt_end + 1, len);
	image_put(madt_end + 2, rest, len - 2u);
	madt_end += len;
}

static inline void madt_put_lapic(u8 uid, u8 id, u32 flags)
{
	const u8 rest[] = { uid, id, (u8)flags, 0, 0, 0 };

	madt_put(0, 8, rest);
}

static inline void madt_put_x2apic(u32 uid, u32 id, u32 flags)
{
	u8 rest[14] = { 0 };

	memcpy(rest + 2, &id, 4);
	memcpy(rest + 6, &flags, 4);
	memcpy(rest + 10, &uid, 4);
	madt_put(9, 16, rest);
}

static inline void madt_put_ioapic(u8 id, u32 addr, u32 gsi_base)
{
	u8 rest[10] = { id };

	memcpy(rest + 2, &addr, 4);
	memcpy(rest + 6, &gsi_base, 4);
	madt_put(1, 12, rest);
}

static inline void madt_put_iso(u8 bus, u8 irq, u32 gsi, u16 flags)
{
	u8 rest[8] = { bus, irq };

	memcpy(rest + 2, &gsi, 4);
	memcpy(rest + 6, &flags, 2);
	madt_put(2, 10, rest);
}

static inline void put_gas(u64 addr, u8 space, u64 value)
{
	image_put_u8(addr, space);
	image_put_u64(addr + 4, value);
}

/* Of the first version, and the fields of the third when len has room for them. */
static inline void put_fadt(u32 len)
{
	memset(image.data + (FADT_ADDR - IMAGE_BASE), 0, FADT_SIZE);
	image_put_u32(FADT_ADDR + 40, (u32)DSDT_ADDR);
	image_put_u16(FADT_ADDR + 46, 9);
	image_put_u32(FADT_ADDR + 48, 0xb2);
	image_put_u8(FADT_ADDR + 52, 0xf1);
	image_put_u32(FADT_ADDR + 64, 0x604);
	image_put_u32(FADT_ADDR + 76, 0x608);
	image_put_u8(FADT_ADDR + 91, 4);
	image_put_u16(FADT_ADDR + 109, 3);
	image_put_u32(FADT_ADDR + 112, 0x500);
	if (len >= FADT_SIZE) {
		put_gas(FADT_ADDR + 116, ACPI_SPACE_IO, 0xcf9);
		image_put_u8(FADT_ADDR + 128, 0xf);
		image_put_u64(FADT_ADDR + 140, DSDT_ADDR);
		put_gas(FADT_ADDR + 184, ACPI_SPACE_IO, 0x704);
		put_gas(FADT_ADDR + 208, ACPI_SPACE_IO, 0x708);
	}
	put_header(FADT_ADDR, "FACP", len);
}

static inline void put_dsdt(const void *aml, size_t len)
{
	image_put(DSDT_ADDR + 36, aml, len);
	put_header(DSDT_ADDR, "DSDT", 36 + len);
}

#define S5_AML "\x10\x2d\\\0\x08_S5_\x12\x08\x04\x0a\x05\x0a\x06\x00\x00"

static inline void put_roots(void)
{
	static const u64 tables[] = { OTHER_ADDR, FADT_ADDR, MADT_ADDR };

	for (u32 i = 0; i < ARRAY_SIZE(tables); i++) {
		image_put_u32(RSDT_ADDR + 36 + 4 * i, (u32)tables[i]);
		image_put_u64(XSDT_ADDR + 36 + 8 * i, tables[i]);
	}
	put_header(RSDT_ADDR, "RSDT", 36 + 12);
	put_header(XSDT_ADDR, "XSDT", 36 + 24);
}

static inline void make_tables(u64 image_size)
{
	image_reset(image_size);
	put_rsdp(2);
	put_roots();
	put_header(OTHER_ADDR, "HPET", 56);
	madt_begin();
	madt_put_lapic(7, 0, 1);
	madt_put_lapic(8, 2, 2);
	madt_put_lapic(9, 4, 0);
	madt_put_x2apic(1000, 300, 3);
	madt_put_ioapic(5, 0xfec00000, 0);
	madt_put_iso(0, 0, 2, 0);
	madt_put_iso(0, 9, 9, 0xd);
	madt_put(4, 6, "\xff\0\0\1"); /* NMI of all local APICs: not ours */
	madt_finish();
	put_fadt(FADT_SIZE);
	put_dsdt(S5_AML, sizeof(S5_AML) - 1);
}
