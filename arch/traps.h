/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps and interrupts of the hypervisor itself. Interrupts are taken only in windows
 * (irq_window, irq_wait) at which the CPU holds no lock; any exception is a bug of ours and
 * ends in a report; NMIs only note that something was asked.
 *
 * NMIs come at any time, and use whatever stack is current: there is always a valid one, since
 * the hypervisor has no user mode and no system calls. On a stack of their own (IST) a
 * second one would overwrite the frame of the first, and there can be a second one before the
 * first has returned: when system management mode interrupts the handler, NMIs may be
 * unblocked on its return. Only what needs another stack has one: a double fault, for the current
 * one may have run out, and a machine check. Neither returns, so neither nests.
 */
#pragma once

#include "lib/types.h"

struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

#define VECTOR_DB 1u
#define VECTOR_NMI 2u
#define VECTOR_DF 8u
#define VECTOR_PF 14u
#define VECTOR_AC 17u
#define VECTOR_MC 18u
#define VECTOR_FIRST_IRQ 0x20u
#define VECTOR_TIMER 0xf0u
#define VECTOR_CONSOLE 0xf1u
#define VECTOR_WAKE 0xf2u
#define VECTOR_SHELL 0xf3u
#define VECTOR_SPURIOUS 0xffu

struct idt_gate {
	u16 offset_low, selector, attr, offset_mid;
	u32 offset_high, reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "64-bit gate");

extern struct idt_gate idt[256];

/* Fill the IDT; each CPU then loads it in percpu_load(). */
void traps_init(void);

/* Call fn, in the interrupt window, when vector arrives. The local APIC is told by the caller. */
void irq_register(u8 vector, void (*fn)(void));

/*
 * An NMI that finds the CPU at [begin, end) goes on at abort instead: where what it asks for has been
 * looked at, and the CPU would be deaf to it from then on. Once, before CPUs run guests.
 */
void nmi_set_abort(const u8 *begin, const u8 *end, const u8 *abort);

/* Called by the entries of traps_entry.S. */
void trap_dispatch(struct trap_frame *frame);
