/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254's channel 0 in the modes that its gate, always open, allows, by the interrupts that come of
 * it: which ones, and none too early. A slow host may have any of them late. Channel 2 is in
 * timers_gate.c, the read-back command in timers_latch.c, the RTC in timers_rtc.c.
 */
#include "tests/guest/timers.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define CHANNEL0 PIT_PORT(0)
#define STROBE 4u
#define BOTH_BYTES 0x30u
#define BCD 0x01u
#define COUNT_3MS 3580u
#define COUNT_6MS 7160u
#define COUNT_50MS 59659u
#define ATTEMPTS 20

static volatile u32 irqs;
static volatile u32 last_at;

static void on_pit(struct trap_frame *frame __unused)
{
	irqs++;
	last_at = pm_timer();
	pic_eoi(IRQ_PIT);
}

static void pause_us(u32 us)
{
	irq_enable();
	clock_wait_us(us);
	irq_disable();
}

/*
 * A mode begins, without a count. Its output may rise by that, which is an edge to the PIC: what
 * was requested until then is forgotten.
 */
static void begin(unsigned int mode, unsigned int bcd)
{
	outb(PIT_CONTROL, (u8)(BOTH_BYTES | mode << 1 | bcd));
	pic_init();
	pic_unmask(IRQ_PIT);
	irqs = 0;
}

/* The PM timer when the count began, or a little before. */
static u32 count_from(u16 count)
{
	u32 start = pm_timer();

	outb(CHANNEL0, (u8)count);
	outb(CHANNEL0, (u8)(count >> 8));
	return start;
}

/*
 * Has the last interrupt come no earlier than so many counts after start? The PM timer's ticks are
 * thirds of counts; a count may be begun at either end.
 */
static bool not_before(u32 start, u32 counts)
{
	return ((last_at - start) & PM_TIMER_MASK) >= 3 * (counts - 2);
}

/* Modes 0 and 4: one interrupt for each count. */
static void test_once(unsigned int mode)
{
	bool first, second, once;
	u32 start;

	begin(mode, 0);
	pause_us(2000);
	tap_eq(irqs, 0, "mode %u: no interrupt without a count", mode);
	start = count_from(COUNT_6MS);
	first = wait_irqs(&irqs, 1) && not_before(start, COUNT_6MS);
	pause_us(14000);
	once = irqs == 1;
	start = count_from(COUNT_3MS);
	second = wait_irqs(&irqs, 2) && not_before(start, COUNT_3MS);
	pause_us(7000);
	tap_ok(first, "mode %u: an interrupt after its count, not before", mode);
	tap_ok(once, "mode %u: just one", mode);
	tap_ok(second && irqs == 2, "mode %u: one more after another count", mode);
}

/* A new count begins anew. */
static void test_recount(unsigned int mode)
{
	bool anew;
	u32 start;

	for (u32 i = 0; i < ATTEMPTS; i++) {
		begin(mode, 0);
		start = count_from(COUNT_50MS);
		clock_wait_us(3000);
		count_from(COUNT_50MS);
		if (pm_timer_since(start) < pm_timer_ticks(45000))
			break;
	}
	anew = wait_irqs(&irqs, 1) && not_before(start, COUNT_50MS + COUNT_3MS);
	tap_ok(anew, "mode %u: a new count before the end begins anew", mode);
	tap_eq(irqs, 1, "mode %u: the old one does not interrupt", mode);
}

static void test_first_byte(void)
{
	bool in_time;
	u32 start;

	begin(PIT_ONESHOT, 0);
	start = count_from(COUNT_6MS);
	outb(CHANNEL0, (u8)COUNT_3MS);
	in_time = pm_timer_since(start) < pm_timer_ticks(5900);
	pause_us(12000);
	tap_ok(irqs == 0 || !in_time, "mode 0: a count's first byte stops the count");
	irqs = 0;
	outb(CHANNEL0, COUNT_3MS >> 8);
	tap_ok(wait_irqs(&irqs, 1), "mode 0: its second byte starts it");
}

/* Modes 2 and 3: interrupts at each end of the count. */
static void test_periodic(unsigned int mode)
{
	bool fifth;
	u32 start;

	begin(mode, 0);
	pause_us(2000);
	tap_eq(irqs, 0, "mode %u: no interrupt without a count", mode);
	start = count_from(COUNT_3MS);
	irq_enable();
	for (u32 count = 1; count <= 5; count++)
		WAIT_FOR(irqs >= count);
	irq_disable();
	fifth = irqs >= 5 && not_before(start, 5 * COUNT_3MS);
	tap_ok(fifth, "mode %u: five interrupts in five periods, not before", mode);
}

/* A new count while mode 2 runs waits for the end of the period. */
static void test_new_rate(void)
{
	bool first, later;
	u32 start;
	u16 value;

	begin(PIT_RATE, 0);
	start = count_from(COUNT_50MS);
	clock_wait_us(1000);
	count_from(COUNT_3MS);
	clock_wait_us(1000);
	value = pit_count(0);
	tap_ok(value > COUNT_3MS || pm_timer_since(start) > pm_timer_ticks(40000),
	       "mode 2: a new count does not end the period");
	first = wait_irqs(&irqs, 1) && not_before(start, COUNT_50MS);
	later = wait_irqs(&irqs, 4) && not_before(start, COUNT_50MS + 3 * COUNT_3MS);
	tap_ok(first, "mode 2: the period's interrupt comes at its end");
	tap_ok(later, "mode 2: the next ones with the new count");
	value = pit_count(0);
	tap_ok(value && value <= COUNT_3MS, "mode 2: which is counted down to 1");
}

static void test_square(void)
{
	bool even = true;

	begin(PIT_SQUARE, 0);
	count_from(COUNT_6MS);
	clock_wait_us(100);
	for (u32 i = 0; i < 200; i++)
		even &= !(pit_count(0) & 1);
	tap_ok(even, "mode 3: counts by two");
	tap_ok(WAIT_FOR(!(pit_status(0) & 0x80)), "mode 3: its output is low for a half");
	tap_ok(WAIT_FOR(pit_status(0) & 0x80), "mode 3: and high for a half");
}

static bool is_bcd(u16 value)
{
	for (u32 i = 0; i < 4; i++) {
		if ((value >> (4 * i) & 15) > 9)
			return false;
	}
	return true;
}

static void test_bcd(void)
{
	bool digits = true, wrong_low = false;
	u32 start;
	u16 value;

	begin(PIT_RATE, BCD);
	start = count_from(0x4000);
	clock_wait_us(100);
	for (u32 i = 0; i < 400; i++) {
		value = pit_count(0);
		digits &= is_bcd(value) && value <= 0x4000;
		wrong_low |= value == 0;
	}
	tap_eq(pit_status(0) & 0x3f, 0x35, "BCD: the status says so");
	tap_ok(digits && !wrong_low, "BCD: each digit is counted in decimal");
	tap_ok(wait_irqs(&irqs, 2) && not_before(start, 8000),
	       "BCD: two interrupts in two periods");
	begin(PIT_RATE, BCD);
	start = count_from(0);
	tap_ok(wait_irqs(&irqs, 1) && not_before(start, 10000), "BCD: a count of 0 is 10000");
	begin(PIT_ONESHOT, BCD);
	start = count_from(0x3000);
	tap_ok(wait_irqs(&irqs, 1) && not_before(start, 3000), "BCD: one interrupt in mode 0");
	digits = true;
	for (u32 i = 0; i < 200; i++)
		digits &= is_bcd(pit_count(0));
	tap_ok(digits, "BCD: from 0 it goes on with 9999");
}

void guest_main(void)
{
	pic_init();
	lapic_enable();
	trap_set_handler(PIC_VECTOR + IRQ_PIT, on_pit);
	test_once(PIT_ONESHOT);
	test_recount(PIT_ONESHOT);
	test_first_byte();
	test_once(STROBE);
	test_recount(STROBE);
	test_periodic(PIT_RATE);
	test_new_rate();
	test_periodic(PIT_SQUARE);
	test_square();
	test_bcd();
	pic_mask(IRQ_PIT);
	test_latches();
	test_channel2();
	test_rtc();
}
