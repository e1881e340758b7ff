/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC, xAPIC mode, at its usual place.
 */
#pragma once

#include "tests/guest/lib/x86.h"

#define LAPIC_BASE 0xfee00000u

#define LAPIC_ID 0x20u
#define LAPIC_VERSION 0x30u
#define LAPIC_TPR 0x80u
#define LAPIC_PPR 0xa0u
#define LAPIC_EOI 0xb0u
#define LAPIC_LDR 0xd0u
#define LAPIC_DFR 0xe0u
#define LAPIC_SVR 0xf0u
#define LAPIC_ISR 0x100u
#define LAPIC_TMR 0x180u
#define LAPIC_IRR 0x200u
#define LAPIC_ESR 0x280u
#define LAPIC_ICR_LOW 0x300u
#define LAPIC_ICR_HIGH 0x310u
#define LAPIC_LVT_TIMER 0x320u
#define LAPIC_LVT_THERMAL 0x330u
#define LAPIC_LVT_PERF 0x340u
#define LAPIC_LVT_LINT0 0x350u
#define LAPIC_LVT_LINT1 0x360u
#define LAPIC_LVT_ERROR 0x370u
#define LAPIC_TIMER_INIT 0x380u
#define LAPIC_TIMER_COUNT 0x390u
#define LAPIC_TIMER_DIVIDE 0x3e0u

#define SVR_ENABLE 0x100u
#define LVT_MASKED 0x10000u
#define LVT_PENDING 0x1000u
#define LVT_EXTINT 0x700u
#define LVT_NMI 0x400u
#define LVT_PERIODIC 0x20000u
#define ICR_SELF 0x40000u
#define ICR_PENDING 0x1000u
#define DIVIDE_BY_1 0xbu
#define DIVIDE_BY_16 0x3u

#define LAPIC_SPURIOUS_VECTOR 0xffu

static inline u32 lapic_read(u32 reg)
{
	u32 value;

	asm volatile("movl (%1), %0" : "=r"(value) : "r"((ulong)LAPIC_BASE + reg) : "memory");
	return value;
}

static inline void lapic_write(u32 reg, u32 value)
{
	asm volatile("movl %0, (%1)" : : "r"(value), "r"((ulong)LAPIC_BASE + reg) : "memory");
}

static inline void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

/* Is vector's bit set in the 256-bit register that begins at reg? */
static inline bool lapic_bit(u32 reg, u32 vector)
{
	return lapic_read(reg + (vector >> 5) * 16) & BIT(vector & 31);
}

/* Software-enable, every local interrupt masked, LINT0 passing the PIC on as ExtINT. */
static inline void lapic_enable(void)
{
	lapic_write(LAPIC_SVR, SVR_ENABLE | LAPIC_SPURIOUS_VECTOR);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
	lapic_write(LAPIC_LVT_LINT1, LVT_MASKED | LVT_NMI);
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
}

static inline void lapic_self_ipi(u32 vector)
{
	lapic_write(LAPIC_ICR_LOW, ICR_SELF | vector);
	while (lapic_read(LAPIC_ICR_LOW) & ICR_PENDING)
		;
}
