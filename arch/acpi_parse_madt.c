/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Multiple APIC Description Table: CPUs and interrupt controllers. No state.
 */
#include "arch/acpi_parse_tables.h"
#include "lib/log.h"

/* Of the table's fixed part, and of its entries by type. */
enum madt_offset {
	MADT_LAPIC_ADDR = 36,
	MADT_FLAGS = 40,
	MADT_ENTRIES = 44,

	ENTRY_TYPE = 0,
	ENTRY_LENGTH = 1,

	LAPIC_UID = 2,
	LAPIC_ID = 3,
	LAPIC_FLAGS = 4,

	IOAPIC_ID = 2,
	IOAPIC_ADDR = 4,
	IOAPIC_GSI_BASE = 8,

	ISO_BUS = 2,
	ISO_IRQ = 3,
	ISO_GSI = 4,
	ISO_FLAGS = 8,

	OVERRIDE_ADDR = 4,

	X2APIC_ID = 4,
	X2APIC_FLAGS = 8,
	X2APIC_UID = 12,
};

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_ISO = 2,
	MADT_LAPIC_OVERRIDE = 5,
	MADT_X2APIC = 9,
};

#define MADT_PCAT_COMPAT 0x1u
#define CPU_ENABLED 0x1u
#define BUS_ISA 0u
/* All CPUs at once: no CPU has it as its own. */
#define BROADCAST_ID 0xffu
#define BROADCAST_ID_X2APIC 0xffffffffu

static void add_cpu(struct acpi_madt *madt, u32 apic_id, u32 uid, u32 flags)
{
	/*
	 * Firmware describes what could be soldered or plugged in, too: hundreds, in front or
	 * between.
	 */
	if (!(flags & CPU_ENABLED)) {
		madt->cpus_disabled++;
		return;
	}
	/* One CPU may have an entry of each kind; to start it twice would be fatal. */
	for (u32 i = 0; i < madt->cpu_count; i++) {
		if (madt->cpus[i].apic_id == apic_id) {
			madt->cpus_repeated++;
			return;
		}
	}
	if (madt->cpu_count == ACPI_MAX_CPUS) {
		madt->cpus_dropped++;
		return;
	}
	madt->cpus[madt->cpu_count++] = (struct acpi_cpu){ .apic_id = apic_id, .uid = uid };
}

static void parse_lapic(struct acpi_madt *madt, struct bytes entry)
{
	u8 id = bytes_u8(entry, LAPIC_ID);

	if (id != BROADCAST_ID)
		add_cpu(madt, id, bytes_u8(entry, LAPIC_UID), bytes_u32(entry, LAPIC_FLAGS));
}

static void parse_x2apic(struct acpi_madt *madt, struct bytes entry)
{
	u32 id = bytes_u32(entry, X2APIC_ID);

	if (id != BROADCAST_ID_X2APIC)
		add_cpu(madt, id, bytes_u32(entry, X2APIC_UID), bytes_u32(entry, X2APIC_FLAGS));
}

static void parse_ioapic(struct acpi_madt *madt, struct bytes entry)
{
	u32 addr = bytes_u32(entry, IOAPIC_ADDR);

	if (!addr)
		return;
	/* The same registers twice would be masked and routed twice. */
	for (u32 i = 0; i < madt->ioapic_count; i++) {
		if (madt->ioapics[i].addr == addr)
			return;
	}
	if (madt->ioapic_count == ACPI_MAX_IOAPICS) {
		log_error("acpi: the I/O APIC at 0x%x is one too many: 16 are the limit", addr);
		return;
	}
	madt->ioapics[madt->ioapic_count++] = (struct acpi_ioapic){
		.id = bytes_u8(entry, IOAPIC_ID),
		.addr = addr,
		.gsi_base = bytes_u32(entry, IOAPIC_GSI_BASE),
	};
}
_Static_assert(ACPI_MAX_IOAPICS == 16, "as the message says");

static void parse_iso(struct acpi_madt *madt, struct bytes entry)
{
	u8 irq = bytes_u8(entry, ISO_IRQ);

	if (bytes_u8(entry, ISO_BUS) != BUS_ISA)
		return;
	for (u32 i = 0; i < madt->iso_count; i++) {
		if (madt->isos[i].irq == irq)
			return;
	}
	if (madt->iso_count == ACPI_MAX_ISOS) {
		log_error("acpi: the override of interrupt %u is one too many: 24 are the limit",
			  irq);
		return;
	}
	madt->isos[madt->iso_count++] = (struct acpi_iso){
		.irq = irq,
		.gsi = bytes_u32(entry, ISO_GSI),
		.flags = bytes_u16(entry, ISO_FLAGS),
	};
}
_Static_assert(ACPI_MAX_ISOS == 24, "as the message says");

static void parse_override(struct acpi_madt *madt, struct bytes entry)
{
	madt->lapic_addr = bytes_u64(entry, OVERRIDE_ADDR);
}

struct madt_entry_info {
	enum madt_type type;
	u8 len;
	void (*parse)(struct acpi_madt *madt, struct bytes entry);
};

static const struct madt_entry_info entry_table[] = {
	{ .type = MADT_LAPIC, .len = 8, .parse = parse_lapic },
	{ .type = MADT_IOAPIC, .len = 12, .parse = parse_ioapic },
	{ .type = MADT_ISO, .len = 10, .parse = parse_iso },
	{ .type = MADT_LAPIC_OVERRIDE, .len = 12, .parse = parse_override },
	{ .type = MADT_X2APIC, .len = 16, .parse = parse_x2apic },
};

static void parse_entry(struct acpi_madt *madt, struct bytes entry)
{
	u8 type = bytes_u8(entry, ENTRY_TYPE);

	for (u32 i = 0; i < ARRAY_SIZE(entry_table); i++) {
		if (entry_table[i].type == type && entry.len >= entry_table[i].len)
			entry_table[i].parse(madt, entry);
	}
}

void acpi_madt_parse(struct acpi_madt *madt, struct bytes table)
{
	u64 offset = MADT_ENTRIES;

	if (table.len < MADT_ENTRIES) {
		log_error("acpi: the table APIC is too short");
		return;
	}
	madt->found = true;
	madt->lapic_addr = bytes_u32(table, MADT_LAPIC_ADDR);
	madt->pcat_compat = bytes_u32(table, MADT_FLAGS) & MADT_PCAT_COMPAT;
	while (offset < table.len) {
		u8 len = bytes_u8(table, offset + ENTRY_LENGTH);

		/* A length of 0 would keep us here for ever. */
		if (len <= ENTRY_LENGTH || !bytes_has(table, offset, len)) {
			log_error("acpi: the table APIC ends in its entry at byte %lu", offset);
			break;
		}
		parse_entry(madt, bytes_slice(table, offset, len));
		offset += len;
	}
	if (madt->cpus_dropped)
		log_error("acpi: %u CPUs are left out: 256 are the limit", madt->cpus_dropped);
}
_Static_assert(ACPI_MAX_CPUS == 256, "as the message says");
