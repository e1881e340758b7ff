/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254's latches: what the latch and read-back commands hold until it is read. All counts used
 * here come round every 55 ms; what took longer than that tells nothing.
 */
#include "tests/guest/timers.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/tap.h"

#define PORT_61 0x61
#define READ_BACK 0xc0u
#define NO_COUNT 0x20u
#define NO_STATUS 0x10u
#define CHANNEL(n) (2u << (n))
#define OUT 0x80u
#define NULL_COUNT 0x40u
#define TICKS_2MS 2386u
#define ATTEMPTS 20

static u16 read_count(unsigned int channel)
{
	u8 low = inb(PIT_PORT(channel));

	return (u16)(low | inb(PIT_PORT(channel)) << 8);
}

/* Latch by command, let time pass, latch again: is the first count the one that is read? */
static bool is_held(u8 command)
{
	u32 start;
	u16 held, now;

	for (u32 i = 0; i < ATTEMPTS; i++) {
		start = pm_timer();
		outb(PIT_CONTROL, command);
		clock_wait_us(2000);
		outb(PIT_CONTROL, command);
		held = read_count(0);
		now = pit_count(0);
		if (pm_timer_since(start) < pm_timer_ticks(40000))
			return (u16)(held - now) >= TICKS_2MS;
	}
	return false;
}

static bool both_held(void)
{
	u32 start;
	u16 held[2], now[2];

	for (u32 i = 0; i < ATTEMPTS; i++) {
		start = pm_timer();
		outb(PIT_CONTROL, READ_BACK | NO_STATUS | CHANNEL(0) | CHANNEL(2));
		clock_wait_us(2000);
		held[1] = read_count(2);
		held[0] = read_count(0);
		now[0] = pit_count(0);
		now[1] = pit_count(2);
		if (pm_timer_since(start) < pm_timer_ticks(40000))
			return (u16)(held[0] - now[0]) >= TICKS_2MS &&
			       (u16)(held[1] - now[1]) >= TICKS_2MS;
	}
	return false;
}

/* Status and count of one channel, latched at once: the status is read first. */
static void test_status_and_count(void)
{
	u32 start = 0;
	u16 held = 0, now = 0;
	u8 status = 0;

	for (u32 i = 0; i < ATTEMPTS; i++) {
		start = pm_timer();
		outb(PIT_CONTROL, READ_BACK | CHANNEL(0));
		clock_wait_us(2000);
		status = inb(PIT_PORT(0));
		held = read_count(0);
		now = pit_count(0);
		if (pm_timer_since(start) < pm_timer_ticks(40000))
			break;
	}
	tap_eq(status & 0x7f, 0x34, "read-back of both: the status comes first");
	tap_ok((u16)(held - now) >= TICKS_2MS, "then the count of that time");
}

/* Channel 2's output is to be seen at port 61h, so that what is latched can be told from it. */
static void test_status(void)
{
	u8 before, loaded, held;
	bool in_time;
	u32 start;

	outb(PIT_CONTROL, 0xb0);
	before = pit_status(2);
	outb(PIT_PORT(2), 0xff);
	outb(PIT_CONTROL, READ_BACK | NO_COUNT | CHANNEL(2));
	held = inb(PIT_PORT(2));
	outb(PIT_PORT(2), 0x7f);
	tap_eq(before, NULL_COUNT | 0x30, "status: mode 0, low, no count yet");
	tap_eq(held & 0x7f, NULL_COUNT | 0x30, "no count after one byte of two");
	tap_ok(WAIT_FOR(!((loaded = pit_status(2)) & NULL_COUNT)), "the count is loaded");
	tap_eq(loaded & 0x3f, 0x30, "status: the mode as before");
	start = pm_timer();
	pit_start(2, PIT_ONESHOT, 0);
	outb(PIT_CONTROL, READ_BACK | NO_COUNT | CHANNEL(2));
	in_time = pm_timer_since(start) < pm_timer_ticks(54000);
	tap_ok(WAIT_FOR(inb(PORT_61) & 0x20), "the output is high at last");
	outb(PIT_CONTROL, READ_BACK | NO_COUNT | CHANNEL(2));
	held = inb(PIT_PORT(2));
	tap_ok(!(held & OUT) || !in_time,
	       "a status that was latched before is held until it is read");
	tap_eq(pit_status(2) & OUT, OUT, "the next one is of its time");
}

/* One byte of the count only: the other is 0. */
static void test_access(void)
{
	u8 value, later;
	u32 start;

	outb(PIT_CONTROL, 0xa0);
	outb(PIT_PORT(2), 0xff);
	tap_ok(WAIT_FOR(!(pit_status(2) & NULL_COUNT)), "access to the high byte: one is a count");
	start = pm_timer();
	value = inb(PIT_PORT(2));
	clock_wait_us(1000);
	later = inb(PIT_PORT(2));
	tap_ok((u8)(value - later) >= 4 || pm_timer_since(start) > pm_timer_ticks(54000),
	       "and one is read at a time");
	tap_eq(pit_status(2) & 0x3f, 0x20, "status: high byte only");
	outb(PIT_CONTROL, 0x90);
	outb(PIT_PORT(2), 50);
	tap_ok(WAIT_FOR(inb(PORT_61) & 0x20), "access to the low byte: one is a count");
	tap_eq(pit_status(2) & 0x3f, 0x10, "status: low byte only");
}

void test_latches(void)
{
	outb(PORT_61, (u8)((inb(PORT_61) & 0x0c) | 1));
	pit_start(0, PIT_RATE, 0);
	pit_start(2, PIT_RATE, 0);
	clock_wait_us(100);
	tap_ok(is_held(0), "a latched count is held until it is read");
	tap_ok(is_held(READ_BACK | NO_STATUS | CHANNEL(0)), "so is one by the read-back command");
	tap_ok(both_held(), "which latches more channels than one");
	test_status_and_count();
	test_status();
	test_access();
}
