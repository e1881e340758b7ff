/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254's channel 2, whose gate is bit 0 of port 61h and whose output is bit 5: what starts, stops
 * and restarts each mode. Levels of the output that last only for a while are looked at together with
 * the time, as the host may take its CPU away in between.
 */
#include "tests/guest/timers.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/tap.h"

#define PORT_61 0x61
#define GATE 0x01u
#define SPEAKER 0x02u
#define OUT 0x20u
#define NULL_COUNT 0x40u
#define RETRIGGERED 1u /* mode */
#define STROBE 4u
#define TRIGGERED_STROBE 5u
#define COUNT_10MS 11932u
#define LONG_US 9990u /* 10 ms, but for begun ticks of both clocks */

static void gate(bool open)
{
	u8 rest = inb(PORT_61) & (u8) ~(GATE | SPEAKER) & 0x0f;

	outb(PORT_61, (u8)(rest | (open ? GATE : 0)));
}

static bool out(void)
{
	return inb(PORT_61) & OUT;
}

/* The output is low, or it was so long ago that it may be high again. */
static bool low_for_10ms(u32 start)
{
	return !out() || pm_timer_since(start) > pm_timer_ticks(LONG_US);
}

static bool high_after_10ms(u32 start)
{
	bool high = WAIT_FOR(out());

	return high && pm_timer_since(start) >= pm_timer_ticks(LONG_US);
}

static void test_one_shot(void)
{
	bool high, low, end;
	u32 start;

	gate(false);
	pit_start(2, RETRIGGERED, COUNT_10MS);
	clock_wait_us(12000);
	tap_ok(out() && (pit_status(2) & NULL_COUNT), "mode 1: waits for its gate");
	start = pm_timer();
	gate(true);
	low = WAIT_FOR(low_for_10ms(start));
	gate(false); /* a level means nothing here */
	end = high_after_10ms(start);
	tap_ok(low, "mode 1: a rising gate has the output low");
	tap_ok(end, "mode 1: until the count has ended, whatever the gate does");
	gate(true);
	clock_wait_us(6000);
	gate(false);
	start = pm_timer();
	gate(true);
	high = high_after_10ms(start);
	tap_ok(high, "mode 1: a gate that rises again begins anew");
	tap_ok(!(pit_status(2) & NULL_COUNT), "mode 1: the count is loaded");
}

static void test_triggered_strobe(void)
{
	u16 a, b;

	gate(false);
	pit_start(2, TRIGGERED_STROBE, 0);
	clock_wait_us(1000);
	tap_ok(out() && (pit_status(2) & NULL_COUNT), "mode 5: waits for its gate");
	gate(true);
	tap_ok(WAIT_FOR(!(pit_status(2) & NULL_COUNT)), "mode 5: a rising gate loads the count");
	a = pit_count(2);
	clock_wait_us(1000);
	b = pit_count(2);
	tap_ok((u16)(a - b) >= 1193, "mode 5: and has it counted down");
	tap_ok(WAIT_FOR(out()), "mode 5: the output stays high");
	gate(false);
	a = pit_count(2);
	clock_wait_us(1000);
	tap_ok(pit_count(2) != a, "mode 5: a low gate does not stop it");
}

/* Modes 0 and 4 count only while the gate is open. */
static void test_gated(unsigned int mode)
{
	u16 a, b;

	gate(true);
	pit_start(2, mode, 0);
	clock_wait_us(500);
	gate(false);
	a = pit_count(2);
	clock_wait_us(2000);
	b = pit_count(2);
	tap_eq(b, a, "mode %u: a low gate stops the count", mode);
	gate(true);
	clock_wait_us(1000);
	tap_ok((u16)(b - pit_count(2)) >= 1193, "mode %u: an open one lets it go on", mode);
}

static void test_gated_output(void)
{
	bool in_time;
	u32 start;

	gate(true);
	start = pm_timer();
	pit_start(2, PIT_ONESHOT, COUNT_10MS);
	gate(false);
	in_time = pm_timer_since(start) < pm_timer_ticks(LONG_US);
	clock_wait_us(15000);
	tap_ok(!out() || !in_time, "mode 0: the output is low while it waits");
	gate(true);
	tap_ok(WAIT_FOR(out()), "mode 0: and high at the end");
}

/* Modes 2 and 3: a low gate has the output high, a rising one begins the period anew. */
static void test_gated_periodic(unsigned int mode)
{
	bool high = true;
	u32 start;
	u16 value;

	gate(true);
	pit_start(2, mode, COUNT_10MS);
	/* By then less than two thirds are left, of one period or of a half one that counts by two. */
	clock_wait_us(3500);
	gate(false);
	start = pm_timer();
	do
		high &= out();
	while (pm_timer_since(start) < pm_timer_ticks(12000));
	tap_ok(high, "mode %u: with a low gate the output is high", mode);
	start = pm_timer();
	gate(true);
	clock_wait_us(20);
	value = pit_count(2);
	tap_ok(value > COUNT_10MS / 3 * 2 || pm_timer_since(start) > pm_timer_ticks(1000),
	       "mode %u: a rising gate begins the period anew", mode);
	if (mode != PIT_SQUARE)
		return;
	tap_ok(WAIT_FOR(!out()) && WAIT_FOR(out()), "mode 3: the output is low and high by turns");
}

void test_channel2(void)
{
	test_one_shot();
	test_triggered_strobe();
	test_gated(PIT_ONESHOT);
	test_gated(STROBE);
	test_gated_output();
	test_gated_periodic(PIT_RATE);
	test_gated_periodic(PIT_SQUARE);
	gate(false);
}
