/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor needs from the firmware's ACPI tables: CPUs, interrupt controllers,
 * the PM timer, the ways to power off and to reset. Reads bytes, touches no hardware and
 * interprets no AML.
 */
#pragma once

#include "lib/addr.h"
#include "lib/types.h"

#define ACPI_MAX_CPUS 256u
#define ACPI_MAX_IOAPICS 16u
#define ACPI_MAX_ISOS 24u

#define ACPI_RSDP_V1_SIZE 20u
#define ACPI_RSDP_SIZE 36u

struct acpi_cpu {
	u32 apic_id;
	u32 uid; /* as AML calls it */
};

struct acpi_ioapic {
	u8 id;
	u32 addr;
	u32 gsi_base;
};

/* An ISA interrupt that is not the GSI of the same number, edge-triggered and active-high. */
struct acpi_iso {
	u8 irq;
	u32 gsi;
	u16 flags; /* ACPI_ISO_* */
};

#define ACPI_ISO_POLARITY 0x3u /* 1 active-high, 3 active-low, 0 as the bus has it */
#define ACPI_ISO_POLARITY_LOW 0x3u
#define ACPI_ISO_TRIGGER 0xcu /* 4 edge, 12 level, 0 as the bus has it */
#define ACPI_ISO_TRIGGER_LEVEL 0xcu

struct acpi_madt {
	bool found;
	u64 lapic_addr;
	bool pcat_compat; /* there are two 8259 that must be masked */
	u32 cpu_count;
	struct acpi_cpu cpus[ACPI_MAX_CPUS]; /* enabled ones, in the table's order, no id twice */
	u32 cpus_dropped; /* for which there was no room */
	u32 cpus_disabled; /* entries of CPUs that are not enabled, pluggable or not */
	u32 cpus_repeated; /* entries whose id an enabled CPU before had */
	u32 ioapic_count;
	struct acpi_ioapic ioapics[ACPI_MAX_IOAPICS];
	u32 iso_count;
	struct acpi_iso isos[ACPI_MAX_ISOS]; /* no irq twice */
};

/* Address spaces of registers. */
#define ACPI_SPACE_MEMORY 0u
#define ACPI_SPACE_IO 1u

struct acpi_fadt {
	bool found;
	u16 sci; /* interrupt number */
	u16 smi_cmd; /* I/O port, 0: the machine is in ACPI mode already */
	u8 acpi_enable; /* written to smi_cmd gives ACPI mode */
	u16 pm_timer; /* I/O port, 0: none */
	bool pm_timer_32bit; /* else 24 bits wide */
	u16 pm1a_cnt, pm1b_cnt; /* I/O ports, 0: none */
	bool reset_supported; /* then a write of reset_value to reset_addr resets */
	u8 reset_space; /* ACPI_SPACE_*; PCI configuration space (2) has an encoded address */
	u64 reset_addr;
	u8 reset_value;
	u16 boot_arch; /* IAPC_BOOT_ARCH */
	bool s5_found; /* soft off: the sleep types for pm1a_cnt and pm1b_cnt, 0..7 */
	u8 s5_typ_a, s5_typ_b;
};

/* The serial port that firmware uses as its console: a 16550 in I/O space. */
struct acpi_spcr {
	u16 port; /* 0: none that we can use */
	u32 baud; /* 0: leave the speed as it is */
	bool has_gsi, has_irq; /* of an I/O APIC; of the 8259 pair */
	u32 gsi;
	u8 irq;
};

/* How many names of tables are kept, for people, in their order. */
#define ACPI_NAMES_MAX 48u

struct acpi_info {
	char oem[7]; /* who made the tables, blanks included; "" where there are none */
	struct acpi_madt madt;
	struct acpi_fadt fadt;
	u64 hpet_addr; /* of its registers, 0: none */
	u32 name_count;
	char names[ACPI_NAMES_MAX][5];
};

/*
 * In all of these, map returns a pointer to len bytes of host-physical memory, or NULL when
 * they cannot all be reached; its results must stay valid during the call.
 */

/*
 * Search for the root pointer where BIOS firmware puts it, and copy it to rsdp (to its
 * beginning, when it is of version 1). Returns its length, or 0 when there is none.
 */
u32 acpi_find_rsdp(u8 rsdp[ACPI_RSDP_SIZE], const void *(*map)(hpa_t addr, u64 len));

/* Is this a root pointer with right checksums? len is what there is of it. */
bool acpi_rsdp_is_valid(const void *rsdp, u64 len);

/*
 * Fill info from the tables that the root pointer leads to. A table that is not sound is
 * as good as none; one log line says so. E_INVAL: the root pointer is not valid; E_NOENT:
 * neither root table can be read. info is empty then.
 */
int __must_check acpi_parse(struct acpi_info *info, const void *rsdp, u64 len,
			    const void *(*map)(hpa_t addr, u64 len));

/* Only the console's serial port, for an early look: spcr->port is 0 when there is none. */
void acpi_find_spcr(struct acpi_spcr *spcr, const void *rsdp, u64 len,
		    const void *(*map)(hpa_t addr, u64 len));
