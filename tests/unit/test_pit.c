/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PIT: each mode's counter and output tick by tick, latches and byte order, interrupts of
 * channel 0 over long times and under tiny periods, port 61h, and a hostile guest. Ticks made
 * up for are in test_pit_owed.c and test_pit_controllers.c.
 */
#include "pit_fixture.h"

static struct line_probe line;

static bool never_busy(void *ctx)
{
	assert_ptr_equal(ctx, &line);
	return false;
}

static int setup(void **state)
{
	(void)state;
	pit_start(line_probe_init(&line, PIT_IRQ), never_busy);
	return 0;
}

static void at_tick(u64 tick)
{
	run_until(&queue, ticks_to_ns(tick, PIT_HZ));
}

static void gate2(bool on)
{
	out8(&pit_port61_io, &pit, 0, on ? 1 : 0);
}

static bool out2(void)
{
	return in8(&pit_port61_io, &pit, 0) & 0x20;
}

static unsigned int status(unsigned int channel)
{
	out(3, 0xe0 | 2u << channel);
	return in(channel);
}

/* Each look at the clock finds it later: a short one-shot ends while it is being programmed. */
static void test_slow_host(void **state)
{
	(void)state;
	for (u32 us = 0; us < 500; us += 7) {
		setup(NULL);
		host_clock_step = us * 1000;
		program(0, 0, 100);
		host_clock_step = 0;
		run_until(&queue, host_clock_ns + NS_PER_SEC);
		assert_int_equal(line.rises, 1);
	}
}

/* Terminal count on channel 2, as kernels calibrate their clocks. */
static void test_mode0(void **state)
{
	(void)state;
	at_tick(1000);
	gate2(true);
	program(2, 0, 100);
	for (u64 i = 0; i <= 100; i++) {
		at_tick(1001 + i);
		assert_int_equal(latched(2), 100 - i);
		assert_int_equal(out2(), i == 100);
	}
	at_tick(1001 + 105);
	assert_int_equal(latched(2), 0x10000 - 5);
	assert_true(out2());
	/* The first byte of a new count stops it and takes the output down. */
	out(2, 0x34);
	assert_false(out2());
	at_tick(2000);
	assert_int_equal(latched(2), 0x10000 - 5);
	out(2, 0x12);
	at_tick(2001 + 0x34);
	assert_int_equal(latched(2), 0x1200);
	/* The gate holds the count. */
	gate2(false);
	at_tick(5000);
	assert_int_equal(latched(2), 0x1200);
	gate2(true);
	at_tick(5000 + 0x11ff);
	assert_false(out2());
	at_tick(5000 + 0x1200);
	assert_true(out2());
}

static void test_mode2(void **state)
{
	(void)state;
	program(1, 2, 5);
	for (u64 i = 0; i < 50; i++) {
		at_tick(1 + i);
		assert_int_equal(latched(1), 5 - i % 5);
		assert_int_equal(status(1) >> 7, i % 5 != 4);
	}
	/* A new count is used when the cycle is over. */
	at_tick(51 + 1);
	out(1, 3);
	out(1, 0);
	assert_int_equal(latched(1), 4);
	assert_int_equal(status(1) & 0x40, 0x40);
	at_tick(51 + 4);
	assert_int_equal(latched(1), 1);
	for (u64 i = 0; i < 9; i++) {
		at_tick(56 + i);
		assert_int_equal(latched(1), 3 - i % 3);
		assert_int_equal(status(1) & 0x40, 0);
	}
}

static void test_mode3(void **state)
{
	static const u8 odd[] = { 6, 4, 2, 0, 6, 4, 2 };
	static const u8 even[] = { 6, 4, 2, 6, 4, 2 };

	(void)state;
	gate2(true);
	program(2, 3, 7);
	program(1, 3, 6);
	for (u64 i = 0; i < 84; i++) {
		at_tick(1 + i);
		assert_int_equal(latched(2), odd[i % 7]);
		assert_int_equal(out2(), i % 7 < 4);
		assert_int_equal(latched(1), even[i % 6]);
		assert_int_equal(status(1) >> 7, i % 6 < 3);
	}
	/* A new count comes in with the next half: here the low one. */
	at_tick(85 + 1);
	out(2, 20);
	out(2, 0);
	at_tick(85 + 3);
	assert_true(out2());
	for (u64 i = 0; i < 60; i++) {
		at_tick(89 + i);
		assert_int_equal(out2(), i % 20 >= 10);
	}
	/* The gate stops it with the output high, and starts it anew. */
	at_tick(149 + 3);
	assert_false(out2());
	gate2(false);
	assert_true(out2());
	at_tick(1000);
	gate2(true);
	at_tick(1001 + 9);
	assert_true(out2());
	at_tick(1001 + 10);
	assert_false(out2());
}

static void test_triggered_modes(void **state)
{
	(void)state;
	program(2, 1, 10);
	at_tick(50);
	assert_true(out2());
	gate2(true);
	at_tick(51);
	assert_false(out2());
	at_tick(51 + 9);
	assert_false(out2());
	gate2(false);
	gate2(true); /* again, from the start */
	at_tick(61 + 9);
	assert_false(out2());
	at_tick(61 + 10);
	assert_true(out2());
	/* A strobe of one tick, by software and by the gate. */
	program(2, 4, 10);
	at_tick(72 + 9);
	assert_true(out2());
	at_tick(72 + 10);
	assert_false(out2());
	at_tick(72 + 11);
	assert_true(out2());
	program(2, 5, 10);
	gate2(false);
	at_tick(200);
	gate2(true);
	at_tick(201 + 10);
	assert_false(out2());
	at_tick(201 + 11);
	assert_true(out2());
}

static void test_latches(void **state)
{
	(void)state;
	program(1, 2, 0x1234);
	at_tick(1 + 0x34);
	/* A latched count waits for both its bytes; a second latch does not replace it. */
	out(3, 0x40);
	at_tick(1 + 0x44);
	out(3, 0x40);
	assert_int_equal(in(1), 0x00);
	assert_int_equal(in(1), 0x12);
	assert_int_equal(in(1), 0xf0);
	assert_int_equal(in(1), 0x11);
	/* Status comes before count when both are latched. */
	out(3, 0xc4);
	at_tick(1 + 0x50);
	assert_int_equal(in(1), 0xb4);
	assert_int_equal(in(1), 0xf0);
	assert_int_equal(in(1), 0x11);
	assert_int_equal(in(1), 0xe4);
}

static void test_byte_access(void **state)
{
	(void)state;
	at_tick(0x51);
	out(3, 0x54);
	out(1, 0x80);
	at_tick(0x52 + 0x10);
	assert_int_equal(in(1), 0x70);
	assert_int_equal(in(1), 0x70);
	out(3, 0x64);
	out(1, 0x80);
	at_tick(0x63 + 0x100);
	assert_int_equal(in(1), 0x7f);
}

static void test_decimal(void **state)
{
	(void)state;
	at_tick(0x163);
	out(3, 0x75);
	out(1, 0x00);
	out(1, 0x10);
	at_tick(0x164 + 1);
	assert_int_equal(latched(1), 0x0999);
	out(3, 0x75);
	out(1, 0);
	out(1, 0);
	at_tick(0x166);
	assert_int_equal(latched(1), 0x0000); /* 10000 */
	at_tick(0x166 + 9999);
	assert_int_equal(latched(1), 0x0001);
	assert_int_equal(in(3), 0xff);
}

static void test_interrupts(void **state)
{
	(void)state;
	/* 100 Hz: none lost or gained in ten minutes. */
	program(0, 2, 11932);
	run_until(&queue, 600 * NS_PER_SEC);
	assert_int_equal(line.rises, 600ull * PIT_HZ / 11932);
	assert_false(line.level);
	/* Not run for half a second: one interrupt now, none lost in the end, and the phase stays. */
	host_clock_ns += NS_PER_SEC / 2;
	line.rises = 0;
	timer_queue_run(&queue, host_clock_ns);
	assert_int_equal(line.rises, 1);
	run_until(&queue, 601 * NS_PER_SEC);
	assert_int_equal(line.rises, 601ull * PIT_HZ / 11932 - 600ull * PIT_HZ / 11932);
	assert_int_equal(timer_queue_next(&queue),
			 ticks_to_ns(1 + (601ull * PIT_HZ / 11932 + 1) * 11932, PIT_HZ));
	/* One-shots as Linux programs them: modes 4 and 0, a new count each time. */
	setup(NULL);
	out(3, 0x38);
	for (u64 i = 1; i <= 10; i++) {
		u64 from = ns_to_ticks(host_clock_ns, PIT_HZ);

		out(0, 0xe8);
		out(0, 0x03);
		at_tick(from + 1 + 1000);
		assert_int_equal(line.rises, i - 1);
		at_tick(from + 1 + 1001);
		assert_int_equal(line.rises, i);
		at_tick(from + 70000);
		assert_int_equal(line.rises, i);
	}
	program(0, 0, 1000);
	run_until(&queue, host_clock_ns + NS_PER_SEC);
	assert_int_equal(line.rises, 11);
	/* A mode without a count yet is quiet. */
	program(0, 2, 1000);
	out(3, 0x34);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

static void test_half_cycle_change(void **state)
{
	(void)state;
	program(0, 3, 1000);
	at_tick(1 + 100);
	out(0, 0xd0);
	out(0, 0x07); /* 2000: low from 500 on, for 1000 */
	at_tick(1 + 1499);
	assert_int_equal(line.rises, 0);
	at_tick(1 + 1500);
	assert_int_equal(line.rises, 1);
	at_tick(1 + 3499);
	assert_int_equal(line.rises, 1);
	at_tick(1 + 3500);
	assert_int_equal(line.rises, 2);
	/* An edge that is due when the guest reprograms is not lost. */
	host_clock_ns = timer_queue_next(&queue) + 10;
	out(3, 0x34);
	assert_int_equal(line.rises, 3);
	timer_queue_run(&queue, host_clock_ns);
	assert_int_equal(line.rises, 3);
}

static void test_storm(void **state)
{
	(void)state;
	for (unsigned int mode = 2; mode <= 3; mode++) {
		for (unsigned int count = 1; count <= 30; count++) {
			u64 runs, rate = PIT_HZ / count;

			program(0, mode, count);
			runs = run_until(&queue, host_clock_ns + NS_PER_SEC);
			assert_in_range(runs, 39000, NS_PER_SEC / PIT_MIN_PERIOD_NS + 1);
			if (rate < 49000)
				assert_in_range(runs, rate - 1, rate + 1);
		}
	}
}

static void test_port61(void **state)
{
	unsigned int toggles = 0;
	u8 last = 0;

	(void)state;
	out8(&pit_port61_io, &pit, 0, 0xff);
	assert_int_equal(in8(&pit_port61_io, &pit, 0) & 0xcf, 0x0f);
	for (int i = 0; i < 1000; i++) {
		u8 now = in8(&pit_port61_io, &pit, 0);

		host_clock_ns += 5000;
		toggles += (now ^ last) >> 4 & 1;
		last = now;
	}
	assert_in_range(toggles, 325, 335);
}

static void test_hostile(void **state)
{
	u64 random = 8254;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		u64 r = test_random(&random);

		if (r % 8)
			hammer(&pit_io, &pit, PIT_PORTS, &queue, &random, 10);
		else
			hammer(&pit_port61_io, &pit, 1, &queue, &random, 2);
		for (unsigned int j = 0; j < PIT_CHANNELS; j++)
			assert_true(!pit.channel[j].counting || pit.channel[j].count);
		if (timer_armed(&pit.timer) && pit.channel[0].mode == 2)
			assert_true(timer_queue_next(&queue) >= pit.last_fire_ns + 20000);
	}
	assert_true(line.rises > 100);
	pit_reset(&pit);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_slow_host, setup),
		cmocka_unit_test_setup(test_mode0, setup),
		cmocka_unit_test_setup(test_mode2, setup),
		cmocka_unit_test_setup(test_mode3, setup),
		cmocka_unit_test_setup(test_triggered_modes, setup),
		cmocka_unit_test_setup(test_latches, setup),
		cmocka_unit_test_setup(test_byte_access, setup),
		cmocka_unit_test_setup(test_decimal, setup),
		cmocka_unit_test_setup(test_interrupts, setup),
		cmocka_unit_test_setup(test_half_cycle_change, setup),
		cmocka_unit_test_setup(test_storm, setup),
		cmocka_unit_test_setup(test_port61, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests_name("pit", tests, NULL, NULL);
}
