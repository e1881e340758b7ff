/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RTC's periodic interrupts to a CPU that does not answer in time: what is owed and for how
 * long, at which pace it is made up for, and when nothing is.
 */
#include "dev_fixture.h"

#include <string.h>

#include "arch/clock.h"
#include "dev/pic.h"
#include "dev/rtc.h"

#define REG_A 0x0a
#define REG_B 0x0b
#define REG_C 0x0c
#define RATE 0x26 /* 1024 Hz */
#define HZ 1024u
#define PERIOD_NS (NS_PER_SEC / HZ)

static struct timer_queue queue;
static struct rtc rtc;
static struct line_probe line;
static bool open;
static u32 ticks;
static u64 last_tick, least_gap;

static bool reaches(void *ctx)
{
	assert_ptr_equal(ctx, &line);
	return open;
}

static u8 in(unsigned int reg)
{
	out8(&rtc_io, &rtc, 0, reg);
	return in8(&rtc_io, &rtc, 1);
}

static void out(unsigned int reg, unsigned int value)
{
	out8(&rtc_io, &rtc, 0, reg);
	out8(&rtc_io, &rtc, 1, value);
}

static void start_counting(void)
{
	ticks = 0;
	last_tick = 0;
	least_gap = ~0ull;
}

static int setup(void **state)
{
	(void)state;
	host_clock_ns = 0;
	timer_queue_init(&queue);
	memset(&rtc, 0xa5, sizeof(rtc));
	rtc_init(&rtc, line_probe_init(&line, RTC_IRQ), reaches, &queue, GIB(1), 0);
	open = true;
	out(REG_A, RATE);
	out(REG_B, 0x42);
	start_counting();
	return 0;
}

/* The CPU answers each interrupt after ns, until the time when. */
static void answer_until(u64 when, u64 ns)
{
	while (host_clock_ns < when) {
		u64 next = MIN(timer_queue_next(&queue), when);

		if (line.level) {
			if (ticks++)
				least_gap = MIN(least_gap, host_clock_ns - last_tick);
			last_tick = host_clock_ns;
			run_until(&queue, host_clock_ns + ns);
			assert_int_equal(in(REG_C)&0xc0, 0xc0);
		} else {
			run_until(&queue, next);
		}
	}
}

/* The number of periods that have ended at time. */
static u64 periods(u64 ns)
{
	return ns / PERIOD_NS;
}

static void test_fast_cpu(void **state)
{
	(void)state;
	answer_until(10 * NS_PER_SEC, 1000);
	assert_in_range(ticks, 10 * HZ - 1, 10 * HZ);
	assert_true(least_gap >= PERIOD_NS - 31000);
}

/* Away for a while, it gets them all afterwards, faster, but not in a burst. */
static void test_away(void **state)
{
	(void)state;
	answer_until(NS_PER_SEC, 1000);
	run_until(&queue, NS_PER_SEC + 100 * PERIOD_NS);
	answer_until(NS_PER_SEC + 110 * PERIOD_NS, 1000);
	assert_in_range(ticks, HZ + 60, HZ + 85);
	answer_until(NS_PER_SEC + 130 * PERIOD_NS, 1000);
	assert_in_range(ticks, HZ + 129, HZ + 130);
	assert_true(least_gap >= PERIOD_NS / RTC_CATCH_UP_SPEED);
	assert_int_equal(rtc.owed, 0);
	/* And then as ever. */
	start_counting();
	answer_until(3 * NS_PER_SEC, 1000);
	assert_true(least_gap >= PERIOD_NS - 31000);
}

/* However the end of the catching up lies to the periods; and who asks again gets no more. */
static void test_pace(void **state)
{
	(void)state;
	for (u64 i = 0; i < 64; i++) {
		run_until(&queue, host_clock_ns + 20 * PERIOD_NS + i * PERIOD_NS / 64);
		answer_until(host_clock_ns + 2 * PERIOD_NS, 1000);
		assert_int_equal(in(REG_C)&0xc0, 0);
		assert_int_equal(in(REG_C)&0xc0, 0);
		answer_until(host_clock_ns + 20 * PERIOD_NS, 1000);
		assert_true(least_gap >= PERIOD_NS / RTC_CATCH_UP_SPEED);
	}
	assert_in_range(ticks, periods(host_clock_ns) - 1, periods(host_clock_ns));
}

/* One that always answers the next period only, or that the host was too late for. */
static void test_slow(void **state)
{
	(void)state;
	answer_until(2 * NS_PER_SEC, PERIOD_NS / 2);
	assert_in_range(ticks, 2 * HZ - 2, 2 * HZ);
	/* The host looks at the timer three periods late. */
	start_counting();
	while (host_clock_ns < 3 * NS_PER_SEC) {
		host_clock_ns += 3 * PERIOD_NS;
		answer_until(host_clock_ns + 3 * PERIOD_NS, 1000);
	}
	assert_in_range(ticks, HZ - 10, HZ + 5);
}

static void test_bound(void **state)
{
	(void)state;
	run_until(&queue, 100 * NS_PER_SEC);
	answer_until(110 * NS_PER_SEC, 1000);
	assert_in_range(ticks, 11 * HZ - 1, 11 * HZ + 2);
	/* Never answered: one interrupt, and the host has no work with it. */
	setup(NULL);
	assert_in_range(run_until(&queue, 1000 * NS_PER_SEC), 1, 2);
	assert_int_equal(line.rises, 1);
	/* The fastest rate, owed for long: the time between two is bounded too. */
	setup(NULL);
	out(REG_A, 0x23);
	run_until(&queue, NS_PER_SEC);
	start_counting();
	answer_until(NS_PER_SEC + NS_PER_SEC / 10, 1000);
	assert_true(least_gap >= 20000);
	assert_in_range(rtc.owed, 1, 8192);
}

/* Where no interrupt was on its way none is owed. */
static void test_masked(void **state)
{
	(void)state;
	open = false; /* all the time */
	run_until(&queue, NS_PER_SEC);
	assert_int_equal(in(REG_C)&0xc0, 0xc0);
	assert_int_equal(rtc.owed, 0);
	run_until(&queue, 2 * NS_PER_SEC); /* until shortly before the answer */
	open = true;
	assert_int_equal(in(REG_C)&0xc0, 0xc0);
	assert_int_equal(rtc.owed, 0);
	run_until(&queue, 3 * NS_PER_SEC); /* at the answer only */
	open = false;
	assert_int_equal(in(REG_C)&0xc0, 0xc0);
	assert_int_equal(rtc.owed, 0);
	open = true; /* not enabled, but polled */
	out(REG_B, 0x02);
	run_until(&queue, 4 * NS_PER_SEC);
	assert_int_equal(in(REG_C)&0xc0, 0x40);
	assert_int_equal(rtc.owed, 0);
	out(REG_B, 0x42); /* enabled with the flag set */
	run_until(&queue, 5 * NS_PER_SEC);
	out(REG_B, 0x02);
	run_until(&queue, 6 * NS_PER_SEC);
	out(REG_B, 0x42);
	in(REG_C);
	assert_int_equal(rtc.owed, 0);
}

static void test_forgotten(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		setup(NULL);
		run_until(&queue, NS_PER_SEC / 2);
		in(REG_C);
		assert_in_range(rtc.owed, HZ / 2 - 2, HZ / 2);
		if (i == 0)
			out(REG_A, 0x27);
		else if (i == 1)
			out(REG_B, 0x02);
		else if (i == 2)
			rtc_reset(&rtc);
		else
			out(REG_B, 0x52); /* something else */
		assert_int_equal(!rtc.owed, i < 3);
	}
	/* A reset also ends the square wave. */
	out(REG_B, 0x7a);
	rtc_reset(&rtc);
	assert_int_equal(in(REG_B), 0x02);
}

/* A tick and a catch-up do not disturb the other two interrupts. */
static void test_with_updates(void **state)
{
	u32 updates = 0;

	(void)state;
	out(REG_B, 0x52);
	for (u64 at = 100 * NS_PER_MS; at <= 10 * NS_PER_SEC; at += 100 * NS_PER_MS) {
		run_until(&queue, at);
		while (host_clock_ns < at + 50 * NS_PER_MS) {
			if (line.level) {
				u8 flags = in(REG_C);

				updates += flags >> 4 & 1;
				ticks += flags >> 6 & 1;
			}
			run_until(&queue, MIN(timer_queue_next(&queue), at + 50 * NS_PER_MS));
		}
	}
	assert_int_equal(updates, 10);
	assert_in_range(ticks, periods(host_clock_ns) - 60, periods(host_clock_ns));
}

/* The two masks on the way of the RTC's interrupt through the 8259s. */
static void test_pic(void **state)
{
	struct pic pic;

	(void)state;
	memset(&pic, 0, sizeof(pic));
	for (unsigned int masks = 0; masks < 4; masks++) {
		pic.chip[0].imr = masks & 1 ? BIT(PIC_CASCADE) : ~BIT(PIC_CASCADE) & 0xff;
		pic.chip[1].imr = masks & 2 ? 0x01 : 0xfe;
		assert_int_equal(pic_unmasked(&pic, RTC_IRQ), masks == 0);
	}
	pic.chip[0].imr = 0xfe;
	assert_true(pic_unmasked(&pic, 0));
	assert_false(pic_unmasked(&pic, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_fast_cpu, setup),
		cmocka_unit_test_setup(test_away, setup),
		cmocka_unit_test_setup(test_pace, setup),
		cmocka_unit_test_setup(test_slow, setup),
		cmocka_unit_test_setup(test_bound, setup),
		cmocka_unit_test_setup(test_masked, setup),
		cmocka_unit_test_setup(test_forgotten, setup),
		cmocka_unit_test_setup(test_with_updates, setup),
		cmocka_unit_test_setup(test_pic, setup),
	};

	return cmocka_run_group_tests_name("rtc_owed", tests, NULL, NULL);
}
