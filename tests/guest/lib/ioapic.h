/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APIC. An entry is named by the lower of its two registers.
 */
#pragma once

#include "tests/guest/lib/x86.h"

#define IOAPIC_BASE 0xfec00000ul
#define IOAPIC_EOI 0x40u
#define ENTRY_PIC 0x10u
#define ENTRY_PIT 0x14u
#define ENTRY_COM1 0x18u
#define ENTRY_LEVEL 0x8000u
#define ENTRY_REMOTE_IRR 0x4000u
#define ENTRY_MASKED 0x10000u
#define ENTRY_EXTINT 0x700u

static inline u32 ioapic_read(u32 reg)
{
	*(volatile u32 *)IOAPIC_BASE = reg;
	return *(volatile u32 *)(IOAPIC_BASE + 0x10);
}

static inline void ioapic_set_entry(u32 entry, u32 dest, u32 low)
{
	*(volatile u32 *)IOAPIC_BASE = entry + 1;
	*(volatile u32 *)(IOAPIC_BASE + 0x10) = dest << 24;
	*(volatile u32 *)IOAPIC_BASE = entry;
	*(volatile u32 *)(IOAPIC_BASE + 0x10) = low;
}
