/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC in x2APIC mode. Registers are named as in lapic.h, by their offset in the page.
 */
#pragma once

#include "tests/guest/lib/lapic.h"

#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC 0x800u
#define MSR_OF(reg) (MSR_X2APIC + ((reg) >> 4))
#define LAPIC_SELF_IPI 0x3f0u

#define LVT_DEADLINE 0x40000u

#define CPUID_X2APIC BIT(21) /* 1.ecx */
#define CPUID_TSC_DEADLINE BIT(24) /* 1.ecx */

static inline u64 x2apic_read(u32 reg)
{
	return rdmsr(MSR_OF(reg));
}

static inline void x2apic_write(u32 reg, u64 value)
{
	wrmsr(MSR_OF(reg), value);
}

static inline void x2apic_eoi(void)
{
	x2apic_write(LAPIC_EOI, 0);
}

static inline void x2apic_ipi(u32 dest, u32 command)
{
	x2apic_write(LAPIC_ICR_LOW, (u64)dest << 32 | command);
}

static inline bool x2apic_bit(u32 reg, u32 vector)
{
	return x2apic_read(reg + (vector >> 5) * 16) & BIT(vector & 31);
}

/* From xAPIC mode to x2APIC mode; from there, or from off, to xAPIC mode, all registers reset. */
static inline void x2apic_enter(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2);
}

static inline void x2apic_leave(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) & ~(u64)(APIC_BASE_X2 | APIC_BASE_EN);

	wrmsr(MSR_APIC_BASE, base);
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_EN);
}
