/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's timer: one-shot and periodic, masked and not, divisors, changes while it
 * runs, lateness, and periods too short to serve.
 */
#include "dev_fixture.h"

#include "arch/clock.h"
#include "dev/apic_bus.h"

enum {
	EOI = 0xb0,
	SVR = 0xf0,
	TIMER = 0x320,
	INITIAL = 0x380,
	CURRENT = 0x390,
	DIVIDE = 0x3e0,
};

static struct timer_queue queue;
static struct lapic apic;
static struct apic_bus bus = { .lapics = &apic, .count = 1 };

static u32 in(unsigned int reg)
{
	return (u32)dev_read(&lapic_io, &apic, reg, 4);
}

static void out(unsigned int reg, u32 value)
{
	lapic_io.write(&apic, reg, 4, value);
}

static int setup(void **state)
{
	const struct lapic_host host = { 0 };

	(void)state;
	host_clock_ns = 5;
	timer_queue_init(&queue);
	lapic_init(&apic, 0, &bus, &host, &queue);
	out(SVR, 0x1ff);
	return 0;
}

/* Serve vector, if it is what is pending. */
static bool take(u8 vector)
{
	if (lapic_pending(&apic) != vector)
		return false;
	lapic_ack(&apic, vector);
	out(EOI, 0);
	return true;
}

static void test_timer_one_shot(void **state)
{
	(void)state;
	out(DIVIDE, 0x0b);
	out(TIMER, 0x40);
	out(INITIAL, 1000);
	assert_int_equal(in(CURRENT), 1000);
	run_until(&queue, 5 + 400);
	assert_int_equal(in(CURRENT), 600);
	out(DIVIDE, 0x0a); /* 128: the rest at the new rate */
	assert_int_equal(in(CURRENT), 600);
	run_until(&queue, 405 + 128 * 599);
	assert_int_equal(in(CURRENT), 1);
	assert_int_equal(lapic_pending(&apic), -1);
	run_until(&queue, 405 + 128 * 600);
	assert_int_equal(in(CURRENT), 0);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	assert_true(take(0x40));
	/* Masked it counts, and what ends meanwhile has ended. */
	out(TIMER, 0x10040);
	out(INITIAL, 0xffffffff);
	host_clock_ns += 128 * 1000;
	assert_int_equal(in(CURRENT), 0xffffffff - 1000);
	out(INITIAL, 10);
	host_clock_ns += 128 * 10;
	out(TIMER, 0x40);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	out(TIMER, 0x20040);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	assert_int_equal(lapic_pending(&apic), -1);
	/* One that is due when the guest writes the next count is not lost. */
	out(TIMER, 0x41);
	out(INITIAL, 10);
	host_clock_ns += 128 * 10;
	out(INITIAL, 1000);
	assert_int_equal(lapic_pending(&apic), 0x41);
	out(INITIAL, 0);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	assert_int_equal(in(CURRENT), 0);
}

static void test_timer_divide(void **state)
{
	static const u8 codes[] = { 0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa };

	(void)state;
	out(TIMER, 0x10040);
	for (unsigned int i = 0; i < ARRAY_SIZE(codes); i++) {
		out(DIVIDE, codes[i] | 0xfffffff4);
		assert_int_equal(in(DIVIDE), codes[i]);
		out(INITIAL, 1000000);
		host_clock_ns += 128 * 1000;
		assert_int_equal(in(CURRENT), 1000000 - 128000 / (1u << i));
	}
}

static void test_timer_periodic(void **state)
{
	unsigned int ticks = 0;
	u64 start;

	(void)state;
	out(DIVIDE, 0x03); /* 16 */
	out(TIMER, 0x20040);
	start = host_clock_ns;
	out(INITIAL, 62500); /* 1 ms */
	for (int i = 0; i < 10000; i++) {
		run_until(&queue, timer_queue_next(&queue));
		ticks += take(0x40);
		assert_int_equal(host_clock_ns, start + (u64)ticks * 1000000);
	}
	assert_int_equal(ticks, 10000);
	run_until(&queue, host_clock_ns + 16 * 500);
	assert_int_equal(in(CURRENT), 62000);
	/* Late by many periods: one interrupt, the phase stays. */
	host_clock_ns += NS_PER_SEC;
	timer_queue_run(&queue, host_clock_ns);
	assert_true(take(0x40));
	assert_int_equal(timer_queue_next(&queue), start + 11001000000);
	/* Made one-shot, the running period is the last. */
	out(TIMER, 0x40);
	assert_int_equal(in(CURRENT), 62000);
	assert_int_equal(run_until(&queue, host_clock_ns + NS_PER_SEC), 1);
	/* Tiny periods do not storm. */
	out(DIVIDE, 0x0b);
	out(TIMER, 0x20040);
	for (u32 count = 1; count < 30000; count = count * 5 / 4 + 1) {
		u64 runs;

		out(INITIAL, count);
		runs = run_until(&queue, host_clock_ns + NS_PER_SEC / 10);
		assert_in_range(runs, 2500, NS_PER_SEC / 10 / LAPIC_MIN_PERIOD_NS + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_timer_one_shot, setup),
		cmocka_unit_test_setup(test_timer_divide, setup),
		cmocka_unit_test_setup(test_timer_periodic, setup),
	};

	return cmocka_run_group_tests_name("lapic_timer", tests, NULL, NULL);
}
