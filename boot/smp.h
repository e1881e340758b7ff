/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bringing the CPUs up.
 */
#pragma once

#include "arch/acpi_parse.h"
#include "arch/percpu.h"

/* The boot CPU's own area, before anything else: static, with the boot stack. */
void smp_boot_cpu_early(void);

/* The boot CPU's real stacks, now that there are frames. E_NOMEM. */
int __must_check smp_boot_cpu_stacks(void);

/*
 * Start the other CPUs of the MADT, at most limit in all, one after the other. Each is counted
 * in cpu_count when it has turned virtualization on; one that does not answer is
 * reported and left out. trampoline: a free page below 1 MiB.
 */
void smp_start(const struct acpi_madt *madt, u32 limit, hpa_t trampoline);
