/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PIT's interrupts to a CPU that does not take them in time: what is owed and for how long,
 * and at which pace it is made up for. With the interrupt controllers between: test_pit_controllers.c.
 */
#include "pit_fixture.h"

#define ONE_SECOND_OWED (PIT_HZ / COUNT)

static bool busy;
static unsigned int pulses; /* all there were */
static unsigned int seen; /* ticks that a CPU that was not busy got */
static u64 last_seen, least_gap;

static void tick_set(void *ctx, unsigned int pin, bool level)
{
	assert_ptr_equal(ctx, &seen);
	assert_int_equal(pin, PIT_IRQ);
	pulses += level;
	if (!level || busy)
		return;
	if (seen++)
		least_gap = MIN(least_gap, host_clock_ns - last_seen);
	last_seen = host_clock_ns;
}

static bool is_busy(void *ctx)
{
	assert_ptr_equal(ctx, &seen);
	return busy;
}

static void start(void)
{
	seen = 0;
	pulses = 0;
	least_gap = ~0ull;
}

static int setup(void **state)
{
	const struct irq_line irq = { .set = tick_set, .ctx = &seen, .pin = PIT_IRQ };

	(void)state;
	busy = false;
	start();
	pit_start(irq, is_busy);
	return 0;
}

static void test_busy(void **state)
{
	(void)state;
	for (unsigned int mode = 2; mode <= 3; mode++) {
		setup(NULL);
		program(0, mode, COUNT);
		past_edge(10);
		assert_int_equal(seen, 10);
		busy = true;
		past_edge(30);
		assert_int_equal(seen, 10);
		assert_int_equal(pulses, 30);
		/* Free again: faster, but not in a burst, until none is missing. */
		busy = false;
		past_edge(31);
		assert_in_range(seen, 17, 19);
		past_edge(34);
		assert_int_equal(seen, 34);
		assert_true(least_gap >= PERIOD_NS / 8);
		/* Then as ever, where the edges are. */
		for (u64 i = 35; i < 50; i++) {
			assert_int_equal(timer_queue_next(&queue), edge_ns(i));
			past_edge(i);
			assert_int_equal(seen, i);
		}
	}
}

/* A CPU that needs half a period for each tick still gets all of them. */
static void test_slow_cpu(void **state)
{
	u64 taken = 0;

	(void)state;
	program(0, 2, COUNT);
	busy = true;
	past_edge(40);
	busy = false;
	while (host_clock_ns < edge_ns(200)) {
		run_until(&queue, host_clock_ns + PERIOD_NS / 100);
		if (seen > taken && !busy) {
			taken = seen;
			busy = true;
		} else if (busy && host_clock_ns > last_seen + PERIOD_NS / 2) {
			busy = false;
		}
	}
	assert_in_range(seen, 199, 200);
}

static void test_late(void **state)
{
	(void)state;
	program(0, 2, COUNT);
	past_edge(10);
	host_clock_ns = edge_ns(20) + PERIOD_NS * 9 / 10;
	timer_queue_run(&queue, host_clock_ns);
	assert_int_equal(seen, 11);
	timer_queue_run(&queue, host_clock_ns);
	assert_int_equal(seen, 11);
	/* An access by the guest finds the same. */
	host_clock_ns += PERIOD_NS / 8 + 1;
	latched(0);
	assert_int_equal(seen, 12);
	latched(0);
	assert_int_equal(seen, 12);
	past_edge(24);
	assert_int_equal(seen, 24);
	assert_true(least_gap >= PERIOD_NS / 8);
	assert_int_equal(timer_queue_next(&queue), edge_ns(25));
	/* A little late is not a tick more. */
	host_clock_ns = edge_ns(26) - 1;
	timer_queue_run(&queue, host_clock_ns);
	assert_int_equal(seen, 25);
	past_edge(26);
	assert_int_equal(seen, 25);
	run_until(&queue, edge_ns(26) + PERIOD_NS / 8 + 1);
	assert_int_equal(seen, 26);
	past_edge(40);
	assert_int_equal(seen, 40);
	assert_true(least_gap >= PERIOD_NS / 8);
}

static void test_bound(void **state)
{
	(void)state;
	program(0, 2, COUNT);
	busy = true;
	past_edge(1000);
	/* Nothing but the edges keeps the host busy by now. */
	assert_in_range(past_edge(2000), 1000, 1000);
	busy = false;
	past_edge(2400);
	assert_int_equal(seen, 399 + ONE_SECOND_OWED);
	host_clock_ns += 3600 * NS_PER_SEC;
	start();
	timer_queue_run(&queue, host_clock_ns);
	run_until(&queue, host_clock_ns + 10 * NS_PER_SEC);
	assert_in_range(seen, ONE_SECOND_OWED + 2499, ONE_SECOND_OWED + 2501);
	assert_true(least_gap >= PERIOD_NS / 8);
}

/* Twenty ticks owed, of which one has been made up for. */
static void owe_twenty(void)
{
	setup(NULL);
	program(0, 2, COUNT);
	busy = true;
	past_edge(20);
	busy = false;
	run_until(&queue, timer_queue_next(&queue));
	assert_int_equal(seen, 1);
}

static void test_reprogramming(void **state)
{
	(void)state;
	owe_twenty();
	out(3, 0x34);
	run_until(&queue, host_clock_ns + NS_PER_SEC);
	assert_int_equal(seen, 1);
	out(0, COUNT & 0xff);
	out(0, COUNT >> 8);
	run_until(&queue, host_clock_ns + NS_PER_SEC);
	assert_int_equal(seen, 1 + ONE_SECOND_OWED);
	/* A new count alone. */
	owe_twenty();
	out(0, COUNT & 0xff);
	out(0, COUNT >> 8);
	past_edge(40);
	assert_int_equal(seen, 1 + 20);
	/* Reset. */
	owe_twenty();
	pit_reset(&pit);
	program(0, 2, COUNT);
	run_until(&queue, host_clock_ns + NS_PER_SEC);
	assert_int_equal(seen, 1 + ONE_SECOND_OWED);
	/* Latches, other channels and port 61h are something else. */
	owe_twenty();
	latched(0);
	out(3, 0xce);
	out(3, 0x74);
	out(1, 100);
	out(1, 0);
	out8(&pit_port61_io, &pit, 0, 1);
	past_edge(40);
	assert_int_equal(seen, 40);
}

static void test_counter(void **state)
{
	(void)state;
	owe_twenty();
	while (host_clock_ns < edge_ns(30)) {
		u64 ticks = ns_to_ticks(host_clock_ns, PIT_HZ) - 1;

		assert_int_equal(latched(0), COUNT - ticks % COUNT);
		run_until(&queue, host_clock_ns + PERIOD_NS / 37);
	}
}

/* What comes once is not repeated, and does not wait. */
static void test_one_shot(void **state)
{
	static const u8 modes[] = { 0, 4 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		owe_twenty();
		program(0, modes[i], 1000);
		run_until(&queue, host_clock_ns + NS_PER_SEC);
		assert_int_equal(seen, 2);
		program(0, modes[i], 1000);
		busy = true;
		run_until(&queue, host_clock_ns + NS_PER_SEC);
		busy = false;
		run_until(&queue, host_clock_ns + NS_PER_SEC);
		assert_int_equal(seen, 2);
		assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	}
}

/* Rates near and beyond what is delivered at all. */
static void test_fast(void **state)
{
	(void)state;
	for (unsigned int count = 2; count < 200; count++) {
		u64 rate = PIT_HZ / count, from;

		setup(NULL);
		program(0, 2, count);
		busy = true;
		/* Looks at the CPU come no faster than ticks may. */
		assert_true(run_until(&queue, NS_PER_SEC / 10) <= 5001);
		busy = false;
		run_until(&queue, NS_PER_SEC / 5);
		assert_true(least_gap >= PIT_MIN_PERIOD_NS);
		assert_true(least_gap >= ticks_to_ns(count, PIT_HZ) / 8);
		run_until(&queue, 10 * NS_PER_SEC);
		start();
		from = host_clock_ns;
		run_until(&queue, from + NS_PER_SEC);
		assert_true(seen <= NS_PER_SEC / PIT_MIN_PERIOD_NS + 1);
		if (rate < 49000)
			assert_in_range(seen, rate, rate + 1);
	}
	/* Never delivered at their rate, so not owed: the rest is over at once. */
	setup(NULL);
	program(0, 2, 10);
	busy = true;
	run_until(&queue, NS_PER_SEC);
	busy = false;
	run_until(&queue, NS_PER_SEC + 50000);
	assert_int_equal(pit.owed, 0);
}

/* The host was late while a new count waited for its cycle: edges of both rates. */
static void test_late_change(void **state)
{
	(void)state;
	for (unsigned int mode = 2; mode <= 3; mode++) {
		setup(NULL);
		program(0, mode, 10000);
		run_until(&queue, ticks_to_ns(1 + 7000, PIT_HZ));
		out(0, 4000 & 0xff);
		out(0, 4000 >> 8);
		host_clock_ns = ticks_to_ns(1 + 10000 + 20 * 4000 + 2000, PIT_HZ);
		timer_queue_run(&queue, host_clock_ns);
		assert_int_equal(seen, 1);
		run_until(&queue, ticks_to_ns(1 + 10000 + 30 * 4000 + 2000, PIT_HZ));
		assert_int_equal(seen, 31);
		assert_int_equal(timer_queue_next(&queue),
				 ticks_to_ns(1 + 10000 + 31 * 4000, PIT_HZ));
	}
}

static void test_hostile(void **state)
{
	u64 random = 82540;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		u64 r = test_random(&random);

		busy = r & 1;
		if (r >> 8 & 1)
			program(0, 2 + (r >> 9 & 1), (unsigned int)(r >> 16 & 0xffff));
		hammer(&pit_io, &pit, PIT_PORTS, &queue, &random, 10);
		assert_true(pit.owed <= PIT_HZ);
		if (timer_armed(&pit.timer) && pit_channel_is_periodic(&pit.channel[0]))
			assert_true(timer_queue_next(&queue) >= pit.last_fire_ns + 20000);
	}
	assert_true(seen > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_busy, setup),
		cmocka_unit_test_setup(test_slow_cpu, setup),
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_bound, setup),
		cmocka_unit_test_setup(test_reprogramming, setup),
		cmocka_unit_test_setup(test_counter, setup),
		cmocka_unit_test_setup(test_one_shot, setup),
		cmocka_unit_test_setup(test_fast, setup),
		cmocka_unit_test_setup(test_late_change, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests_name("pit owed", tests, NULL, NULL);
}
