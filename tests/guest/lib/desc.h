/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment and interrupt descriptors of the guests. The selectors are also used by assembly.
 */
#pragma once

/* In the order that SYSCALL and SYSRET want in 64-bit guests. */
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#ifdef __x86_64__
#define SEL_USER_CODE32 0x1b
#define SEL_USER_DATA 0x23
#define SEL_USER_CODE 0x2b
#else
#define SEL_USER_CODE 0x1b
#define SEL_USER_DATA 0x23
#endif
#define SEL_CODE32 0x30 /* compatibility mode in 64-bit guests */
#define SEL_TSS 0x38 /* two entries in 64-bit guests */
#define SEL_FREE0 0x48 /* for tests */
#define SEL_FREE1 0x50
#define SEL_FREE2 0x58
#define GDT_ENTRIES 12

#ifndef __ASSEMBLER__

#include "lib/types.h"

extern u64 gdt[GDT_ENTRIES];

/* GDT, TSS, and an IDT that leads to trap_dispatch() for all 256 vectors. */
void desc_init(void);

/* Privilege 0..3 may raise vector by INT n. */
void idt_set_dpl(unsigned int vector, unsigned int dpl);
void idt_set_present(unsigned int vector, bool present);

/* The table itself: 256 gates of sizeof(struct idt_gate). */
struct idt_gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
#ifdef __x86_64__
	u32 offset_high, reserved;
#endif
};
extern struct idt_gate idt[256];

/* Load an IDT at another linear address that holds the same 256 gates. */
void idt_load(void *table);

#ifndef __x86_64__
/* The hardware format of a 32-bit TSS. */
struct tss {
	u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi, es, cs, ss, ds, fs, gs, ldt;
	u16 trap, io_map;
};
#else
struct tss {
	u32 reserved0;
	u64 rsp[3], reserved1, ist[7], reserved2;
	u16 reserved3, io_map;
} __packed;
#endif
extern struct tss tss;

/* The descriptor of an available TSS in the GDT. */
void gdt_set_tss(unsigned int selector, const struct tss *which, u32 limit);

#endif
