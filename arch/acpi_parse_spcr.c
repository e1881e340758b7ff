/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Serial Port Console Redirection table: the port firmware itself talks on. Only a 16550 in
 * I/O space can be used. Also the HPET table: where its registers are. No state.
 */
#include "arch/acpi_parse_tables.h"
#include "lib/log.h"

enum spcr_offset {
	SPCR_INTERFACE = 36,
	SPCR_SPACE = 40,
	SPCR_BIT_WIDTH = 41,
	SPCR_BIT_OFFSET = 42,
	SPCR_ADDRESS = 44,
	SPCR_INTERRUPT_TYPE = 52,
	SPCR_IRQ = 53,
	SPCR_GSI = 54,
	SPCR_BAUD = 58,
	SPCR_PCI_VENDOR = 66,
	SPCR_SIZE = 80,
};

enum hpet_offset {
	HPET_SPACE = 40,
	HPET_ADDRESS = 44,
	HPET_SIZE = 56,
};

#define INTERFACE_16550 0u
#define INTERFACE_16450 1u /* as the table's first version numbers it: a subset of the 16550 */
#define INTERFACE_16550_GAS 0x12u /* "with parameters in the Generic Address Structure" */
#define INTERRUPT_8259 0x1u
#define INTERRUPT_IOAPIC 0x2u
/* Eight registers of one byte. */
#define LAST_SERIAL_PORT 0xfff8u

/* Speeds by their code; 0 is "as it is", others do not exist. */
static const u32 speeds[] = { [3] = 9600, [4] = 19200, [6] = 57600, [7] = 115200 };

/* NULL, or why the port cannot be the console. */
static const char *spcr_problem(struct bytes table)
{
	u8 interface = bytes_u8(table, SPCR_INTERFACE);
	u64 addr = bytes_u64(table, SPCR_ADDRESS);
	u8 width = bytes_u8(table, SPCR_BIT_WIDTH);

	if (table.len < SPCR_SIZE)
		return "it is too short";
	if (interface != INTERFACE_16550 && interface != INTERFACE_16450 &&
	    interface != INTERFACE_16550_GAS)
		return "its port is not a 16550";
	if (bytes_u8(table, SPCR_SPACE) != ACPI_SPACE_IO)
		return "its port is not in I/O space";
	if (!addr)
		return "redirection is off";
	if (addr > LAST_SERIAL_PORT || bytes_u8(table, SPCR_BIT_OFFSET) ||
	    (width != 8 && width != 0))
		return "its port's address makes no sense";
	return NULL;
}

void acpi_spcr_parse(struct acpi_spcr *spcr, struct bytes table)
{
	const char *problem = spcr_problem(table);
	u8 speed = bytes_u8(table, SPCR_BAUD);
	u8 interrupt = bytes_u8(table, SPCR_INTERRUPT_TYPE);

	if (problem) {
		log_warn("acpi: the table SPCR is ignored: %s", problem);
		return;
	}
	if (speed && (speed >= ARRAY_SIZE(speeds) || !speeds[speed])) {
		log_warn("acpi: the table SPCR is ignored: its speed %u does not exist", speed);
		return;
	}
	spcr->port = (u16)bytes_u64(table, SPCR_ADDRESS);
	spcr->baud = speeds[speed];
	/* An interrupt of the I/O APIC says more than one of the 8259, which we do not use. */
	spcr->has_gsi = interrupt & INTERRUPT_IOAPIC;
	spcr->gsi = bytes_u32(table, SPCR_GSI);
	spcr->has_irq = interrupt & INTERRUPT_8259;
	spcr->irq = bytes_u8(table, SPCR_IRQ);
}

void acpi_hpet_parse(struct acpi_info *info, struct bytes table)
{
	if (table.len < HPET_SIZE || bytes_u8(table, HPET_SPACE) != ACPI_SPACE_MEMORY)
		log_warn("acpi: the table HPET is ignored: it makes no sense");
	else
		info->hpet_addr = bytes_u64(table, HPET_ADDRESS);
}
