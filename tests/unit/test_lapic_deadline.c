/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's timer in TSC-deadline mode: when it fires, what arms and disarms it, masks, the
 * other modes, and a TSC that runs at another rate and is set.
 */
#include "dev_fixture.h"

#include "arch/clock.h"
#include "dev/apic_bus.h"

enum {
	SVR = 0xf0,
	EOI = 0xb0,
	TIMER = 0x320,
	INITIAL = 0x380,
	CURRENT = 0x390,
	DIVIDE = 0x3e0,
};

#define DEADLINE 0x40000u
#define PERIODIC 0x20000u
#define MASKED 0x10000u

static struct timer_queue queue;
static struct lapic apic;
static struct apic_bus bus = { .lapics = &apic, .count = 1 };
static u64 tsc_offset;

/* Three ticks a nanosecond. */
static u64 tsc_now(void)
{
	return host_clock_ns * 3 + tsc_offset;
}

static u64 tsc_time(void *ctx, u64 tsc)
{
	assert_ptr_equal(ctx, &apic);
	return tsc <= tsc_now() ? 0 : host_clock_ns + (tsc - tsc_now() + 2) / 3;
}

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
	const struct lapic_host host = { .tsc_time = tsc_time, .ctx = &apic };

	(void)state;
	host_clock_ns = 5;
	tsc_offset = 0;
	timer_queue_init(&queue);
	lapic_init(&apic, 0, &bus, &host, &queue);
	out(SVR, 0x1ff);
	out(TIMER, DEADLINE | 0x40);
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

static bool is_disarmed(void)
{
	return lapic_read_tsc_deadline(&apic) == 0 && timer_queue_next(&queue) == TIMER_NEVER;
}

static void test_fires(void **state)
{
	(void)state;
	assert_true(is_disarmed());
	lapic_write_tsc_deadline(&apic, 3001);
	assert_int_equal(lapic_read_tsc_deadline(&apic), 3001);
	assert_int_equal(timer_queue_next(&queue), 1001); /* rounded up */
	run_until(&queue, 1000);
	assert_int_equal(lapic_pending(&apic), -1);
	run_until(&queue, 1001);
	assert_true(take(0x40));
	assert_true(is_disarmed());
	assert_int_equal(run_until(&queue, NS_PER_SEC), 0);
	/* The past is now. */
	lapic_write_tsc_deadline(&apic, tsc_now());
	assert_true(take(0x40) && is_disarmed());
	lapic_write_tsc_deadline(&apic, 1);
	assert_true(take(0x40) && is_disarmed());
	/* The end of time is not. */
	lapic_write_tsc_deadline(&apic, ~0ull);
	run_until(&queue, 1000 * NS_PER_SEC);
	assert_int_equal(lapic_pending(&apic), -1);
	assert_true(lapic_read_tsc_deadline(&apic) == ~0ull);
	/* Moved, and disarmed. */
	lapic_write_tsc_deadline(&apic, tsc_now() + 3000);
	lapic_write_tsc_deadline(&apic, tsc_now() + 300);
	assert_int_equal(timer_queue_next(&queue), host_clock_ns + 100);
	lapic_write_tsc_deadline(&apic, 0);
	assert_true(is_disarmed());
	/* One that is due when the guest looks, or writes the next one, is not lost. */
	lapic_write_tsc_deadline(&apic, tsc_now() + 300);
	host_clock_ns += 100;
	assert_int_equal(lapic_read_tsc_deadline(&apic), 0);
	assert_true(take(0x40));
	lapic_write_tsc_deadline(&apic, tsc_now() + 300);
	host_clock_ns += 100;
	lapic_write_tsc_deadline(&apic, tsc_now() + 300);
	assert_true(take(0x40));
	assert_int_equal(timer_queue_next(&queue), host_clock_ns + 100);
	lapic_reset(&apic);
	assert_true(is_disarmed());
}

static void test_masked(void **state)
{
	(void)state;
	out(TIMER, DEADLINE | MASKED | 0x40);
	lapic_write_tsc_deadline(&apic, tsc_now() + 300);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	host_clock_ns += 50;
	out(TIMER, DEADLINE | 0x41);
	assert_int_equal(timer_queue_next(&queue), host_clock_ns + 50);
	out(TIMER, DEADLINE | MASKED | 0x40);
	host_clock_ns += 50;
	assert_true(is_disarmed());
	out(TIMER, DEADLINE | 0x40);
	assert_int_equal(lapic_pending(&apic), -1);
	lapic_write_tsc_deadline(&apic, tsc_now() + 300);
	out(SVR, 0xff); /* off: masked, and stays so */
	host_clock_ns += 100;
	out(SVR, 0x1ff);
	assert_int_equal(in(TIMER), DEADLINE | MASKED | 0x40);
	assert_true(is_disarmed());
	assert_int_equal(lapic_pending(&apic), -1);
}

static void test_modes(void **state)
{
	static const u32 others[] = { 0x40, PERIODIC | 0x40 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
		lapic_write_tsc_deadline(&apic, tsc_now() + 300);
		out(TIMER, others[i]);
		assert_true(is_disarmed());
		lapic_write_tsc_deadline(&apic, tsc_now() + 300);
		lapic_write_tsc_deadline(&apic, 1);
		assert_true(is_disarmed());
		assert_int_equal(lapic_pending(&apic), -1);
		out(DIVIDE, 0xb);
		out(INITIAL, 1000);
		assert_int_equal(in(CURRENT), 1000);
		out(TIMER, DEADLINE | 0x40);
		assert_int_equal(in(INITIAL), 0);
		assert_int_equal(in(CURRENT), 0);
		assert_true(is_disarmed());
		out(INITIAL, 1000);
		assert_int_equal(in(INITIAL), 0);
		assert_true(is_disarmed());
	}
	/* What has expired is delivered as the old entry says. */
	lapic_write_tsc_deadline(&apic, tsc_now() + 300);
	host_clock_ns += 100;
	out(TIMER, PERIODIC | 0x50);
	assert_true(take(0x40));
	/* The fourth mode is this one. */
	out(TIMER, DEADLINE | PERIODIC | 0x40);
	assert_int_equal(in(TIMER), DEADLINE | 0x40);
	/* Another divisor does not matter. */
	lapic_write_tsc_deadline(&apic, tsc_now() + 300);
	out(DIVIDE, 0);
	assert_int_equal(timer_queue_next(&queue), host_clock_ns + 100);
}

static void test_tsc_set(void **state)
{
	(void)state;
	tsc_offset = 1000000;
	lapic_tsc_changed(&apic);
	assert_true(is_disarmed());
	lapic_write_tsc_deadline(&apic, tsc_now() + 3000);
	tsc_offset += 2700;
	lapic_tsc_changed(&apic);
	assert_int_equal(timer_queue_next(&queue), host_clock_ns + 100);
	tsc_offset -= 6000;
	lapic_tsc_changed(&apic);
	assert_int_equal(timer_queue_next(&queue), host_clock_ns + 2100);
	tsc_offset += 6300;
	lapic_tsc_changed(&apic);
	assert_true(take(0x40) && is_disarmed());
	/* What has expired before it was set back does not come twice. */
	lapic_write_tsc_deadline(&apic, tsc_now() + 300);
	host_clock_ns += 100;
	tsc_offset -= 300;
	lapic_tsc_changed(&apic);
	assert_true(take(0x40) && is_disarmed());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_fires, setup),
		cmocka_unit_test_setup(test_masked, setup),
		cmocka_unit_test_setup(test_modes, setup),
		cmocka_unit_test_setup(test_tsc_set, setup),
	};

	return cmocka_run_group_tests_name("lapic_deadline", tests, NULL, NULL);
}
