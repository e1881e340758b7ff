/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of Intel's MultiProcessor specification, for systems that do without ACPI: a floating
 * pointer and a configuration table, in one piece of guest memory. They say no more than the
 * ACPI tables do.
 */
#pragma once

#include "lib/addr.h"

#define MP_TABLES_ALIGN 16u
#define MP_MAX_CPUS 254u

struct mp_machine {
	const u8 *apic_ids; /* the boot CPU's first */
	u32 cpus; /* 1 to MP_MAX_CPUS */
	u8 ioapic_id;
	u32 signature, features; /* EAX and EDX of CPUID's leaf 1 */
};

/*
 * Build the tables in size bytes at buf, which the guest will see at gpa; the floating pointer comes
 * first, so gpa must lie where it is looked for: below 1 MiB, in the BIOS area. Returns the bytes
 * used. E_INVAL: gpa is not aligned, or a wrong number of CPUs; E_RANGE: the piece does not
 * lie below 4 GiB; E_NOMEM: it is too small.
 */
int __must_check mp_tables_build(u8 *buf, u32 size, gpa_t gpa, const struct mp_machine *machine);
