/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ACPI tables say: see acpi_tables.h; the DSDT's contents are in acpi_dsdt.c, and how the
 * tables get their addresses is in acpi_place.c.
 *
 *	RSDP -+-> RSDT -+-> FADT -+-> FACS
 *	      |         |         +-> DSDT
 *	      |         +-> MADT
 *	      +-> XSDT, to the same two
 */
#include "dev/acpi_tables.h"

#include "dev/acpi_layout.h"
#include "dev/ioapic.h"
#include "dev/lapic.h"
#include "dev/pit.h"
#include "dev/pm.h"
#include "dev/reset.h"
#include "dev/rtc.h"

struct rsdp {
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} __packed;
_Static_assert(sizeof(struct rsdp) == ACPI_RSDP_SIZE, "RSDP");
#define RSDP_V1_LEN 20u

/* Tables that the RSDT and the XSDT name. */
enum { ENTRY_FADT, ENTRY_MADT, ENTRIES };

struct rsdt {
	struct acpi_header header;
	u32 entries[ENTRIES];
} __packed;

struct xsdt {
	struct acpi_header header;
	u64 entries[ENTRIES];
} __packed;

/* A register's address. */
struct acpi_register {
	u8 space;
	u8 bits;
	u8 bit_offset;
	u8 access; /* 1: byte, 2: word, 3: doubleword */
	u64 address;
} __packed;
#define SPACE_IO 1u

struct fadt {
	struct acpi_header header;
	u32 facs, dsdt;
	u8 reserved0, profile;
	u16 sci_irq;
	u32 smi_command;
	u8 acpi_enable, acpi_disable, s4bios, pstate_control;
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	u8 pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len;
	u8 gpe0_len, gpe1_len, gpe1_base, cst_control;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_arch;
	u8 reserved1;
	u32 flags;
	struct acpi_register reset;
	u8 reset_value;
	u8 reserved2[3];
	u64 x_facs, x_dsdt;
	struct acpi_register x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control,
		x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
} __packed;
_Static_assert(sizeof(struct fadt) == 244, "FADT of ACPI 3.0 and 4.0");
_Static_assert(offsetof(struct fadt, flags) == 112, "FADT");

#define FADT_REVISION 4u
#define NO_C2 101u /* latencies above 100 and 1000 us: no such state */
#define NO_C3 1001u

/* There are ISA devices; neither keyboard controller nor VGA must be looked for. */
#define BOOT_LEGACY_DEVICES 0x0001u
#define BOOT_NO_VGA 0x0004u

#define FADT_WBINVD 0x00000001u
#define FADT_C1 0x00000004u
#define FADT_NO_POWER_BUTTON 0x00000010u
#define FADT_NO_SLEEP_BUTTON 0x00000020u
#define FADT_NO_FIXED_RTC 0x00000040u
#define FADT_TIMER_32BIT 0x00000100u
#define FADT_RESET 0x00000400u

struct facs {
	char signature[4];
	u32 length;
	u32 hardware_signature;
	u32 waking_vector;
	u32 global_lock;
	u32 flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} __packed;
_Static_assert(sizeof(struct facs) == 64, "FACS");

struct madt {
	struct acpi_header header;
	u32 lapic_base;
	u32 flags;
} __packed;
#define MADT_PCAT_COMPAT 1u /* there are 8259s as well */

struct madt_lapic {
	u8 type, length;
	u8 processor_uid, apic_id;
	u32 flags;
} __packed;
#define MADT_LAPIC 0u
#define MADT_LAPIC_ENABLED 1u

struct madt_ioapic {
	u8 type, length;
	u8 id;
	u8 reserved;
	u32 base;
	u32 first_gsi; /* the global number of its input 0 */
} __packed;
#define MADT_IOAPIC 1u

/* An ISA interrupt that is not the input of the same number, or not edge-triggered. */
struct madt_override {
	u8 type, length;
	u8 bus; /* 0: ISA */
	u8 irq;
	u32 gsi;
	u16 flags;
} __packed;
#define MADT_OVERRIDE 2u
#define MADT_LIKE_ISA 0x0u
#define MADT_LEVEL_HIGH 0xdu

struct madt_lapic_nmi {
	u8 type, length;
	u8 processor_uid;
	u16 flags; /* 0: edge-triggered, as NMIs are */
	u8 lint;
} __packed;
#define MADT_LAPIC_NMI 4u
#define ALL_PROCESSORS 0xffu

/* Begin a table of len bytes, on a boundary of 16, and fill in its header. NULL: no room. */
static void *begin_table(struct acpi_buffer *buf, const char *signature, u8 revision, u32 len)
{
	struct acpi_header *header;

	acpi_reserve(buf, -buf->used % 16);
	header = acpi_reserve(buf, len);
	if (!header)
		return NULL;
	memcpy(header->signature, signature, sizeof(header->signature));
	memcpy(header->oem_id, "SILL  ", sizeof(header->oem_id));
	memcpy(header->oem_table_id, "SILLVM  ", sizeof(header->oem_table_id));
	memcpy(header->creator_id, "SILL", sizeof(header->creator_id));
	header->revision = revision;
	header->oem_revision = 1;
	header->creator_revision = 1;
	return header;
}

/* The table goes up to here. Its offset in the buffer is returned, 0 when it did not fit. */
static u32 end_table(struct acpi_layout *layout, struct acpi_header *header)
{
	u32 offset;

	if (!header || layout->buf.full)
		return 0;
	offset = (u32)((u8 *)header - layout->buf.data);
	header->length = layout->buf.used - offset;
	acpi_sum_up(layout, &header->checksum, offset, header->length);
	return offset;
}

static u32 build_facs(struct acpi_buffer *buf)
{
	struct facs *facs;

	/* The first of the tables, so at ACPI_FIRST_TABLE. */
	acpi_reserve(buf, -buf->used % ACPI_TABLES_ALIGN);
	facs = acpi_reserve(buf, sizeof(*facs));
	if (!facs)
		return 0;
	memcpy(facs->signature, "FACS", sizeof(facs->signature));
	facs->length = sizeof(*facs);
	facs->version = 1;
	return (u32)((u8 *)facs - buf->data);
}

static u32 build_dsdt(struct acpi_layout *layout, u32 cpus)
{
	struct acpi_header *header = begin_table(&layout->buf, "DSDT", 2, sizeof(*header));

	acpi_dsdt_append(&layout->buf, cpus);
	return end_table(layout, header);
}

static struct acpi_register io_register(u32 port, u8 bytes, u8 access)
{
	return (struct acpi_register){
		.space = SPACE_IO,
		.bits = (u8)(8 * bytes),
		.access = access,
		.address = port,
	};
}

static void fill_power_management(struct fadt *fadt)
{
	fadt->sci_irq = ACPI_SCI_IRQ;
	fadt->pm1a_event = PM_PORT + PM1_EVENT;
	fadt->pm1_event_len = PM1_EVENT_LEN;
	fadt->x_pm1a_event = io_register(fadt->pm1a_event, PM1_EVENT_LEN, 2);
	fadt->pm1a_control = PM_PORT + PM1_CONTROL;
	fadt->pm1_control_len = PM1_CONTROL_LEN;
	fadt->x_pm1a_control = io_register(fadt->pm1a_control, PM1_CONTROL_LEN, 2);
	fadt->pm_timer = PM_PORT + PM_TIMER;
	fadt->pm_timer_len = PM_TIMER_LEN;
	fadt->x_pm_timer = io_register(fadt->pm_timer, PM_TIMER_LEN, 3);
	fadt->c2_latency = NO_C2;
	fadt->c3_latency = NO_C3;
	fadt->reset = io_register(RESET_CONTROL_PORT, 1, 1);
	fadt->reset_value = RESET_CONTROL_VALUE;
}

static u32 build_fadt(struct acpi_layout *layout, u32 facs, u32 dsdt)
{
	struct fadt *fadt = begin_table(&layout->buf, "FACP", FADT_REVISION, sizeof(*fadt));

	if (!fadt)
		return 0;
	fill_power_management(fadt);
	acpi_point(layout, &fadt->facs, sizeof(fadt->facs), facs);
	acpi_point(layout, &fadt->dsdt, sizeof(fadt->dsdt), dsdt);
	acpi_point(layout, &fadt->x_dsdt, sizeof(fadt->x_dsdt), dsdt);
	fadt->century = RTC_CENTURY;
	fadt->boot_arch = BOOT_LEGACY_DEVICES | BOOT_NO_VGA;
	fadt->flags = FADT_WBINVD | FADT_C1 | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
		      FADT_NO_FIXED_RTC | FADT_TIMER_32BIT | FADT_RESET;
	return end_table(layout, &fadt->header);
}

u8 acpi_ioapic_id(const u8 *apic_ids, u32 cpus)
{
	u32 used = 0;

	for (u32 i = 0; i < cpus; i++) {
		if (apic_ids[i] <= IOAPIC_MAX_ID)
			used |= (u32)BIT(apic_ids[i]);
	}
	for (u8 id = 1; id <= IOAPIC_MAX_ID; id++) {
		if (!(used & BIT(id)))
			return id;
	}
	return 0;
}

static void append_ioapic(struct acpi_buffer *buf, u8 id)
{
	const struct madt_ioapic ioapic = {
		.type = MADT_IOAPIC,
		.length = sizeof(ioapic),
		.id = id,
		.base = (u32)IOAPIC_BASE,
	};
	const struct madt_override timer = {
		.type = MADT_OVERRIDE,
		.length = sizeof(timer),
		.irq = PIT_IRQ,
		.gsi = IOAPIC_PIT_PIN,
		.flags = MADT_LIKE_ISA,
	};
	const struct madt_override sci = {
		.type = MADT_OVERRIDE,
		.length = sizeof(sci),
		.irq = ACPI_SCI_IRQ,
		.gsi = ACPI_SCI_IRQ,
		.flags = MADT_LEVEL_HIGH,
	};

	acpi_append(buf, &ioapic, sizeof(ioapic));
	acpi_append(buf, &timer, sizeof(timer));
	acpi_append(buf, &sci, sizeof(sci));
}

static u32 build_madt(struct acpi_layout *layout, const u8 *apic_ids, u32 cpus)
{
	struct acpi_buffer *buf = &layout->buf;
	struct madt *madt = begin_table(buf, "APIC", 3, sizeof(*madt));
	const struct madt_lapic_nmi nmi = {
		.type = MADT_LAPIC_NMI,
		.length = sizeof(nmi),
		.processor_uid = ALL_PROCESSORS,
		.lint = 1,
	};

	if (!madt)
		return 0;
	madt->lapic_base = (u32)LAPIC_BASE;
	madt->flags = MADT_PCAT_COMPAT;
	for (u32 i = 0; i < cpus; i++) {
		const struct madt_lapic lapic = {
			.type = MADT_LAPIC,
			.length = sizeof(lapic),
			.processor_uid = (u8)i,
			.apic_id = apic_ids[i],
			.flags = MADT_LAPIC_ENABLED,
		};

		acpi_append(buf, &lapic, sizeof(lapic));
	}
	append_ioapic(buf, acpi_ioapic_id(apic_ids, cpus));
	acpi_append(buf, &nmi, sizeof(nmi));
	return end_table(layout, &madt->header);
}

static u32 build_rsdt(struct acpi_layout *layout, u32 fadt, u32 madt)
{
	struct rsdt *rsdt = begin_table(&layout->buf, "RSDT", 1, sizeof(*rsdt));

	if (!rsdt)
		return 0;
	acpi_point(layout, &rsdt->entries[ENTRY_FADT], sizeof(rsdt->entries[0]), fadt);
	acpi_point(layout, &rsdt->entries[ENTRY_MADT], sizeof(rsdt->entries[0]), madt);
	return end_table(layout, &rsdt->header);
}

static u32 build_xsdt(struct acpi_layout *layout, u32 fadt, u32 madt)
{
	struct xsdt *xsdt = begin_table(&layout->buf, "XSDT", 1, sizeof(*xsdt));

	if (!xsdt)
		return 0;
	acpi_point(layout, &xsdt->entries[ENTRY_FADT], sizeof(xsdt->entries[0]), fadt);
	acpi_point(layout, &xsdt->entries[ENTRY_MADT], sizeof(xsdt->entries[0]), madt);
	return end_table(layout, &xsdt->header);
}

static void fill_rsdp(struct acpi_layout *layout, struct rsdp *rsdp, u32 rsdt, u32 xsdt)
{
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, "SILL  ", sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	acpi_point(layout, &rsdp->rsdt, sizeof(rsdp->rsdt), rsdt);
	acpi_point(layout, &rsdp->xsdt, sizeof(rsdp->xsdt), xsdt);
	acpi_sum_up(layout, &rsdp->checksum, 0, RSDP_V1_LEN);
	acpi_sum_up(layout, &rsdp->extended_checksum, 0, sizeof(*rsdp));
}

void acpi_lay_out(struct acpi_layout *layout, const u8 *apic_ids, u32 cpus)
{
	struct acpi_buffer *buf = &layout->buf;
	struct rsdp *rsdp = acpi_reserve(buf, sizeof(*rsdp));
	u32 fadt, madt, facs, dsdt, rsdt, xsdt;

	facs = build_facs(buf);
	dsdt = build_dsdt(layout, cpus);
	fadt = build_fadt(layout, facs, dsdt);
	madt = build_madt(layout, apic_ids, cpus);
	rsdt = build_rsdt(layout, fadt, madt);
	xsdt = build_xsdt(layout, fadt, madt);
	if (rsdp && !buf->full)
		fill_rsdp(layout, rsdp, rsdt, xsdt);
}
