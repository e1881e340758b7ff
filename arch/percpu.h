/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One struct per CPU, found through the GS base, which is never anything else while the
 * hypervisor runs.
 */
#pragma once

#include "arch/this_cpu.h"
#include "lib/types.h"

/* Variables that start-up computes and nobody changes after ro_after_init_seal(). */
#define __ro_after_init __section(".ro_after_init")

#define MAX_CPUS 256u

struct tlb_space;

/* What a CPU is doing, for whoever wants to reach it. */
enum cpu_mode {
	CPU_HOST, /* in the hypervisor: looks at requests before it enters a guest or sleeps */
	CPU_GUEST, /* in a guest: leaves it on an NMI */
	CPU_IDLE, /* halted: wakes on an interrupt */
};

/* The 64-bit task state segment. */
struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 iomap_base;
} __packed;
_Static_assert(sizeof(struct tss) == 104, "64-bit TSS");

struct stack {
	u64 bottom, top; /* [bottom, top); the page below bottom is not mapped */
};

/* All but the first are of the interrupt stack table; see arch/traps.h for who uses which. */
enum cpu_stack { STACK_MAIN, STACK_DF, STACK_MC, STACK_COUNT };

struct percpu {
	struct percpu *self; /* [const] must stay first */
	u32 index; /* [const] 0 is the boot CPU */
	u32 apic_id; /* [const] */
	u32 mode; /* [atomic] enum cpu_mode */
	u32 entries; /* [atomic] turns of vCPUs and attempts to enter: tells one stay from the next */
	const struct tlb_space *space; /* [atomic] of the VM whose vCPU it runs, see mm/tlb.h */
	u32 walks; /* [atomic] odd: it reads the tables of `walking` now, without a lock */
	const struct tlb_space *walking; /* [atomic] */
	u32 nmi_seen; /* [self] set by every NMI: see vmx/enter.S */
	u32 attention; /* [atomic] 1: its main loop must look again before it enters or sleeps */
	u32 online; /* [atomic] 1: up, in the main loop */
	u64 tsc_skew; /* [const] its TSC minus the boot CPU's; 0 when they are in step */
	struct stack stacks[STACK_COUNT]; /* [const] */
	u64 gdt[5]; /* [const] null, code, data, TSS (two) */
	struct tss tss; /* [const] */
	const void *vcpu; /* [self] the vCPU loaded on this CPU, for reports */
	void *backend; /* [self] of svm/ or vmx/ */
	void *sched; /* [const] of vm/ */
	u64 interrupts, nmis, ipis; /* [self] */
	u64 tlb_flushes; /* [self] at entries that found the generation behind */
#ifdef SILL_DEBUG
	u8 lock_ranks[16]; /* [self] */
	u32 lock_depth;
#endif
};

extern struct percpu *cpus[MAX_CPUS];
extern u32 cpu_count; /* CPUs that are up */

/*
 * Make cpu the calling CPU's own: GDT, TSS, GS base, IDT. Once: it sets GS to null on its way,
 * and a trap at that moment would not find its CPU. Until then nothing may raise an NMI
 * (apic_enable()).
 */
void percpu_load(struct percpu *cpu);

/* cpu->stacks have changed: let the CPU's next double fault or machine check use them. */
void percpu_load_stacks(struct percpu *cpu);
