/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts in x2APIC mode that another controller has a part in: a level of the I/O APIC, which is
 * told when each has ended, and the 8259's by LINT0, which come between the local APIC's own.
 */
#include "tests/guest/x2apic.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/ioapic.h"
#include "tests/guest/lib/pic.h"

#define VEC_LEVEL 0x71u
#define VEC_OWN 0x91u
#define VEC_PIT (PIC_VECTOR + IRQ_PIT)
#define TIMES 5u
#define COM1_IER 0x3f9
#define COM1_MCR 0x3fc
#define IER_TRANSMITTER 0x02
#define MCR_OUT2 0x08

static volatile u32 levels, ticks, own;

static void on_level(struct trap_frame *frame)
{
	(void)frame;
	if (++levels == TIMES)
		outb(COM1_IER, 0);
	x2apic_eoi();
}

static void on_tick(struct trap_frame *frame)
{
	(void)frame;
	ticks++;
	pic_mask(IRQ_PIT);
	pic_eoi(IRQ_PIT);
}

static void on_own(struct trap_frame *frame)
{
	(void)frame;
	own++;
	x2apic_eoi();
}

/* The serial port's line is up while it wants to send: each end brings the next. */
static void test_level(void)
{
	trap_set_handler(VEC_LEVEL, on_level);
	ioapic_set_entry(ENTRY_COM1, (u32)x2apic_read(LAPIC_ID), ENTRY_LEVEL | VEC_LEVEL);
	outb(COM1_MCR, MCR_OUT2 | 3);
	irq_enable();
	outb(COM1_IER, IER_TRANSMITTER);
	WAIT_FOR(levels >= TIMES);
	clock_wait_us(1000);
	irq_disable();
	outb(COM1_IER, 0);
	tap_eq(levels, TIMES, "x2APIC: a level comes until it is gone");
	tap_ok(!(ioapic_read(ENTRY_COM1) & ENTRY_REMOTE_IRR), "and its last end is told as well");
	tap_ok(!x2apic_bit(LAPIC_ISR, VEC_LEVEL), "nothing is left in service");
	ioapic_set_entry(ENTRY_COM1, 0, ENTRY_MASKED);
}

/* Both wait for IF. */
static void test_pic(void)
{
	trap_set_handler(VEC_PIT, on_tick);
	trap_set_handler(VEC_OWN, on_own);
	x2apic_write(LAPIC_LVT_LINT0, ENTRY_EXTINT);
	pit_start(0, PIT_RATE, 5966);
	pic_unmask(IRQ_PIT);
	WAIT_FOR(pic_irr() & BIT(IRQ_PIT));
	x2apic_write(LAPIC_SELF_IPI, VEC_OWN);
	irq_enable();
	tap_ok(WAIT_FOR(ticks && own), "an interrupt by LINT0 and one of its own both come");
	irq_disable();
	tap_eq(ticks, 1, "once");
	tap_eq(own, 1, "each");
	x2apic_write(LAPIC_LVT_LINT0, LVT_MASKED);
}

void test_lines(void)
{
	test_level();
	test_pic();
}
