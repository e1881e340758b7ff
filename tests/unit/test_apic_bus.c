/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between local APICs, and from the I/O APIC: every form of destination for every kind of
 * message, against a model that asks each APIC by the manual's rules; who gets a lowest-priority
 * interrupt; and a hostile sender.
 */
#include "dev_fixture.h"

#include <string.h>

#include "dev/apic_bus.h"
#include "dev/ioapic.h"

enum {
	EOI = 0xb0,
	LDR = 0xd0,
	DFR = 0xe0,
	SVR = 0xf0,
	TPR = 0x80,
	ICR = 0x300,
	ICR_HIGH = 0x310,
};

#define CPUS 7u
#define ALL ((1u << CPUS) - 1)
#define VECTOR 0x61u
#define FLAT 0xffffffffu
#define CLUSTER 0x0fffffffu

static struct timer_queue queue;
static struct lapic apics[CPUS];
static struct apic_bus bus = { .lapics = apics, .count = CPUS };
static u32 signalled; /* bit: an APIC that was sent the last kind of signal */
static enum lapic_delivery last_signal;

static void on_signal(void *ctx, enum lapic_delivery delivery, u8 vector)
{
	struct lapic *apic = ctx;

	assert_int_equal(vector, VECTOR);
	assert_false(signalled & 1u << apic->id);
	signalled |= 1u << apic->id;
	last_signal = delivery;
}

static void out(unsigned int cpu, unsigned int reg, u32 value)
{
	lapic_io.write(&apics[cpu], reg, 4, value);
}

static int setup(void **state)
{
	(void)state;
	host_clock_ns = 5;
	timer_queue_init(&queue);
	bus.turn = 0;
	for (unsigned int i = 0; i < CPUS; i++) {
		const struct lapic_host host = { .signal = on_signal, .ctx = &apics[i] };

		memset(&apics[i], 0xa5, sizeof(apics[i]));
		lapic_init(&apics[i], (u8)i, &bus, &host, &queue);
		out(i, SVR, 0x1ff);
	}
	return 0;
}

/* Who has VECTOR pending; it is served. */
static u32 interrupted(void)
{
	u32 mask = 0;

	for (unsigned int i = 0; i < CPUS; i++) {
		if (!(apics[i].irr.bits[VECTOR / 64] & BIT(VECTOR % 64)))
			continue;
		mask |= 1u << i;
		lapic_ack(&apics[i], VECTOR);
		out(i, EOI, 0);
	}
	return mask;
}

static u32 send(unsigned int from, u32 dest, u32 command)
{
	signalled = 0;
	out(from, ICR_HIGH, dest << 24);
	out(from, ICR, command | VECTOR);
	return interrupted();
}

/* The manual: who is meant by an ICR? */
static u32 meant(unsigned int from, u32 dest, u32 command)
{
	u32 mask = 0;

	switch (command >> 18 & 3) {
	case 1:
		return 1u << from;
	case 2:
		return ALL;
	case 3:
		return ALL & ~(1u << from);
	}
	for (unsigned int i = 0; i < CPUS; i++) {
		u32 own = apics[i].ldr >> 24;
		bool hit = dest == 0xff || dest == i;

		if (command & 0x800)
			hit = dest == 0xff ||
			      (apics[i].dfr == FLAT ? dest & own
						    : dest >> 4 == own >> 4 && dest & own & 0xf);
		mask |= hit ? 1u << i : 0;
	}
	return mask;
}

static void logical_ids(u32 model)
{
	for (unsigned int i = 0; i < CPUS; i++) {
		out(i, DFR, model);
		out(i, LDR, (model == FLAT ? 1u << i : i / 3 << 4 | 1u << i % 3) << 24);
	}
}

static void every_destination(u32 command, u32 (*got)(unsigned int from, u32 dest, u32 command))
{
	for (unsigned int from = 0; from < CPUS; from += 2) {
		for (u32 dest = 0; dest < 256; dest++)
			assert_int_equal(got(from, dest, command), meant(from, dest, command));
	}
}

static void test_fixed(void **state)
{
	static const u32 models[] = { FLAT, CLUSTER };

	(void)state;
	for (unsigned int m = 0; m < ARRAY_SIZE(models); m++) {
		logical_ids(models[m]);
		for (u32 shorthand = 0; shorthand < 4; shorthand++) {
			every_destination(0x4000 | shorthand << 18, send);
			every_destination(0x4800 | shorthand << 18, send);
		}
	}
}

static u32 send_signal(unsigned int from, u32 dest, u32 command)
{
	assert_int_equal(send(from, dest, command), 0);
	if (signalled)
		assert_int_equal(last_signal, command >> 8 & 7);
	return signalled;
}

/* NMI, INIT and start-up IPIs; not to oneself by shorthand. */
static void test_signals(void **state)
{
	(void)state;
	logical_ids(CLUSTER);
	for (u32 delivery = DELIVER_NMI; delivery <= DELIVER_STARTUP; delivery++) {
		u32 command = 0x4000 | delivery << 8;

		every_destination(command, send_signal);
		every_destination(command | 0x800, send_signal);
		every_destination(command | 0xc0000, send_signal);
		assert_int_equal(send_signal(1, 0xff, command | 0x40000), 0);
		assert_int_equal(send_signal(1, 0xff, command | 0x80000), 0);
	}
	/* Neither SMI, nor what is reserved, nor ExtINT, nor an INIT's de-assertion. */
	assert_int_equal(send_signal(0, 0xff, 0x4200), 0);
	assert_int_equal(send_signal(0, 0xff, 0x4300), 0);
	assert_int_equal(send_signal(0, 0xff, 0x4700), 0);
	assert_int_equal(send_signal(0, 0xff, 0x8500), 0);
}

/* An APIC that is off, by MSR or by its spurious vector register. */
static void test_off(void **state)
{
	(void)state;
	assert_int_equal(lapic_write_base(&apics[2], LAPIC_BASE), 0);
	out(4, SVR, 0xff);
	assert_int_equal(send(0, 0xff, 0x4000), ALL & ~0x14u);
	/* A signal needs it to be there only. */
	send(0, 0xff, 0x4400);
	assert_int_equal(signalled, ALL & ~4u);
	assert_int_equal(send(0, 0x02, 0x4100), 0);
	assert_int_equal(send(0, 0x04, 0x4100), 0);
	for (unsigned int i = 0; i < 50; i++)
		assert_false(send(0, 0xff, 0x4100) & 0x14);
}

/* One that an INIT has stopped: nothing that its CPU still does has an effect. */
static void test_stopped(void **state)
{
	(void)state;
	out(3, ICR_HIGH, 0x05000000);
	lapic_request(&apics[3], VECTOR + 1, false);
	lapic_stop(&apics[3]);
	assert_int_equal(lapic_pending(&apics[3]), -1);
	assert_int_equal(send(0, 0xff, 0x4000), ALL & ~8u);
	assert_int_equal(send(0, 0x03, 0x4100), 0);
	signalled = 0;
	out(3, ICR, 0x4000 | VECTOR);
	out(3, ICR, 0x4500 | VECTOR);
	assert_int_equal(interrupted() | signalled, 0);
	assert_int_equal(send_signal(0, 3, 0x4500), 8);
	assert_int_equal(send_signal(0, 3, 0x4600), 8);
	lapic_reset(&apics[3]);
	assert_int_equal(apics[3].icr_high, 0);
	out(3, SVR, 0x1ff);
	assert_int_equal(send(3, 0x03, 0x4000), 8);
}

/* Each sends to all in turn, and one of those with the lowest priority takes it. */
static void test_lowest_priority(void **state)
{
	unsigned int counts[CPUS] = { 0 };

	(void)state;
	logical_ids(FLAT);
	for (unsigned int i = 0; i < 10 * CPUS; i++) {
		u32 mask = send(i % CPUS, 0xff, 0x4900);

		assert_int_equal(__builtin_popcount(mask), 1);
		counts[__builtin_ctz(mask)]++;
	}
	for (unsigned int i = 0; i < CPUS; i++)
		assert_int_equal(counts[i], 10);
	for (unsigned int i = 0; i < CPUS; i++)
		out(i, TPR, i == 3 || i == 5 ? 0x30 : 0x40);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(send(0, 0xff, 0x4900) & ~0x28u, 0);
	assert_int_equal(send(0, 0x17, 0x4900) & ~0x17u, 0);
	out(5, TPR, 0x20);
	assert_int_equal(send(3, 0x28, 0x4900), 0x20);
	/* One that serves an interrupt has its priority. */
	out(5, TPR, 0);
	lapic_request(&apics[5], 0xf0, false);
	lapic_ack(&apics[5], 0xf0);
	assert_int_equal(send(3, 0x28, 0x4900), 0x08);
	assert_int_equal(send(3, 0, 0xc4900) & 0x08, 0);
}

static bool deliver(void *ctx, const struct lapic_ipi *message, bool level)
{
	return apic_bus_deliver(ctx, message, level, NULL);
}

/* A level that two take is noted in both, and the bus knows what is on its way. */
static void test_ioapic(void **state)
{
	struct ioapic ioapic;
	struct lapic_ipi message;

	(void)state;
	logical_ids(FLAT);
	ioapic_init(&ioapic, 1, deliver, &bus);
	ioapic_io.write(&ioapic, 0, 4, 0x17);
	ioapic_io.write(&ioapic, 0x10, 4, 0x0a000000);
	ioapic_io.write(&ioapic, 0, 4, 0x16);
	ioapic_io.write(&ioapic, 0x10, 4, 0x8800 | VECTOR);
	assert_true(ioapic_message(&ioapic, 3, &message));
	assert_false(apic_bus_busy(&bus, &message));
	ioapic_set_irq(&ioapic, 3, true);
	assert_true(apic_bus_busy(&bus, &message));
	for (unsigned int i = 0; i < CPUS; i++) {
		bool there = 0x0a >> i & 1;

		assert_int_equal(lapic_pending(&apics[i]), there ? (int)VECTOR : -1);
		assert_int_equal(!!(apics[i].tmr.bits[1] & BIT(VECTOR % 64)), there);
	}
	assert_int_equal(interrupted(), 0x0a);
	assert_false(apic_bus_busy(&bus, &message));
	ioapic_set_irq(&ioapic, 3, false);
	ioapic_eoi(&ioapic, VECTOR);
	/* Nobody is there: nothing is noted, and an edge is lost. */
	ioapic_io.write(&ioapic, 0, 4, 0x17);
	ioapic_io.write(&ioapic, 0x10, 4, 0x80000000);
	ioapic_set_irq(&ioapic, 3, true);
	assert_int_equal(interrupted(), 0);
	assert_false(ioapic.entries[3] & BIT(14));
}

static void stop_or_reset(void *ctx, enum lapic_delivery delivery, u8 vector)
{
	if (delivery == DELIVER_INIT && vector & 1)
		lapic_stop(ctx);
	else if (delivery == DELIVER_INIT)
		lapic_reset(ctx);
}

static void test_hostile(void **state)
{
	u64 random = 0xb05;

	(void)state;
	for (unsigned int i = 0; i < CPUS; i++)
		apics[i].host.signal = stop_or_reset;
	for (int i = 0; i < 20000; i++) {
		u64 r = test_random(&random);
		unsigned int from = (unsigned int)(r % CPUS);

		out(from, r & 0x100 ? LDR : DFR, (u32)(r >> 32));
		out(from, SVR, 0x1ff & ~(u32)(r >> 10 & 0x100));
		out(from, ICR_HIGH, (u32)(r >> 8));
		out(from, ICR, (u32)(r >> 16));
		if ((r >> 60) == 0)
			(void)!lapic_write_base(&apics[from], r & 0x200 ? 0xfee00800 : 0xfee00000);
		for (unsigned int j = 0; j < CPUS; j++) {
			int vector = lapic_pending(&apics[j]);

			assert_int_equal(apics[j].irr.bits[0] & 0xffff, 0);
			if (vector >= 0)
				lapic_ack(&apics[j], (u8)vector);
			out(j, EOI, 0);
		}
		assert_true(bus.turn < CPUS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_fixed, setup),
		cmocka_unit_test_setup(test_signals, setup),
		cmocka_unit_test_setup(test_off, setup),
		cmocka_unit_test_setup(test_stopped, setup),
		cmocka_unit_test_setup(test_lowest_priority, setup),
		cmocka_unit_test_setup(test_ioapic, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests_name("apic_bus", tests, NULL, NULL);
}
