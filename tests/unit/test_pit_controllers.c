/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PIT's owed ticks with the interrupt controllers between it and the CPU.
 */
#include "pit_fixture.h"

#include "dev/apic_bus.h"
#include "dev/ioapic.h"
#include "dev/pic.h"

static struct pic pic;
static struct ioapic ioapic;
static struct lapic lapic;
static struct apic_bus bus = { .lapics = &lapic, .count = 1 };

static void pic_output(void *ctx, bool level)
{
	(void)ctx;
	(void)level;
}

static void pic_and_ioapic(void *ctx, unsigned int pin, bool level)
{
	(void)ctx;
	pic_set_irq(&pic, pin, level);
	ioapic_set_irq(&ioapic, IOAPIC_PIT_PIN, level);
}

static bool to_lapic(void *ctx, const struct lapic_ipi *message, bool level)
{
	(void)ctx;
	return lapic_request(&lapic, message->vector, level);
}

static bool controllers_busy(void *ctx)
{
	struct lapic_ipi message;

	(void)ctx;
	return pic_requests(&pic, PIT_IRQ) ||
	       (ioapic_message(&ioapic, IOAPIC_PIT_PIN, &message) && message.vector == 0x30 &&
		lapic_pending(&lapic) == 0x30);
}

static void ioapic_pin2(u32 entry)
{
	ioapic_io.write(&ioapic, 0, 4, 0x10 + 2 * IOAPIC_PIT_PIN);
	ioapic_io.write(&ioapic, 0x10, 4, entry);
}

static int setup_controllers(void **state)
{
	const struct irq_line irq = { .set = pic_and_ioapic, .pin = PIT_IRQ };
	const struct lapic_host host = { 0 };

	(void)state;
	pit_start(irq, controllers_busy);
	pic_init(&pic, pic_output, NULL);
	ioapic_init(&ioapic, 1, to_lapic, NULL);
	lapic_init(&lapic, 0, &bus, &host, &queue);
	lapic_io.write(&lapic, 0xf0, 4, 0x1ff);
	return 0;
}

/* A CPU with interrupts on for the time given; how many ticks it took. */
static unsigned int take_ticks(u64 until)
{
	unsigned int taken = 0;

	while (host_clock_ns < until) {
		if (pic_pending(&pic)) {
			assert_int_equal(pic_ack(&pic), 8);
			out8(&pic_master_io, &pic, 0, 0x20);
			taken++;
		} else if (lapic_pending(&lapic) >= 0) {
			lapic_ack(&lapic, 0x30);
			lapic_io.write(&lapic, 0xb0, 4, 0);
			taken++;
		}
		run_until(&queue, host_clock_ns + 10000);
	}
	return taken;
}

static void test_controllers(void **state)
{
	(void)state;
	for (int by_ioapic = 0; by_ioapic < 2; by_ioapic++) {
		setup_controllers(NULL);
		if (by_ioapic)
			ioapic_pin2(0x30);
		else
			out8(&pic_master_io, &pic, 1, 0xfe);
		program(0, 2, COUNT);
		assert_int_equal(take_ticks(edge_ns(10) + 20000), 10);
		/* Interrupts off for long; all ticks come, but the one that waits is not owed. */
		past_edge(30);
		assert_int_equal(take_ticks(edge_ns(40) + 20000), 30);
		assert_int_equal(pit.owed, 0);
	}
	/* Masked in both: nothing is owed for that time. */
	ioapic_pin2(0x10030);
	past_edge(100);
	assert_int_equal(pit.owed, 0);
	assert_true(ioapic_message(&ioapic, IOAPIC_PIT_PIN, &(struct lapic_ipi){ 0 }) == false);
	ioapic_pin2(0x30);
	assert_int_equal(take_ticks(edge_ns(110) + 20000), 10);
	assert_false(pic_requests(&pic, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_controllers),
	};

	return cmocka_run_group_tests_name("pit controllers", tests, NULL, NULL);
}
