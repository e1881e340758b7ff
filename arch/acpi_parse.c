/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the ACPI root pointer to the tables: finds and checks them, and leaves what is in
 * them to the other acpi_parse files. Firmware's tables are input: lengths are checked
 * before use, work is bounded, and nothing follows a pointer twice. No state.
 */
#include "arch/acpi_parse.h"

#include "arch/acpi_parse_tables.h"
#include "lib/checksum.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"

enum rsdp_offset {
	RSDP_OEM = 9,
	RSDP_REVISION = 15,
	RSDP_RSDT = 16,
	RSDP_LENGTH = 20,
	RSDP_XSDT = 24,
};

enum header_offset {
	HEADER_LENGTH = 4,
};

/* Where BIOS firmware keeps the RSDP, on a 16-byte boundary. */
#define EBDA_POINTER 0x40eu /* a real-mode segment */
#define EBDA_SEARCHED 1024u
#define BIOS_START 0xe0000u
#define BIOS_END 0x100000u
#define RSDP_ALIGN 16u

/* The largest DSDTs of big servers have a few hundred KiB. */
#define MAX_TABLE_SIZE MIB(4)
/* With all their SSDTs, real machines have some dozens of tables. */
#define MAX_TABLES 256u

/*
 * How much of it counts: all, if it is one of version 2 or later. Its length never changed;
 * with another one only the first part, which has a checksum of its own, can be believed.
 */
static u32 rsdp_size(struct bytes rsdp)
{
	if (bytes_u8(rsdp, RSDP_REVISION) < 2 || rsdp.len < ACPI_RSDP_SIZE ||
	    bytes_u32(rsdp, RSDP_LENGTH) != ACPI_RSDP_SIZE)
		return ACPI_RSDP_V1_SIZE;
	return ACPI_RSDP_SIZE;
}

bool acpi_rsdp_is_valid(const void *rsdp, u64 len)
{
	struct bytes view = { .data = rsdp, .len = len };

	if (len < ACPI_RSDP_V1_SIZE || memcmp(rsdp, "RSD PTR ", 8) != 0 ||
	    checksum_bytes(rsdp, ACPI_RSDP_V1_SIZE) != 0)
		return false;
	return checksum_bytes(rsdp, rsdp_size(view)) == 0;
}

static u32 search_rsdp(u8 rsdp[ACPI_RSDP_SIZE], u64 start, u64 end,
		       const void *(*map)(hpa_t addr, u64 len))
{
	for (u64 addr = start; addr + ACPI_RSDP_V1_SIZE <= end; addr += RSDP_ALIGN) {
		u32 len = ACPI_RSDP_SIZE;
		const void *found = map(HPA(addr), len);

		if (!found) {
			len = ACPI_RSDP_V1_SIZE;
			found = map(HPA(addr), len);
		}
		if (!found || !acpi_rsdp_is_valid(found, len))
			continue;
		len = rsdp_size((struct bytes){ .data = found, .len = len });
		memcpy(rsdp, found, len);
		return len;
	}
	return 0;
}

u32 acpi_find_rsdp(u8 rsdp[ACPI_RSDP_SIZE], const void *(*map)(hpa_t addr, u64 len))
{
	struct bytes pointer = { .data = map(HPA(EBDA_POINTER), 2), .len = 2 };
	u64 ebda = pointer.data ? (u64)bytes_u16(pointer, 0) << 4 : 0;
	u32 len = 0;

	if (ebda)
		len = search_rsdp(rsdp, ebda, ebda + EBDA_SEARCHED, map);
	if (!len)
		len = search_rsdp(rsdp, BIOS_START, BIOS_END, map);
	return len;
}

struct bytes acpi_table_at(hpa_t addr, const char *signature,
			   const void *(*map)(hpa_t addr, u64 len))
{
	struct bytes table = { .data = map(addr, ACPI_HEADER_SIZE), .len = ACPI_HEADER_SIZE };
	const struct bytes none = { .data = NULL, .len = 0 };
	u32 len;

	if (!table.data || memcmp(table.data, signature, 4) != 0)
		return none;
	len = bytes_u32(table, HEADER_LENGTH);
	if (len < ACPI_HEADER_SIZE || len > MAX_TABLE_SIZE) {
		log_error("acpi: the table %s at 0x%lx cannot have %u bytes", signature, addr.raw,
			  len);
		return none;
	}
	table = (struct bytes){ .data = map(addr, len), .len = len };
	if (!table.data) {
		log_error("acpi: the table %s at 0x%lx is not all reachable", signature, addr.raw);
		return none;
	}
	if (checksum_bytes(table.data, len) != 0) {
		log_error("acpi: the table %s at 0x%lx has a wrong checksum", signature, addr.raw);
		return none;
	}
	return table;
}

/* The table of tables, with entries of 8 or 4 bytes. */
struct root {
	struct bytes table;
	u32 entry_size;
	u32 count;
};

static bool open_root(struct root *root, const void *rsdp_data, u64 len,
		      const void *(*map)(hpa_t addr, u64 len))
{
	struct bytes rsdp = { .data = rsdp_data, .len = len };
	u64 count;

	*root = (struct root){ .entry_size = 8 };
	if (rsdp_size(rsdp) == ACPI_RSDP_SIZE && bytes_u64(rsdp, RSDP_XSDT))
		root->table = acpi_table_at(HPA(bytes_u64(rsdp, RSDP_XSDT)), "XSDT", map);
	if (!root->table.len && bytes_u32(rsdp, RSDP_RSDT)) {
		root->entry_size = 4;
		root->table = acpi_table_at(HPA(bytes_u32(rsdp, RSDP_RSDT)), "RSDT", map);
	}
	if (!root->table.len)
		return false;
	count = (root->table.len - ACPI_HEADER_SIZE) / root->entry_size;
	if (count > MAX_TABLES)
		log_error("acpi: of %lu tables only the first 256 are looked at", count);
	root->count = (u32)MIN(count, (u64)MAX_TABLES);
	return true;
}
_Static_assert(MAX_TABLES == 256, "as the message says");

static hpa_t table_addr(const struct root *root, u32 index)
{
	u64 offset = ACPI_HEADER_SIZE + (u64)index * root->entry_size;

	return HPA(bytes_get(root->table, offset, root->entry_size));
}

/* The first sound table with this signature, or an empty view. */
static struct bytes find_table(const struct root *root, const char *signature,
			       const void *(*map)(hpa_t addr, u64 len))
{
	for (u32 i = 0; i < root->count; i++) {
		struct bytes table = acpi_table_at(table_addr(root, i), signature, map);

		if (table.len)
			return table;
	}
	return (struct bytes){ .data = NULL, .len = 0 };
}

/* Signatures are input as well: what cannot be printed becomes a '?'. */
static void collect_names(struct acpi_info *info, const struct root *root,
			  const void *(*map)(hpa_t addr, u64 len))
{
	for (u32 i = 0; i < root->count && info->name_count < ACPI_NAMES_MAX; i++) {
		const u8 *signature = map(table_addr(root, i), ACPI_HEADER_SIZE);
		char *name = info->names[info->name_count];

		if (!signature)
			continue;
		for (u32 c = 0; c < 4; c++)
			name[c] = signature[c] > ' ' && signature[c] < 0x7f ? (char)signature[c]
									    : '?';
		info->name_count++;
	}
}

void acpi_find_spcr(struct acpi_spcr *spcr, const void *rsdp, u64 len,
		    const void *(*map)(hpa_t addr, u64 len))
{
	struct bytes table;
	struct root root;

	*spcr = (struct acpi_spcr){ 0 };
	if (!acpi_rsdp_is_valid(rsdp, len) || !open_root(&root, rsdp, len, map))
		return;
	table = find_table(&root, "SPCR", map);
	if (table.len)
		acpi_spcr_parse(spcr, table);
}

int acpi_parse(struct acpi_info *info, const void *rsdp, u64 len,
	       const void *(*map)(hpa_t addr, u64 len))
{
	struct bytes table;
	struct root root;

	memset(info, 0, sizeof(*info));
	if (!acpi_rsdp_is_valid(rsdp, len))
		return E_INVAL;
	if (!open_root(&root, rsdp, len, map))
		return E_NOENT;
	memcpy(info->oem, (const u8 *)rsdp + RSDP_OEM, sizeof(info->oem) - 1);
	collect_names(info, &root, map);
	table = find_table(&root, "APIC", map);
	if (table.len)
		acpi_madt_parse(&info->madt, table);
	table = find_table(&root, "FACP", map);
	if (table.len)
		acpi_fadt_parse(&info->fadt, table, map);
	table = find_table(&root, "HPET", map);
	if (table.len)
		acpi_hpet_parse(info, table);
	return 0;
}
