/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC: registers and reset state, priorities and end of interrupt, errors, IPIs and
 * destinations between several, the way of the 8259's interrupts, a hostile guest. Its timer
 * has a test of its own.
 */
#include "dev_fixture.h"

#include <string.h>

#include "dev/apic_bus.h"
#include "lib/err.h"

enum {
	ID = 0x20,
	VERSION = 0x30,
	TPR = 0x80,
	PPR = 0xa0,
	EOI = 0xb0,
	LDR = 0xd0,
	DFR = 0xe0,
	SVR = 0xf0,
	ISR = 0x100,
	TMR = 0x180,
	IRR = 0x200,
	ESR = 0x280,
	ICR = 0x300,
	ICR_HIGH = 0x310,
	TIMER = 0x320,
	LINT0 = 0x350,
	LINT1 = 0x360,
	ERROR = 0x370,
};

#define CPUS 4u

static struct timer_queue queue;
static struct lapic apics[CPUS];
static struct apic_bus bus = { .lapics = apics, .count = CPUS };
static unsigned int updates;
static unsigned int signals[CPUS];
static enum lapic_delivery last_signal;
static u8 last_vector;

static void update(void *ctx)
{
	assert_non_null(ctx);
	updates++;
}

static void signalled(void *ctx, enum lapic_delivery delivery, u8 vector)
{
	struct lapic *apic = ctx;

	signals[apic->id]++;
	last_signal = delivery;
	last_vector = vector;
	if (delivery == DELIVER_INIT)
		lapic_reset(apic);
}

static u32 in(unsigned int reg)
{
	return (u32)dev_read(&lapic_io, &apics[0], reg, 4);
}

static void out(unsigned int reg, u32 value)
{
	lapic_io.write(&apics[0], reg, 4, value);
}

static int setup(void **state)
{
	(void)state;
	host_clock_ns = 5;
	timer_queue_init(&queue);
	for (unsigned int i = 0; i < CPUS; i++) {
		const struct lapic_host host = { .update = update,
						 .signal = signalled,
						 .ctx = &apics[i] };

		memset(&apics[i], 0xa5, sizeof(apics[i]));
		lapic_init(&apics[i], (u8)i, &bus, &host, &queue);
		lapic_io.write(&apics[i], SVR, 4, 0x1ff);
	}
	memset(signals, 0, sizeof(signals));
	updates = 0;
	return 0;
}

static void test_reset_state(void **state)
{
	(void)state;
	lapic_reset(&apics[0]);
	assert_int_equal(in(ID), 0);
	assert_int_equal(in(VERSION), 0x1050014);
	assert_int_equal(in(DFR), 0xffffffff);
	assert_int_equal(in(SVR), 0xff);
	for (unsigned int reg = TIMER; reg <= ERROR; reg += 16) {
		assert_int_equal(in(reg), 0x10000);
		out(reg, 0xfe); /* cannot be unmasked while off */
		assert_int_equal(in(reg), 0x100fe);
	}
	assert_false(lapic_accepts_pic(&apics[0]));
	lapic_init_virtual_wire(&apics[0]);
	assert_int_equal(in(SVR), 0x1ff);
	assert_int_equal(in(LINT0), 0x700);
	assert_int_equal(in(LINT1), 0x400);
	assert_true(lapic_accepts_pic(&apics[0]));
	out(LINT0, 0x10700);
	assert_false(lapic_accepts_pic(&apics[0]));
	out(LINT0, 0x00030);
	assert_false(lapic_accepts_pic(&apics[0]));
	out(LINT0, 0x00700);
	assert_true(lapic_accepts_pic(&apics[0]));
	out(SVR, 0xff); /* off: everything is masked, and stays so */
	out(SVR, 0x1ff);
	assert_int_equal(in(LINT0), 0x10700);
	out(TIMER, 0xffffffff); /* TSC-deadline and periodic is no mode; no reserved bits */
	assert_int_equal(in(TIMER), 0x500ff);
}

static void test_priorities(void **state)
{
	struct lapic *apic = &apics[0];

	(void)state;
	assert_int_equal(lapic_pending(apic), -1);
	lapic_request(apic, 0x31, false);
	lapic_request(apic, 0x52, true);
	assert_int_equal(lapic_pending(apic), 0x52);
	assert_int_equal(in(IRR + 0x10), 1u << 0x11);
	assert_int_equal(in(IRR + 0x20), 1u << 0x12);
	assert_int_equal(in(TMR + 0x20), 1u << 0x12);
	lapic_ack(apic, 0x52);
	assert_int_equal(in(ISR + 0x20), 1u << 0x12);
	assert_int_equal(in(PPR), 0x50);
	assert_int_equal(lapic_pending(apic), -1);
	lapic_request(apic, 0x5f, false); /* the same class waits */
	assert_int_equal(lapic_pending(apic), -1);
	lapic_request(apic, 0xff, false);
	assert_int_equal(lapic_pending(apic), 0xff);
	lapic_ack(apic, 0xff);
	out(EOI, 0);
	assert_int_equal(lapic_pending(apic), -1);
	out(EOI, 0);
	assert_int_equal(lapic_pending(apic), 0x5f);
	/* Task priority: its class and those below wait; CR8 is its upper half. */
	out(TPR, 0x5a);
	assert_int_equal(in(PPR), 0x5a);
	assert_int_equal(lapic_read_cr8(apic), 5);
	assert_int_equal(lapic_pending(apic), -1);
	lapic_write_cr8(apic, 5); /* the first use of CR8 is told as well */
	updates = 0;
	lapic_write_cr8(apic, 4);
	assert_int_equal(updates, 1);
	assert_int_equal(in(TPR), 0x40);
	assert_int_equal(lapic_pending(apic), 0x5f);
	lapic_ack(apic, 0x5f);
	lapic_ack(apic, 0x5f); /* not requested any more: nothing */
	out(EOI, 0);
	out(TPR, 0);
	assert_int_equal(lapic_pending(apic), 0x31);
}

/* What is requested when it is turned off is held, not lost; nothing new comes in. */
static void test_soft_disable(void **state)
{
	struct lapic *apic = &apics[0];

	(void)state;
	lapic_request(apic, 0x31, false);
	out(SVR, 0);
	assert_int_equal(lapic_pending(apic), -1);
	lapic_request(apic, 0x99, false);
	out(SVR, 0x100);
	assert_int_equal(lapic_pending(apic), 0x31);
	lapic_ack(apic, 0x31);
	out(EOI, 0);
	assert_int_equal(lapic_pending(apic), -1);
}

static void test_errors(void **state)
{
	(void)state;
	out(ERROR, 0xfe);
	out(ICR, 0x4000f); /* a vector that must not be sent */
	assert_int_equal(in(ESR), 0);
	out(ESR, 0);
	assert_int_equal(in(ESR), 0x20);
	assert_int_equal(lapic_pending(&apics[0]), 0xfe);
	lapic_request(&apics[0], 3, false);
	in(0x3f0);
	out(0x40, 1);
	out(VERSION, 1); /* read-only is no error */
	out(ESR, 0);
	assert_int_equal(in(ESR), 0xc0);
	out(ESR, 0);
	assert_int_equal(in(ESR), 0);
	out(ERROR, 0x05); /* the error interrupt's own vector is wrong */
	in(0x3f0);
	out(ESR, 0);
	assert_int_equal(in(ESR), 0xc0);
}

static unsigned int who_got(u8 vector)
{
	unsigned int mask = 0;

	for (unsigned int i = 0; i < CPUS; i++) {
		if (lapic_pending(&apics[i]) == vector) {
			mask |= 1u << i;
			lapic_ack(&apics[i], vector);
			lapic_io.write(&apics[i], EOI, 4, 0);
		}
	}
	return mask;
}

static unsigned int sent_to(u32 dest, u32 command)
{
	out(ICR_HIGH, dest << 24);
	out(ICR, command);
	assert_int_equal(in(ICR), command);
	return who_got((u8)command);
}

static void test_ipi(void **state)
{
	(void)state;
	assert_int_equal(sent_to(2, 0x4040), 0x4);
	assert_int_equal(sent_to(0, 0x4040), 0x1);
	assert_int_equal(sent_to(9, 0x4040), 0x0);
	assert_int_equal(sent_to(0xff, 0x4040), 0xf);
	assert_int_equal(sent_to(2, 0x44040), 0x1); /* shorthands */
	assert_int_equal(sent_to(2, 0x84040), 0xf);
	assert_int_equal(sent_to(2, 0xc4040), 0xe);
	assert_int_equal(__builtin_popcount(sent_to(0xff, 0x4140)), 1);
	/* Logical: flat, then clusters of two. */
	for (unsigned int i = 0; i < CPUS; i++)
		lapic_io.write(&apics[i], LDR, 4, 0x01000000u << i);
	assert_int_equal(sent_to(0x06, 0x4840), 0x6);
	assert_int_equal(sent_to(0x09, 0x4840), 0x9);
	assert_int_equal(sent_to(0xff, 0x4840), 0xf);
	assert_int_equal(__builtin_popcount(sent_to(0x0e, 0x4940)), 1);
	for (unsigned int i = 0; i < CPUS; i++) {
		lapic_io.write(&apics[i], DFR, 4, 0);
		lapic_io.write(&apics[i], LDR, 4, (i / 2) << 28 | 0x01000000u << i % 2);
	}
	assert_int_equal(sent_to(0x13, 0x4840), 0xc);
	assert_int_equal(sent_to(0x02, 0x4840), 0x2);
	assert_int_equal(sent_to(0x23, 0x4840), 0x0);
	assert_int_equal(sent_to(0xff, 0x4840), 0xf);
}

static void test_signals(void **state)
{
	(void)state;
	sent_to(3, 0x4400);
	assert_int_equal(signals[3], 1);
	assert_int_equal(last_signal, DELIVER_NMI);
	sent_to(0, 0x4400);
	assert_int_equal(signals[0], 1);
	sent_to(0, 0xc4400);
	assert_int_equal(signals[0] + signals[1] + signals[2] + signals[3], 5);
	sent_to(1, 0xc500); /* INIT, and its de-assertion */
	assert_int_equal(signals[1], 2);
	assert_int_equal(last_signal, DELIVER_INIT);
	sent_to(1, 0x8500);
	assert_int_equal(signals[1], 2);
	sent_to(1, 0x469a);
	assert_int_equal(last_signal, DELIVER_STARTUP);
	assert_int_equal(last_vector, 0x9a);
	memset(signals, 0, sizeof(signals));
	sent_to(0, 0x44500); /* not to oneself by shorthand; no SMI, no reserved modes */
	sent_to(0, 0x84400);
	sent_to(1, 0x4200);
	sent_to(1, 0x4340);
	sent_to(1, 0x4740);
	for (unsigned int i = 0; i < CPUS; i++)
		assert_int_equal(signals[i], 0);
	out(ICR_HIGH, 0);
	out(ICR, 0xc500); /* an INIT to oneself by id leaves a reset APIC */
	assert_int_equal(in(ICR), 0);
	assert_int_equal(in(SVR), 0xff);
}

static void test_base_msr(void **state)
{
	struct lapic *apic = &apics[0];

	(void)state;
	assert_int_equal(lapic_read_base(apic), 0xfee00900);
	assert_int_equal(lapic_read_base(&apics[1]), 0xfee00800);
	assert_int_equal(lapic_write_base(apic, 0xfee00901), E_INVAL);
	assert_int_equal(lapic_write_base(apic, 0xfed00900), E_UNSUPPORTED);
	assert_int_equal(lapic_write_base(apic, 0x1fee00900), E_UNSUPPORTED);
	lapic_request(apic, 0x40, false);
	assert_int_equal(lapic_write_base(apic, 0xfee00800), 0);
	assert_int_equal(lapic_read_base(apic), 0xfee00900);
	assert_int_equal(lapic_pending(apic), 0x40);
	updates = 0;
	assert_int_equal(lapic_write_base(apic, 0xfee00100), 0);
	assert_int_not_equal(updates, 0);
	assert_int_equal(lapic_read_base(apic), 0xfee00100);
	assert_true(lapic_accepts_pic(apic));
	assert_int_equal(lapic_pending(apic), -1);
	assert_int_equal(in(SVR), 0xffffffff);
	out(SVR, 0x1ff);
	lapic_request(apic, 0x40, false);
	assert_int_equal(lapic_pending(apic), -1);
	assert_int_equal(lapic_write_base(apic, 0xfee00900), 0);
	assert_int_equal(in(SVR), 0xff);
	assert_false(lapic_accepts_pic(apic));
}

static void test_odd_accesses(void **state)
{
	struct lapic *apic = &apics[0];

	(void)state;
	assert_int_equal(dev_read(&lapic_io, apic, VERSION + 2, 1), 5);
	assert_int_equal(dev_read(&lapic_io, apic, VERSION + 3, 1), 1);
	assert_int_equal(dev_read(&lapic_io, apic, VERSION, 2), 0x14);
	assert_int_equal(dev_read(&lapic_io, apic, VERSION, 8), 0x1050014);
	assert_int_equal(dev_read(&lapic_io, apic, VERSION + 4, 4), 0);
	lapic_io.write(apic, TPR, 1, 0x70);
	lapic_io.write(apic, TPR + 1, 4, 0x70);
	lapic_io.write(apic, TPR + 4, 4, 0x70);
	assert_int_equal(in(TPR), 0);
	lapic_io.write(apic, TPR, 8, 0xffffffff00000070);
	assert_int_equal(in(TPR), 0x70);
}

static void test_hostile(void **state)
{
	u64 random = 0xfee;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		u64 r = test_random(&random);
		struct lapic *apic = &apics[r % CPUS];
		int vector;

		hammer(&lapic_io, apic, LAPIC_SIZE, &queue, &random, 20);
		/* Mostly the registers that there are, at their own addresses. */
		for (int j = 0; j < 20; j++) {
			u64 value = test_random(&random) >> (random % 64);

			lapic_io.write(apic, (value >> 8) % 0x40 * 16, 4, (u32)value);
		}
		lapic_request(apic, (u8)(r >> 8), r >> 20 & 1);
		vector = lapic_pending(apic);
		if (vector >= 0)
			lapic_ack(apic, (u8)vector);
		if (r >> 21 & 1)
			lapic_io.write(apic, SVR, 4, 0x1ff);
		if (r >> 22 & 1)
			(void)!lapic_write_base(apic, r & 0xf00 ? 0xfee00800 : 0xfee00000);
		lapic_write_cr8(apic, r >> 30);
		assert_int_equal(apic->irr.bits[0] & 0xffff, 0);
		assert_true(!apic->timer_running || apic->timer_initial);
	}
	for (unsigned int i = 0; i < CPUS; i++)
		lapic_reset(&apics[i]);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reset_state, setup),
		cmocka_unit_test_setup(test_priorities, setup),
		cmocka_unit_test_setup(test_soft_disable, setup),
		cmocka_unit_test_setup(test_errors, setup),
		cmocka_unit_test_setup(test_ipi, setup),
		cmocka_unit_test_setup(test_signals, setup),
		cmocka_unit_test_setup(test_base_msr, setup),
		cmocka_unit_test_setup(test_odd_accesses, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests_name("lapic", tests, NULL, NULL);
}
