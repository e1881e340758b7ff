/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Fixed ACPI Description Table: where the power management registers are, and by way
 * of the DSDT the values that power the machine off. No state.
 */
#include "arch/acpi_parse_tables.h"

/* Later versions added fields at the end: what an older table does not have reads as 0. */
enum fadt_offset {
	FADT_DSDT = 40,
	FADT_SCI_INT = 46,
	FADT_SMI_CMD = 48,
	FADT_ACPI_ENABLE = 52,
	FADT_PM1A_CNT = 64,
	FADT_PM1B_CNT = 68,
	FADT_PM_TMR = 76,
	FADT_PM_TMR_LEN = 91,
	FADT_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_CNT = 172,
	FADT_X_PM1B_CNT = 184,
	FADT_X_PM_TMR = 208,

	/* Generic Address Structure */
	GAS_SPACE = 0,
	GAS_ADDRESS = 4,
};

#define FADT_TMR_VAL_EXT 0x100u
#define FADT_RESET_REG_SUP 0x400u
/* The width of a PM timer register that is there. */
#define PM_TMR_BYTES 4u
#define LAST_PORT 0xffffu

/*
 * The I/O port of a register that has a 32-bit field and, in later versions, a Generic Address
 * Structure that comes first when it is filled. 0: there is none, or not in I/O space.
 */
static u16 register_port(struct bytes table, u64 field, u64 extended)
{
	u64 port = bytes_u64(table, extended + GAS_ADDRESS);

	if (!port || bytes_u8(table, extended + GAS_SPACE) != ACPI_SPACE_IO)
		port = bytes_u32(table, field);
	return port <= LAST_PORT ? (u16)port : 0;
}

static void parse_reset(struct acpi_fadt *fadt, struct bytes table)
{
	u64 addr = bytes_u64(table, FADT_RESET_REG + GAS_ADDRESS);

	if (!(bytes_u32(table, FADT_FLAGS) & FADT_RESET_REG_SUP) || !addr)
		return;
	/* The table must have the value too: 0 may well be what does not reset. */
	if (!bytes_has(table, FADT_RESET_VALUE, 1))
		return;
	fadt->reset_supported = true;
	fadt->reset_space = bytes_u8(table, FADT_RESET_REG + GAS_SPACE);
	fadt->reset_addr = addr;
	fadt->reset_value = bytes_u8(table, FADT_RESET_VALUE);
	if (fadt->reset_space == ACPI_SPACE_IO && addr > LAST_PORT)
		fadt->reset_supported = false;
}

static void parse_dsdt(struct acpi_fadt *fadt, struct bytes table,
		       const void *(*map)(hpa_t addr, u64 len))
{
	u64 addr = bytes_u64(table, FADT_X_DSDT);
	struct bytes dsdt;

	if (!addr)
		addr = bytes_u32(table, FADT_DSDT);
	if (!addr)
		return;
	dsdt = acpi_table_at(HPA(addr), "DSDT", map);
	fadt->s5_found = acpi_s5_find(dsdt, &fadt->s5_typ_a, &fadt->s5_typ_b);
}

void acpi_fadt_parse(struct acpi_fadt *fadt, struct bytes table,
		     const void *(*map)(hpa_t addr, u64 len))
{
	u32 smi_cmd = bytes_u32(table, FADT_SMI_CMD);

	fadt->found = true;
	fadt->sci = bytes_u16(table, FADT_SCI_INT);
	fadt->smi_cmd = smi_cmd <= LAST_PORT ? (u16)smi_cmd : 0;
	fadt->acpi_enable = bytes_u8(table, FADT_ACPI_ENABLE);
	if (bytes_u8(table, FADT_PM_TMR_LEN) == PM_TMR_BYTES)
		fadt->pm_timer = register_port(table, FADT_PM_TMR, FADT_X_PM_TMR);
	fadt->pm_timer_32bit = bytes_u32(table, FADT_FLAGS) & FADT_TMR_VAL_EXT;
	fadt->pm1a_cnt = register_port(table, FADT_PM1A_CNT, FADT_X_PM1A_CNT);
	fadt->pm1b_cnt = register_port(table, FADT_PM1B_CNT, FADT_X_PM1B_CNT);
	fadt->boot_arch = bytes_u16(table, FADT_BOOT_ARCH);
	parse_reset(fadt, table);
	parse_dsdt(fadt, table, map);
}
