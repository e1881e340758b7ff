/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APICs of the machine: every input masked but the few the hypervisor uses.
 */
#pragma once

#include "lib/types.h"

/* mmio: the mapped register page. Masks all its inputs. E_NOMEM: too many I/O APICs. */
int __must_check ioapic_add(volatile u32 *mmio, u32 gsi_base);

/*
 * Route gsi to vector on the CPU with this APIC id. level, low: trigger mode and polarity.
 * E_NOENT: no I/O APIC has it.
 */
int __must_check ioapic_route(u32 gsi, u8 vector, u32 apic_id, bool level, bool low);
