/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's inputs LINT0 and LINT1: every delivery mode, edges and levels, masks, the end of
 * levels with and without a broadcast; and the 8259s' output, which the I/O APIC has as an input.
 */
#include "dev_fixture.h"

#include "dev/apic_bus.h"
#include "dev/ioapic.h"

enum {
	EOI = 0xb0,
	SVR = 0xf0,
	PERF = 0x340,
	LINT0 = 0x350,
	LINT1 = 0x360,
};

#define LEVEL 0x8000u
#define REMOTE_IRR 0x4000u
#define MASKED 0x10000u
#define EXTINT 0x700u

static struct timer_queue queue;
static struct lapic apics[2];
static struct lapic *apic = &apics[0];
static struct apic_bus bus = { .lapics = apics, .count = 2 };
static struct ioapic ioapic;
static unsigned int signals, ends, messages;
static enum lapic_delivery last_signal, last_message;

static void on_signal(void *ctx, enum lapic_delivery delivery, u8 vector)
{
	(void)ctx;
	(void)vector;
	signals++;
	last_signal = delivery;
}

static void on_eoi(void *ctx, u8 vector)
{
	(void)ctx;
	ends++;
	ioapic_eoi(&ioapic, vector);
}

static bool deliver(void *ctx, const struct lapic_ipi *message, bool level)
{
	messages++;
	last_message = message->delivery;
	return message->delivery == DELIVER_EXTINT || apic_bus_deliver(ctx, message, level, NULL);
}

static u32 in(unsigned int reg)
{
	return (u32)dev_read(&lapic_io, apic, reg, 4);
}

static void out(unsigned int reg, u32 value)
{
	lapic_io.write(apic, reg, 4, value);
}

static void set_entry(unsigned int pin, u32 high, u32 low)
{
	ioapic_io.write(&ioapic, 0, 4, 0x11 + 2 * pin);
	ioapic_io.write(&ioapic, 0x10, 4, high);
	ioapic_io.write(&ioapic, 0, 4, 0x10 + 2 * pin);
	ioapic_io.write(&ioapic, 0x10, 4, low);
}

static int setup(void **state)
{
	(void)state;
	timer_queue_init(&queue);
	for (unsigned int i = 0; i < 2; i++) {
		const struct lapic_host host = { .signal = on_signal,
						 .eoi = on_eoi,
						 .ctx = &apics[i] };

		lapic_init(&apics[i], i, &bus, &host, &queue);
		lapic_io.write(&apics[i], SVR, 4, 0x1ff);
	}
	ioapic_init(&ioapic, 2, deliver, &bus);
	signals = ends = messages = 0;
	return 0;
}

static void pulse(enum lapic_lvt lint)
{
	lapic_set_lint(apic, lint, true);
	lapic_set_lint(apic, lint, true);
	lapic_set_lint(apic, lint, false);
}

static bool take(int vector)
{
	if (lapic_pending(apic) != vector)
		return false;
	lapic_ack(apic, (u8)vector);
	return true;
}

static void test_modes(void **state)
{
	static const enum lapic_lvt lints[] = { LVT_LINT0, LVT_LINT1 };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int reg = i ? LINT1 : LINT0;

		signals = 0;
		out(reg, 0x40);
		pulse(lints[i]);
		assert_true(take(0x40));
		out(EOI, 0);
		assert_int_equal(lapic_pending(apic), -1);
		out(reg, MASKED | 0x40);
		pulse(lints[i]);
		assert_int_equal(lapic_pending(apic), -1);
		out(reg, 0x440);
		pulse(lints[i]);
		assert_int_equal(signals, 1);
		assert_int_equal(last_signal, DELIVER_NMI);
		out(reg, 0x540);
		pulse(lints[i]);
		assert_int_equal(signals, 2);
		assert_int_equal(last_signal, DELIVER_INIT);
		/* SMI, what is reserved, and ExtINT, which is asked for. */
		for (u32 mode = 1; mode < 8; mode++) {
			if (mode != 4 && mode != 5) {
				out(reg, mode << 8 | 0x40);
				pulse(lints[i]);
			}
		}
		assert_int_equal(signals, 2);
		assert_int_equal(lapic_pending(apic), -1);
		assert_int_equal(lapic_accepts_pic(apic), i == 0);
		out(reg, MASKED);
	}
	/* Off, they are the CPU's INTR and NMI. */
	assert_int_equal(lapic_write_base(apic, LAPIC_BASE), 0);
	signals = 0;
	pulse(LVT_LINT0);
	assert_int_equal(signals, 0);
	assert_true(lapic_accepts_pic(apic));
	pulse(LVT_LINT1);
	assert_int_equal(signals, 1);
	assert_int_equal(last_signal, DELIVER_NMI);
}

static void test_level(void **state)
{
	(void)state;
	out(LINT0, LEVEL | 0x40);
	lapic_set_lint(apic, LVT_LINT0, true);
	assert_int_equal(in(LINT0), LEVEL | REMOTE_IRR | 0x40);
	assert_true(take(0x40));
	assert_int_equal(lapic_pending(apic), -1);
	out(LINT0, LEVEL | 0x40); /* written again, it still waits for the end */
	assert_int_equal(in(LINT0), LEVEL | REMOTE_IRR | 0x40);
	assert_false(apic->irr.bits[1] & BIT(0x40 - 64));
	out(EOI, 0); /* still up: again */
	assert_true(take(0x40));
	lapic_set_lint(apic, LVT_LINT0, false);
	out(EOI, 0);
	assert_int_equal(lapic_pending(apic), -1);
	assert_int_equal(in(LINT0), LEVEL | 0x40);
	/* Masked it waits, and comes when it is unmasked. */
	out(LINT0, LEVEL | MASKED | 0x40);
	lapic_set_lint(apic, LVT_LINT0, true);
	assert_int_equal(lapic_pending(apic), -1);
	out(LINT0, LEVEL | 0x40);
	assert_true(take(0x40));
	/* As an edge nothing is remembered. */
	out(LINT0, 0x40);
	assert_int_equal(in(LINT0), 0x40);
	out(EOI, 0);
	assert_int_equal(lapic_pending(apic), -1);
	/* LINT1 knows no levels. */
	out(LINT1, LEVEL | 0x41);
	lapic_set_lint(apic, LVT_LINT1, true);
	assert_int_equal(in(LINT1), LEVEL | 0x41);
	assert_true(take(0x41));
	out(EOI, 0);
	assert_int_equal(lapic_pending(apic), -1);
	/* No vector: an error, and nothing to wait for. */
	out(LINT0, LEVEL | 0x05);
	assert_int_equal(in(LINT0), LEVEL | 0x05);
}

static void test_quiet_eoi(void **state)
{
	(void)state;
	set_entry(9, 0, LEVEL | 0x50);
	for (unsigned int quiet = 0; quiet < 2; quiet++) {
		out(SVR, 0x1ff | quiet << 12);
		ends = 0;
		ioapic_set_irq(&ioapic, 9, true);
		assert_true(take(0x50));
		ioapic_set_irq(&ioapic, 9, false);
		out(EOI, 0);
		assert_int_equal(ends, !quiet);
		assert_int_equal(!!(ioapic.entries[9] & BIT(14)), quiet);
		ioapic_io.write(&ioapic, 0x40, 4, 0x51);
		assert_int_equal(!!(ioapic.entries[9] & BIT(14)), quiet);
		ioapic_io.write(&ioapic, 0x40, 4, 0x50);
		assert_false(ioapic.entries[9] & BIT(14));
	}
}

/* The entry of the 8259s' input decides which CPUs are to ask them; other inputs have no ExtINT. */
static void test_extint(void **state)
{
	(void)state;
	assert_false(ioapic_passes_pic(&ioapic, &apics[0]));
	set_entry(IOAPIC_PIC_PIN, 1u << 24, EXTINT | MASKED);
	ioapic_set_irq(&ioapic, IOAPIC_PIC_PIN, true);
	assert_false(ioapic_passes_pic(&ioapic, &apics[1]));
	assert_int_equal(messages, 0);
	set_entry(IOAPIC_PIC_PIN, 1u << 24, EXTINT);
	assert_int_equal(last_message, DELIVER_EXTINT);
	assert_true(messages > 0);
	assert_false(ioapic_passes_pic(&ioapic, &apics[0]));
	assert_true(ioapic_passes_pic(&ioapic, &apics[1]));
	lapic_io.write(&apics[1], SVR, 4, 0xff);
	assert_false(ioapic_passes_pic(&ioapic, &apics[1]));
	lapic_io.write(&apics[1], SVR, 4, 0x1ff);
	set_entry(IOAPIC_PIC_PIN, 0xffu << 24, EXTINT);
	assert_true(ioapic_passes_pic(&ioapic, &apics[0]));
	assert_true(ioapic_passes_pic(&ioapic, &apics[1]));
	set_entry(IOAPIC_PIC_PIN, 0xffu << 24, 0x440);
	assert_false(ioapic_passes_pic(&ioapic, &apics[1]));
	signals = 0;
	ioapic_set_irq(&ioapic, IOAPIC_PIC_PIN, false);
	ioapic_set_irq(&ioapic, IOAPIC_PIC_PIN, true);
	assert_int_equal(signals, 2); /* NMIs, to both */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_modes, setup),
		cmocka_unit_test_setup(test_level, setup),
		cmocka_unit_test_setup(test_quiet_eoi, setup),
		cmocka_unit_test_setup(test_extint, setup),
	};

	return cmocka_run_group_tests_name("lapic_lint", tests, NULL, NULL);
}
