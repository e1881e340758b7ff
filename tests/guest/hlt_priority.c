/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested interrupts: the local APIC's priority classes, the PIC's priorities, and the order in
 * which interrupts that wait together are taken.
 */
#include "tests/guest/hlt.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tap.h"

#define UART_IER (PORT_COM1 + 1)
#define UART_IIR (PORT_COM1 + 2)
#define IER_THRE 0x02

/* What happened, one letter per event: small when a handler begins, capital when it ends. */
static char events[16];
static u32 event_count;

static void event(char c)
{
	if (event_count < sizeof(events) - 1)
		events[event_count++] = c;
}

static void events_clear(void)
{
	event_count = 0;
	for (u32 i = 0; i < sizeof(events); i++)
		events[i] = 0;
}

static bool events_are(const char *want)
{
	for (u32 i = 0;; i++) {
		if (events[i] != want[i])
			return false;
		if (!want[i])
			return true;
	}
}

/* Let in whatever may be taken now. */
static void open_window(void)
{
	irq_enable();
	asm volatile("nop; nop" : : : "memory");
	irq_disable();
}

static void (*inside_low)(void);

static void on_low(struct trap_frame *frame)
{
	(void)frame;
	event('l');
	if (inside_low)
		inside_low();
	event('L');
	lapic_eoi();
}

static void (*inside_high)(void);

static void on_high(struct trap_frame *frame)
{
	(void)frame;
	event('h');
	if (inside_high)
		inside_high();
	event('H');
	lapic_eoi();
}

static void raise_high(void)
{
	lapic_self_ipi(VEC_HIGH);
	open_window();
}

static void raise_low(void)
{
	lapic_self_ipi(VEC_LOW);
	open_window();
}

static void test_apic_nesting(void)
{
	events_clear();
	inside_low = raise_high;
	inside_high = NULL;
	lapic_self_ipi(VEC_LOW);
	open_window();
	tap_ok(events_are("lhHL"), "a higher class interrupts a lower one's handler: %s", events);
	events_clear();
	inside_low = NULL;
	inside_high = raise_low;
	lapic_self_ipi(VEC_HIGH);
	open_window();
	tap_ok(events_are("hHlL"), "a lower class waits for the higher one's EOI: %s", events);
	inside_high = NULL;
	events_clear();
	lapic_self_ipi(VEC_LOW);
	lapic_self_ipi(VEC_HIGH);
	open_window();
	tap_ok(events_are("hHlL"), "of two that wait the higher comes first: %s", events);
}

static void test_tpr(void)
{
	events_clear();
	lapic_write(LAPIC_TPR, 0x60);
	lapic_self_ipi(VEC_LOW);
	lapic_self_ipi(VEC_HIGH);
	open_window();
	tap_ok(events_are("hH"), "TPR 60 lets class 7 in, and class 5 not: %s", events);
	lapic_write(LAPIC_TPR, 0x50);
	open_window();
	tap_ok(events_are("hH"), "TPR 50 does not let class 5 in: %s", events);
	lapic_write(LAPIC_TPR, 0x4f);
	open_window();
	tap_ok(events_are("hHlL"), "TPR 4f does: %s", events);
	events_clear();
	write_cr8(7);
	lapic_self_ipi(VEC_HIGH);
	open_window();
	tap_ok(events_are(""), "CR8=7 holds class 7: %s", events);
	write_cr8(0);
	open_window();
	tap_ok(events_are("hH"), "CR8=0 lets it in: %s", events);
}

static void (*inside_pit)(void), (*inside_uart)(void);

static void on_pit(struct trap_frame *frame)
{
	(void)frame;
	event('p');
	if (inside_pit)
		inside_pit();
	event('P');
	pic_eoi(IRQ_PIT);
}

static void on_uart(struct trap_frame *frame)
{
	(void)frame;
	event('u');
	outb(UART_IER, 0);
	inb(UART_IIR);
	if (inside_uart)
		inside_uart();
	event('U');
	pic_eoi(IRQ_COM1);
}

/* An empty transmitter interrupts as soon as that is enabled. */
static void raise_uart(void)
{
	serial_drain();
	outb(UART_IER, IER_THRE);
	WAIT_FOR(pic_irr() & BIT(IRQ_COM1));
	open_window();
}

static void raise_pit(void)
{
	pit_start(0, PIT_ONESHOT, 100);
	WAIT_FOR(pic_irr() & BIT(IRQ_PIT));
	open_window();
}

static void test_pic_nesting(void)
{
	trap_set_handler(PIC_VECTOR + IRQ_PIT, on_pit);
	trap_set_handler(PIC_VECTOR + IRQ_COM1, on_uart);
	pic_unmask(IRQ_PIT);
	pic_unmask(IRQ_COM1);
	/* What was requested while masked is not part of the test. */
	open_window();
	events_clear();
	inside_pit = raise_uart;
	raise_pit();
	tap_ok(events_are("pPuU"), "irq 4 waits for irq 0's EOI: %s", events);
	events_clear();
	inside_pit = NULL;
	inside_uart = raise_pit;
	raise_uart();
	tap_ok(events_are("upPU"), "irq 0 interrupts irq 4's handler: %s", events);
	inside_uart = NULL;
	pic_mask(IRQ_PIT);
	pic_mask(IRQ_COM1);
}

/* ExtINT has no class: it is taken although the APIC serves a high one, when IF allows. */
static void test_mixed(void)
{
	pic_unmask(IRQ_PIT);
	open_window();
	events_clear();
	inside_high = raise_pit;
	lapic_self_ipi(VEC_HIGH);
	open_window();
	inside_high = NULL;
	pic_mask(IRQ_PIT);
	tap_ok(events_are("hpPH"), "the PIC interrupts an APIC interrupt's handler: %s", events);
}

void test_priorities(void)
{
	trap_set_handler(VEC_LOW, on_low);
	trap_set_handler(VEC_HIGH, on_high);
	test_apic_nesting();
	test_tpr();
	test_pic_nesting();
	test_mixed();
}
