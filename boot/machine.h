/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine that firmware describes: ACPI tables, interrupt controllers, clocks, CPUs.
 */
#pragma once

#include "arch/clock_sources.h"
#include "boot/bootinfo.h"

/*
 * Read the ACPI tables; set up APIC, I/O APICs, clocks and power-off. Logs what was found.
 * NULL, or why the machine cannot be used.
 */
const char *__must_check machine_init(const struct boot_info *info, enum clock_source clock);

/* What the ACPI tables said; empty before machine_init(), or when there are none. */
const struct acpi_info *machine_acpi(void);

/* Start the other CPUs, at most limit in all. */
void machine_start_cpus(u32 limit);

/* Let the host's serial port interrupt the boot CPU. */
void machine_route_console(void);
