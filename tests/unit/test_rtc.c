/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RTC: the calendar against the C library's, register formats, setting the time as Linux
 * does, the three interrupts and their flags, the CMOS fields, and a hostile guest.
 */
#include "dev_fixture.h"

#include <string.h>
#include <time.h>

#include "arch/clock.h"
#include "dev/rtc.h"
#include "dev/rtc_time.h"

#define REG_A 0x0a
#define REG_B 0x0b
#define REG_C 0x0c
#define REG_D 0x0d

static struct timer_queue queue;
static struct rtc rtc;
static struct line_probe line;

/* Ticks that are lost are of no interest here: see test_rtc_owed.c. */
static bool reaches(void *ctx)
{
	(void)ctx;
	return false;
}

static int setup(void **state)
{
	(void)state;
	host_clock_ns = 0;
	timer_queue_init(&queue);
	memset(&rtc, 0xa5, sizeof(rtc));
	rtc_init(&rtc, line_probe_init(&line, RTC_IRQ), reaches, &queue, GIB(3), GIB(5));
	return 0;
}

static u8 in(unsigned int reg)
{
	out8(&rtc_io, &rtc, 0, reg | 0x80);
	return in8(&rtc_io, &rtc, 1);
}

static void out(unsigned int reg, unsigned int value)
{
	out8(&rtc_io, &rtc, 0, reg);
	out8(&rtc_io, &rtc, 1, value);
}

static unsigned int bcd(int value)
{
	return (unsigned int)(value / 10 * 16 + value % 10);
}

static void check_time(time_t when)
{
	struct tm tm;

	gmtime_r(&when, &tm);
	assert_int_equal(in(RTC_SECONDS), bcd(tm.tm_sec));
	assert_int_equal(in(RTC_MINUTES), bcd(tm.tm_min));
	assert_int_equal(in(RTC_HOURS), bcd(tm.tm_hour));
	assert_int_equal(in(RTC_WEEKDAY), tm.tm_wday + 1);
	assert_int_equal(in(RTC_MONTHDAY), bcd(tm.tm_mday));
	assert_int_equal(in(RTC_MONTH), bcd(tm.tm_mon + 1));
	assert_int_equal(in(RTC_YEAR), bcd(tm.tm_year % 100));
	assert_int_equal(in(RTC_CENTURY), bcd((tm.tm_year + 1900) / 100));
}

static void test_calendar(void **state)
{
	u8 cmos[RTC_CMOS_SIZE];
	u64 random = 5;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		/* Any time from year 0 to 9999, each format. */
		u64 secs = test_random(&random) % (3652425ull * 86400);
		u8 format = (u8)(random >> 60 & 6);

		rtc_time_to_registers(cmos, secs, format);
		assert_true(rtc_time_from_registers(cmos, format) == secs);
	}
	for (int i = 0; i < 20000; i++) {
		host_clock_ns = test_random(&random) % (290ull * 365 * 86400) * NS_PER_SEC;
		check_time((time_t)(clock_boot_epoch() + host_clock_ns / NS_PER_SEC));
	}
	for (int i = 0; i < 10000; i++) { /* nonsense gives some time, and no crash */
		for (unsigned int j = 0; j < sizeof(cmos); j++)
			cmos[j] = (u8)test_random(&random);
		assert_true(rtc_time_from_registers(cmos, (u8)i) < 3652500ull * 86400);
	}
}

static void test_formats(void **state)
{
	static const u8 hours[] = { 0x12, 0x01, 0x11, 0x92, 0x81, 0x91 };
	static const u8 at[] = { 0, 1, 11, 12, 13, 23 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		out(REG_B, 0x82);
		out(RTC_HOURS, bcd(at[i]));
		out(RTC_MINUTES, 0x59);
		out(REG_B, 0x02);
		out(REG_B, 0x00); /* 12 hours, BCD */
		assert_int_equal(in(RTC_HOURS), hours[i]);
		assert_int_equal(in(RTC_MINUTES), 0x59);
		out(REG_B, 0x06); /* 24 hours, binary */
		assert_int_equal(in(RTC_HOURS), at[i]);
		assert_int_equal(in(RTC_MINUTES), 59);
		out(REG_B, 0x04);
		out(RTC_HOURS, in(RTC_HOURS)); /* also one that goes on */
		out(REG_B, 0x06);
		assert_int_equal(in(RTC_HOURS), at[i]);
	}
}

/* Stop, reset the divider, write, and start again half a second before the next update. */
static void test_set_as_linux_does(void **state)
{
	(void)state;
	host_clock_ns = 12345678901;
	out(REG_B, 0x82);
	out(REG_A, 0x76);
	out(RTC_CENTURY, 0x19);
	out(RTC_YEAR, 0x99);
	out(RTC_MONTH, 0x12);
	out(RTC_MONTHDAY, 0x31);
	out(RTC_HOURS, 0x23);
	out(RTC_MINUTES, 0x59);
	out(RTC_SECONDS, 0x59);
	host_clock_ns += 30 * NS_PER_SEC;
	assert_int_equal(in(RTC_SECONDS), 0x59);
	in(REG_C);
	host_clock_ns += 30 * NS_PER_SEC;
	assert_int_equal(in(REG_C), 0); /* no update while it is stopped */
	out(REG_B, 0x02);
	assert_int_equal(in(RTC_SECONDS), 0x59);
	out(REG_A, 0x26);
	host_clock_ns += 499999999;
	assert_int_equal(in(RTC_YEAR), 0x99);
	assert_int_equal(in(REG_A), 0xa6);
	host_clock_ns += 1;
	assert_int_equal(in(REG_A), 0x26);
	check_time(946684800);
	assert_int_equal(in(RTC_CENTURY), 0x20);
	/* A single field of a running clock; the second's fraction goes on. */
	host_clock_ns += 900000000;
	out(RTC_MINUTES, 0x30);
	check_time(946684800 + 30 * 60);
	host_clock_ns += 100000000;
	check_time(946684801 + 30 * 60);
	/* A reset of the machine does not change the time. */
	rtc_reset(&rtc);
	check_time(946684801 + 30 * 60);
}

static void test_update_in_progress(void **state)
{
	(void)state;
	host_clock_ns = NS_PER_SEC - 244001;
	assert_int_equal(in(REG_A), 0x26);
	host_clock_ns++;
	assert_int_equal(in(REG_A), 0xa6);
	out(REG_A, 0xa6); /* not for writing */
	out(REG_B, 0x82);
	assert_int_equal(in(REG_A), 0x26);
	assert_int_equal(in(REG_D), 0x80);
	out(REG_D, 0);
	out(REG_C, 0xff);
	assert_int_equal(in(REG_D), 0x80);
	assert_int_equal(dev_read(&rtc_io, &rtc, 0, 1), 0xff);
}

static void test_periodic(void **state)
{
	(void)state;
	in(REG_C);
	/* The flag comes without the interrupt too. */
	host_clock_ns += NS_PER_SEC / 1000;
	assert_int_equal(in(REG_C), 0x40);
	assert_int_equal(in(REG_C), 0);
	out(REG_B, 0x42);
	for (unsigned int rate = 1; rate < 16; rate++) {
		unsigned int hz = rate == 1 ? 256 : rate == 2 ? 128 : 65536u >> rate;
		u64 end = host_clock_ns + NS_PER_SEC;
		unsigned int count = 0;

		out(REG_A, 0x20 | rate);
		in(REG_C);
		while (timer_queue_next(&queue) <= end) {
			run_until(&queue, timer_queue_next(&queue));
			assert_true(line.level);
			assert_int_equal(in(REG_C)&0xc0, 0xc0);
			assert_false(line.level);
			count++;
		}
		host_clock_ns = end;
		assert_int_equal(count, hz);
	}
	/* Not acknowledged: one interrupt, and no more work. */
	out(REG_A, 0x23);
	line.rises = 0;
	assert_in_range(run_until(&queue, host_clock_ns + NS_PER_SEC), 1, 2);
	assert_int_equal(line.rises, 1);
	out(REG_B, 0x02);
	assert_false(line.level);
	out(REG_A, 0x20);
	out(REG_B, 0x42);
	in(REG_C);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	out(REG_A, 0x66); /* the divider is stopped */
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

static void test_update_interrupt(void **state)
{
	(void)state;
	host_clock_ns = NS_PER_SEC / 2;
	out(REG_A, 0x20);
	in(REG_C);
	out(REG_B, 0x12);
	for (u64 i = 1; i < 100; i++) {
		run_until(&queue, i * NS_PER_SEC - 1);
		assert_false(line.level);
		run_until(&queue, i * NS_PER_SEC);
		assert_true(line.level);
		assert_int_equal(in(REG_C), 0x90);
	}
	assert_int_equal(line.rises, 99);
	assert_int_equal(line.pin, RTC_IRQ);
	out(REG_B, 0x92); /* setting the time ends it */
	assert_int_equal(in(REG_B), 0x82);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

/* The plain reading of the alarm: look at each second. */
static u64 next_alarm_plainly(const u8 *cmos, u64 secs, u8 format)
{
	static const u8 pairs[][2] = { { RTC_SECONDS, RTC_SECONDS_ALARM },
				       { RTC_MINUTES, RTC_MINUTES_ALARM },
				       { RTC_HOURS, RTC_HOURS_ALARM } };
	u8 now[RTC_CMOS_SIZE];

	for (u64 at = secs + 1; at <= secs + 86400; at++) {
		unsigned int hits = 0;

		rtc_time_to_registers(now, at, format);
		for (unsigned int i = 0; i < 3; i++)
			hits += cmos[pairs[i][1]] >= 0xc0 || cmos[pairs[i][1]] == now[pairs[i][0]];
		if (hits == 3)
			return at;
	}
	return ~0ull;
}

static void test_alarm_search(void **state)
{
	u8 cmos[RTC_CMOS_SIZE] = { 0 };
	u64 random = 77;

	(void)state;
	for (int i = 0; i < 400; i++) {
		u64 secs = RTC_EPOCH_1970 + test_random(&random) % 100000000;
		u8 format = (u8)(random >> 50 & 6);

		/* The alarm of some random time, with any field "any", or now and then nonsense. */
		rtc_time_to_registers(cmos, test_random(&random) % 86400, format);
		for (unsigned int reg = 0; reg < 6; reg += 2) {
			u64 r = test_random(&random);

			cmos[reg + 1] = r % 3 == 0 ? 0xff : r % 40 == 1 ? 0x7b : cmos[reg];
		}
		/* Now and then from just after a match, which is the longest way to the next. */
		if (i % 4 == 0 && rtc_time_next_alarm(cmos, secs, format) != ~0ull)
			secs = rtc_time_next_alarm(cmos, secs, format);
		assert_true(rtc_time_next_alarm(cmos, secs, format) ==
			    next_alarm_plainly(cmos, secs, format));
	}
}

static void test_alarm(void **state)
{
	time_t start = (time_t)clock_boot_epoch(), due = start - start % 3600 + 3600 + 754;
	struct tm tm;

	(void)state;
	gmtime_r(&due, &tm);
	out(RTC_SECONDS_ALARM, bcd(tm.tm_sec));
	out(RTC_MINUTES_ALARM, bcd(tm.tm_min));
	out(RTC_HOURS_ALARM, 0xff);
	out(REG_B, 0x22);
	for (u64 hour = 0; hour < 50; hour++) {
		u64 at = (u64)(due - start) + hour * 3600;

		run_until(&queue, at * NS_PER_SEC - 1);
		assert_false(line.level);
		run_until(&queue, at * NS_PER_SEC);
		assert_true(line.level);
		assert_int_equal(in(REG_C)&0xa0, 0xa0);
	}
	assert_int_equal(line.rises, 50);
	/* Setting the clock moves it. */
	out(RTC_SECONDS, bcd(tm.tm_sec - 1));
	assert_true(timer_queue_next(&queue) > host_clock_ns);
	assert_true(timer_queue_next(&queue) <= host_clock_ns + NS_PER_SEC);
}

static void test_cmos(void **state)
{
	unsigned int sum = 0;

	(void)state;
	assert_int_equal(in(0x15) | in(0x16) << 8, 640);
	assert_int_equal(in(0x17) | in(0x18) << 8, 0xffff);
	assert_int_equal(in(0x30) | in(0x31) << 8, 0xffff);
	assert_int_equal(in(0x34) | in(0x35) << 8, (GIB(3) - MIB(16)) / KIB(64));
	assert_int_equal(in(0x5b) | in(0x5c) << 8 | in(0x5d) << 16, GIB(5) / KIB(64));
	for (unsigned int i = 0x10; i <= 0x2d; i++)
		sum += in(i);
	assert_int_equal(in(0x2e) << 8 | in(0x2f), sum);
	assert_int_equal(in(0x0f), 0);
	out(0x0f, 0x0a);
	out(0x7f, 0x55);
	assert_int_equal(in(0x0f), 0x0a);
	assert_int_equal(in(0xff), 0x55);
	rtc_reset(&rtc);
	assert_int_equal(in(0x0f), 0x0a);
	timer_queue_init(&queue);
	rtc_init(&rtc, line_probe_init(&line, RTC_IRQ), reaches, &queue, MIB(33), 0);
	assert_int_equal(in(0x17) | in(0x18) << 8, 32 * 1024);
	assert_int_equal(in(0x34) | in(0x35) << 8, 17 * 16);
	assert_int_equal(in(0x5b), 0);
}

static void test_hostile(void **state)
{
	u64 random = 146818;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		u64 r = test_random(&random);

		hammer(&rtc_io, &rtc, RTC_PORTS, &queue, &random, 4);
		out((unsigned int)(r >> 8) % 16, (unsigned int)(r >> 16));
		assert_int_equal(line.level, rtc.line);
	}
	out(REG_A, 0x23);
	out(REG_B, 0x72);
	in(REG_C);
	assert_in_range(run_until(&queue, host_clock_ns + 3600 * NS_PER_SEC), 1, 10);
	rtc_reset(&rtc);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	assert_false(line.level);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_calendar, setup),
		cmocka_unit_test_setup(test_formats, setup),
		cmocka_unit_test_setup(test_set_as_linux_does, setup),
		cmocka_unit_test_setup(test_update_in_progress, setup),
		cmocka_unit_test_setup(test_periodic, setup),
		cmocka_unit_test_setup(test_update_interrupt, setup),
		cmocka_unit_test_setup(test_alarm_search, setup),
		cmocka_unit_test_setup(test_alarm, setup),
		cmocka_unit_test_setup(test_cmos, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests_name("rtc", tests, NULL, NULL);
}
