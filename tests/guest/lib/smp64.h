/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other CPUs of a 64-bit guest. They run on stacks of their own, with the first one's page
 * tables, GDT and IDT, and without a TSS: no privilege 3 there. Their number is their APIC id.
 */
#pragma once

#include "tests/guest/lib/lapic.h"

#define SMP_MAX 64u
#define SMP_START_PAGE 8u /* where they start, in 4 KiB pages */

#define ICR_FIXED 0x000u
#define ICR_LOWEST 0x100u
#define ICR_SMI 0x200u
#define ICR_NMI 0x400u
#define ICR_INIT 0x500u
#define ICR_STARTUP 0x600u
#define ICR_LOGICAL 0x800u
#define ICR_ASSERT 0x4000u
#define ICR_LEVEL 0x8000u
#define ICR_ALL 0x80000u
#define ICR_OTHERS 0xc0000u

/* CPUs that the MADT names, at most SMP_MAX; 0: there is no sound one. */
u32 smp_count(void);

static inline u32 smp_id(void)
{
	return lapic_read(LAPIC_ID) >> 24;
}

/* dest is a physical or logical destination, command what goes into the ICR's low half. */
void smp_ipi(u32 dest, u32 command);

/*
 * With apic=cr8 among the guest's words: use CR8. From then on, up to an INIT, Sill has a CPU that can do
 * so keep the local APIC's TPR. CPUs that are started call it by themselves.
 */
void smp_use_cr8(void);

/* INIT, which leaves the CPU waiting, and a start-up IPI, which has it call fn(id). */
void smp_init(u32 id);
void smp_start(u32 id, void (*fn)(u32 id));

/*
 * All others, one after the other; each is waited for. How many came up. fn runs with interrupts
 * off and its local APIC enabled; when it returns the CPU halts for good.
 */
u32 smp_start_all(void (*fn)(u32 id));

/* What a CPU found when it was started, before it changed anything. */
struct smp_start_state {
	u32 cr0, cr4, efer, eflags, edx, cs, ds, dr7;
	u32 starts; /* how often it has come so far */
};
extern volatile struct smp_start_state smp_states[SMP_MAX];
