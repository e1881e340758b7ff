/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes over the lines: the I/O APIC's other messages than vectors, the 8259s' interrupts by its
 * input 0 and by LINT0 as a vector; and a level whose end is not broadcast.
 */
#include "tests/guest/ipi.h"

#include "tests/guest/lib/ioapic.h"
#include "tests/guest/lib/pic.h"

#define SVR_QUIET_EOI 0x1000u
#define COM1_IER 0x3f9
#define COM1_MCR 0x3fc
#define IER_TRANSMITTER 0x02
#define MCR_OUT2 0x08
#define VEC_PIT (PIC_VECTOR + IRQ_PIT)

static volatile u32 pit_ticks[SMP_MAX], pit_nmis[SMP_MAX], vectors[SMP_MAX];

/* Acknowledged at the 8259: no end of interrupt at the local APIC. */
static void on_pit(struct trap_frame *frame)
{
	(void)frame;
	pit_ticks[smp_id()]++;
	pic_eoi(IRQ_PIT);
}

static void on_nmi(struct trap_frame *frame)
{
	(void)frame;
	pit_nmis[smp_id()]++;
}

static void on_vector(struct trap_frame *frame)
{
	(void)frame;
	vectors[smp_id()]++;
	lapic_eoi();
}

/* ExtINT: the CPU that the entry names takes the interrupt from the 8259. */
static void test_extint(u32 id)
{
	u32 before = pit_ticks[id], others = 0;

	for (u32 i = 0; i < cpus; i++)
		others += i == id ? 0 : pit_ticks[i];
	ioapic_set_entry(ENTRY_PIC, id, ENTRY_EXTINT);
	pic_unmask(IRQ_PIT);
	irq_enable();
	tap_ok(WAIT_FOR(pit_ticks[id] >= before + 3), "ExtINT by the I/O APIC, to CPU %u", id);
	irq_disable();
	pic_mask(IRQ_PIT);
	ioapic_set_entry(ENTRY_PIC, 0, ENTRY_MASKED);
	settle();
	for (u32 i = 0; i < cpus; i++)
		others -= i == id ? 0 : pit_ticks[i];
	tap_eq(others, 0, "and to no other");
}

static void test_ioapic_nmi(void)
{
	u32 before = pit_nmis[1];

	ioapic_set_entry(ENTRY_PIT, 1, ICR_NMI);
	tap_ok(WAIT_FOR(pit_nmis[1] >= before + 3), "NMIs by the I/O APIC");
	ioapic_set_entry(ENTRY_PIT, 0, ENTRY_MASKED);
	tap_eq(pit_nmis[0], 0, "to the CPU that is meant");
}

/* The 8259s' output as an edge with a vector; nobody acknowledges there, so it comes once. */
static void test_lint0(void)
{
	u32 before = vectors[0];

	lapic_write(LAPIC_LVT_LINT0, VEC_IRQ);
	pic_unmask(IRQ_PIT);
	irq_enable();
	tap_ok(WAIT_FOR(vectors[0] != before), "LINT0 with a vector of its own");
	irq_disable();
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	pic_mask(IRQ_PIT);
}

/* The serial port's line stays up: it wants to send. */
static void test_quiet_eoi(void)
{
	u32 before = vectors[0];
	bool waits, ended;

	lapic_write(LAPIC_SVR, SVR_QUIET_EOI | SVR_ENABLE | LAPIC_SPURIOUS_VECTOR);
	ioapic_set_entry(ENTRY_COM1, 0, ENTRY_LEVEL | VEC_IRQ);
	outb(COM1_MCR, MCR_OUT2 | 3);
	outb(COM1_IER, IER_TRANSMITTER);
	irq_enable();
	WAIT_FOR(vectors[0] != before);
	clock_wait_us(2000);
	irq_disable();
	/* Masked before a word is printed: that moves the line. */
	before = vectors[0] - before;
	*(volatile u32 *)(IOAPIC_BASE + IOAPIC_EOI) = VEC_IRQ + 1;
	waits = ioapic_read(ENTRY_COM1) & ENTRY_REMOTE_IRR;
	outb(COM1_IER, 0);
	*(volatile u32 *)(IOAPIC_BASE + IOAPIC_EOI) = VEC_IRQ;
	ended = !(ioapic_read(ENTRY_COM1) & ENTRY_REMOTE_IRR);
	ioapic_set_entry(ENTRY_COM1, 0, ENTRY_MASKED);
	lapic_write(LAPIC_SVR, SVR_ENABLE | LAPIC_SPURIOUS_VECTOR);
	tap_eq(before, 1, "a level whose end is not broadcast comes once");
	tap_ok(waits, "its remote IRR stays");
	tap_ok(ended, "until the vector is written into the I/O APIC's EOI register");
}

void test_lines(void)
{
	trap_set_handler(VEC_PIT, on_pit);
	trap_set_handler(VEC_NMI, on_nmi);
	trap_set_handler(VEC_IRQ, on_vector);
	start_waiting(true);
	ioapic_set_entry(ENTRY_PIT, 0, ENTRY_MASKED);
	pit_start(0, PIT_RATE, 5966);
	test_extint(0);
	test_extint(1);
	test_ioapic_nmi();
	test_lint0();
	test_quiet_eoi();
}
