/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APIC: registers, edges and levels, masks, what is sent to whom, the end of level
 * interrupts, the same together with a local APIC, and a hostile guest.
 */
#include "dev_fixture.h"

#include <string.h>

#include "dev/apic_bus.h"
#include "dev/ioapic.h"

#define MASKED 0x10000u
#define LEVEL 0x8000u
#define REMOTE_IRR 0x4000u
#define LOGICAL 0x800u

static struct ioapic ioapic;
static unsigned int sent;
static struct lapic_ipi last;
static bool last_level;
static bool refuse;

static bool deliver(void *ctx, const struct lapic_ipi *message, bool level)
{
	assert_ptr_equal(ctx, &sent);
	sent++;
	last = *message;
	last_level = level;
	return !refuse;
}

static u32 in(unsigned int reg)
{
	out8(&ioapic_io, &ioapic, 0, reg);
	return (u32)dev_read(&ioapic_io, &ioapic, 0x10, 4);
}

static void out(unsigned int reg, u32 value)
{
	ioapic_io.write(&ioapic, 0, 4, reg);
	ioapic_io.write(&ioapic, 0x10, 4, value);
}

static u32 entry(unsigned int pin)
{
	return in(0x10 + 2 * pin);
}

static void set_entry(unsigned int pin, u32 low)
{
	out(0x10 + 2 * pin, low);
}

static int setup(void **state)
{
	(void)state;
	memset(&ioapic, 0xa5, sizeof(ioapic));
	ioapic_init(&ioapic, 5, deliver, &sent);
	sent = 0;
	refuse = false;
	return 0;
}

static void test_registers(void **state)
{
	(void)state;
	assert_int_equal(in(0), 5u << 24);
	assert_int_equal(in(1), 0x00170020);
	assert_int_equal(in(2), 5u << 24);
	out(0, 0xffffffff);
	assert_int_equal(in(0), 0x0f000000);
	assert_int_equal(in(2), 0x0f000000);
	out(1, 0);
	out(2, 0);
	assert_int_equal(in(1), 0x00170020);
	assert_int_equal(in(2), 0x0f000000);
	for (unsigned int pin = 0; pin < 24; pin++) {
		assert_int_equal(entry(pin), MASKED);
		assert_int_equal(in(0x11 + 2 * pin), 0);
		set_entry(pin, 0xffff00ff | pin << 8);
		out(0x11 + 2 * pin, 0xa5ffff00 + pin);
	}
	for (unsigned int pin = 0; pin < 24; pin++) {
		/* Neither delivery status nor remote IRR, nor what is reserved. */
		assert_int_equal(entry(pin), 0x100ff | (pin << 8 & 0xaf00));
		assert_int_equal(in(0x11 + 2 * pin), 0xa5000000);
	}
	for (unsigned int reg = 0; reg < 256; reg++) {
		if (reg >= 3 && (reg < 0x10 || reg >= 0x40)) {
			out(reg, 0xffffffff);
			assert_int_equal(in(reg), 0);
		}
	}
	assert_int_equal(sent, 0);
	ioapic_reset(&ioapic);
	assert_int_equal(in(0), 5u << 24);
	assert_int_equal(entry(23), MASKED);
	assert_int_equal(in(0x3f), 0);
}

static void test_odd_accesses(void **state)
{
	(void)state;
	ioapic_io.write(&ioapic, 0, 8, 0xffffffffffffff01);
	assert_int_equal(dev_read(&ioapic_io, &ioapic, 0, 8), 1);
	assert_int_equal(dev_read(&ioapic_io, &ioapic, 0x10, 8), 0x170020);
	assert_int_equal(dev_read(&ioapic_io, &ioapic, 0x12, 1), 0x17);
	assert_int_equal(dev_read(&ioapic_io, &ioapic, 0x12, 4), 0x17);
	assert_int_equal(dev_read(&ioapic_io, &ioapic, 0x14, 4), 0);
	assert_int_equal(dev_read(&ioapic_io, &ioapic, 0x04, 4), 0);
	assert_int_equal(dev_read(&ioapic_io, &ioapic, 0x20, 4), 0xffffffff);
	assert_int_equal(dev_read(&ioapic_io, &ioapic, 0x40, 4), 0xffffffff);
	assert_int_equal(dev_read(&ioapic_io, &ioapic, ~0ull, 8), ~0ull);
	ioapic_io.write(&ioapic, 1, 4, 0x10); /* not the index, nor anything */
	assert_int_equal(in8(&ioapic_io, &ioapic, 0), 1);
	out8(&ioapic_io, &ioapic, 0, 0x10);
	ioapic_io.write(&ioapic, 0x10, 1, 0x33);
	ioapic_io.write(&ioapic, 0x10, 2, 0x33);
	ioapic_io.write(&ioapic, 0x12, 4, 0x33);
	ioapic_io.write(&ioapic, 0x40, 4, 0x33);
	assert_int_equal(entry(0), MASKED);
	ioapic_io.write(&ioapic, 0x10, 8, 0xffffffff00000033);
	assert_int_equal(entry(0), 0x33);
	assert_int_equal(in(0x11), 0);
}

static void test_edge(void **state)
{
	(void)state;
	ioapic_set_irq(&ioapic, 4, true);
	set_entry(4, 0x31); /* the edge was lost */
	assert_int_equal(sent, 0);
	ioapic_set_irq(&ioapic, 4, true);
	assert_int_equal(sent, 0);
	ioapic_set_irq(&ioapic, 4, false);
	assert_int_equal(sent, 0);
	ioapic_set_irq(&ioapic, 4, true);
	assert_int_equal(sent, 1);
	assert_int_equal(last.vector, 0x31);
	assert_false(last_level);
	assert_int_equal(entry(4), 0x31);
	ioapic_eoi(&ioapic, 0x31);
	assert_int_equal(sent, 1);
	ioapic_set_irq(&ioapic, 4, false);
	ioapic_set_irq(&ioapic, 4, true); /* without an end of interrupt */
	assert_int_equal(sent, 2);
	ioapic_set_irq(&ioapic, 4, false);
	set_entry(4, MASKED | 0x31);
	ioapic_set_irq(&ioapic, 4, true);
	ioapic_set_irq(&ioapic, 4, false);
	set_entry(4, 0x31);
	assert_int_equal(sent, 2);
	/* No pins but these. */
	for (unsigned int pin = 24; pin < 200; pin++)
		ioapic_set_irq(&ioapic, pin, true);
	ioapic_set_irq(&ioapic, ~0u, true);
	assert_int_equal(sent, 2);
	assert_int_equal(ioapic.lines, 0);
	set_entry(23, 0x77);
	ioapic_set_irq(&ioapic, 23, true);
	assert_int_equal(last.vector, 0x77);
	assert_int_equal(sent, 3);
}

static void test_level(void **state)
{
	(void)state;
	set_entry(9, LEVEL | 0x52);
	ioapic_set_irq(&ioapic, 9, true);
	assert_int_equal(sent, 1);
	assert_true(last_level);
	assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x52);
	/* Once until its end, whatever the line and the mask do. */
	ioapic_set_irq(&ioapic, 9, false);
	ioapic_set_irq(&ioapic, 9, true);
	set_entry(9, MASKED | LEVEL | 0x52);
	set_entry(9, LEVEL | 0x52);
	ioapic_eoi(&ioapic, 0x53);
	assert_int_equal(sent, 1);
	ioapic_eoi(&ioapic, 0x52); /* still up */
	assert_int_equal(sent, 2);
	assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x52);
	set_entry(9, MASKED | LEVEL | 0x52);
	ioapic_eoi(&ioapic, 0x52);
	assert_int_equal(entry(9), MASKED | LEVEL | 0x52);
	assert_int_equal(sent, 2);
	set_entry(9, LEVEL | 0x52); /* unmasked, still up */
	assert_int_equal(sent, 3);
	ioapic_set_irq(&ioapic, 9, false);
	ioapic_eoi(&ioapic, 0x52);
	assert_int_equal(sent, 3);
	assert_int_equal(entry(9), LEVEL | 0x52);
	/* Came while masked. */
	set_entry(9, MASKED | LEVEL | 0x52);
	ioapic_set_irq(&ioapic, 9, true);
	assert_int_equal(sent, 3);
	set_entry(9, LEVEL | 0x52);
	assert_int_equal(sent, 4);
	/* Edge-triggered for a moment: ended by force. */
	set_entry(9, MASKED | 0x52);
	assert_int_equal(entry(9), MASKED | 0x52);
	set_entry(9, LEVEL | 0x52);
	assert_int_equal(sent, 5);
	assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x52);
}

/* Two inputs with one vector; the polarity is the guest's affair. */
static void test_shared_vector(void **state)
{
	(void)state;
	set_entry(10, LEVEL | 0x2000 | 0x60);
	set_entry(11, LEVEL | 0x60);
	assert_int_equal(sent, 0);
	assert_int_equal(entry(10), LEVEL | 0x2000 | 0x60);
	ioapic_set_irq(&ioapic, 10, true);
	ioapic_set_irq(&ioapic, 11, true);
	assert_int_equal(sent, 2);
	ioapic_set_irq(&ioapic, 10, false);
	ioapic_eoi(&ioapic, 0x60);
	assert_int_equal(sent, 3);
	assert_int_equal(entry(10), LEVEL | 0x2000 | 0x60);
	assert_int_equal(entry(11), LEVEL | REMOTE_IRR | 0x60);
}

/* A message that no local APIC takes is not waited for. */
static void test_refused(void **state)
{
	(void)state;
	refuse = true;
	set_entry(9, LEVEL | 0x52);
	ioapic_set_irq(&ioapic, 9, true);
	assert_int_equal(sent, 1);
	assert_int_equal(entry(9), LEVEL | 0x52);
	refuse = false;
	out(0x11 + 2 * 9, 0);
	assert_int_equal(sent, 2);
	assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x52);
}

static void test_messages(void **state)
{
	(void)state;
	for (unsigned int mode = 0; mode < 8; mode++) {
		bool vector = mode == DELIVER_FIXED || mode == DELIVER_LOWEST;

		set_entry(3, LEVEL | mode << 8 | 0x40);
		out(0x11 + 2 * 3, (0x90 + mode) << 24);
		sent = 0;
		ioapic_set_irq(&ioapic, 3, true);
		assert_int_equal(sent, 1);
		assert_int_equal(last.delivery, mode);
		assert_int_equal(last.vector, 0x40);
		assert_int_equal(last.dest, 0x90 + mode);
		assert_false(last.logical);
		/* Only what has a vector has an end. */
		assert_int_equal(last_level, vector);
		assert_int_equal(!!(entry(3) & REMOTE_IRR), vector);
		ioapic_set_irq(&ioapic, 3, false);
		ioapic_eoi(&ioapic, 0x40);
		assert_int_equal(sent, 1);
	}
	set_entry(3, LOGICAL | 0x40);
	ioapic_set_irq(&ioapic, 3, true);
	assert_true(last.logical);
	assert_int_equal(last.delivery, DELIVER_FIXED);
}

static void test_reset(void **state)
{
	(void)state;
	set_entry(9, LEVEL | 0x52);
	ioapic_set_irq(&ioapic, 9, true);
	ioapic_reset(&ioapic);
	assert_int_equal(in8(&ioapic_io, &ioapic, 0), 0);
	assert_int_equal(entry(9), MASKED);
	ioapic_eoi(&ioapic, 0x52);
	assert_int_equal(sent, 1);
	set_entry(9, LEVEL | 0x53); /* the line has stayed up */
	assert_int_equal(sent, 2);
	assert_int_equal(last.vector, 0x53);
}

/* With a local APIC at the other end. */
static struct lapic lapic;
static struct apic_bus bus = { .lapics = &lapic, .count = 1 };

static bool deliver_to_lapic(void *ctx, const struct lapic_ipi *message, bool level)
{
	assert_ptr_equal(ctx, &lapic);
	return lapic_is_destination(&lapic, message) &&
	       lapic_request(&lapic, message->vector, level);
}

static void end(void *ctx, u8 vector)
{
	ioapic_eoi(ctx, vector);
}

static void setup_lapic(struct timer_queue *queue)
{
	const struct lapic_host host = { .eoi = end, .ctx = &ioapic };

	timer_queue_init(queue);
	lapic_init(&lapic, 0, &bus, &host, queue);
	lapic_io.write(&lapic, 0xf0, 4, 0x1ff);
	ioapic_init(&ioapic, 1, deliver_to_lapic, &lapic);
}

static void test_with_lapic(void **state)
{
	struct timer_queue queue;

	(void)state;
	setup_lapic(&queue);
	set_entry(9, LEVEL | 0x52);
	ioapic_set_irq(&ioapic, 9, true);
	assert_int_equal(lapic_pending(&lapic), 0x52);
	lapic_ack(&lapic, 0x52);
	assert_int_equal(lapic_pending(&lapic), -1);
	assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x52);
	lapic_io.write(&lapic, 0xb0, 4, 0);
	assert_int_equal(lapic_pending(&lapic), 0x52); /* still up */
	lapic_ack(&lapic, 0x52);
	ioapic_set_irq(&ioapic, 9, false);
	lapic_io.write(&lapic, 0xb0, 4, 0);
	assert_int_equal(lapic_pending(&lapic), -1);
	assert_int_equal(entry(9), LEVEL | 0x52);
	/* Not its destination, no vector, off: nothing is taken. */
	out(0x11 + 2 * 9, 1u << 24);
	ioapic_set_irq(&ioapic, 9, true);
	assert_int_equal(entry(9), LEVEL | 0x52);
	out(0x11 + 2 * 9, 0);
	assert_int_equal(lapic_pending(&lapic), 0x52);
	set_entry(10, LEVEL | 0x0f);
	ioapic_set_irq(&ioapic, 10, true);
	assert_int_equal(entry(10), LEVEL | 0x0f);
	lapic_io.write(&lapic, 0xf0, 4, 0xff);
	set_entry(11, LEVEL | 0x66);
	ioapic_set_irq(&ioapic, 11, true);
	assert_int_equal(entry(11), LEVEL | 0x66);
}

static void test_hostile(void **state)
{
	struct timer_queue queue;
	u64 random = 0xfec;

	(void)state;
	setup_lapic(&queue);
	for (int i = 0; i < 20000; i++) {
		u64 r = test_random(&random);
		int vector;

		hammer(&ioapic_io, &ioapic, r & 1 ? 0x20 : IOAPIC_SIZE, NULL, &random, 10);
		/* Mostly whole registers that there are, unmasked. */
		out((r >> 8) % 0x42, (u32)test_random(&random) & ~(r & 6 ? MASKED : 0));
		ioapic_set_irq(&ioapic, (r >> 16) % 32, r >> 24 & 1);
		ioapic_eoi(&ioapic, (u8)(r >> 32));
		vector = lapic_pending(&lapic);
		if (vector >= 0)
			lapic_ack(&lapic, (u8)vector);
		if (r >> 40 & 1)
			lapic_io.write(&lapic, 0xb0, 4, 0);
		for (unsigned int pin = 0; pin < 24; pin++) {
			u64 e = ioapic.entries[pin];

			assert_int_equal(e & 0x00fffffffffe1000, 0);
			assert_true(!(e & REMOTE_IRR) || (e & LEVEL));
		}
		assert_int_equal(ioapic.lines >> 24, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_odd_accesses, setup),
		cmocka_unit_test_setup(test_edge, setup),
		cmocka_unit_test_setup(test_level, setup),
		cmocka_unit_test_setup(test_shared_vector, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_messages, setup),
		cmocka_unit_test_setup(test_reset, setup),
		cmocka_unit_test_setup(test_with_lapic, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests_name("ioapic", tests, NULL, NULL);
}
