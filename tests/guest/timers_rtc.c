/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818's events: updates, alarms and periods, their flags in register C, and the interrupt. A
 * clock that leaves the reset of its divider is half a second from its next update, so each test
 * sets the time that it likes and waits no longer than that. The time of day is put back
 * at the end, some seconds late.
 */
#include "tests/guest/timers.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/cmos.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define REG_A 0x0a
#define REG_B 0x0b
#define REG_C 0x0c
#define A_RUN 0x20 /* with no periodic rate */
#define A_1024HZ 0x26
#define A_RESET 0x70
#define A_UPDATING 0x80
#define B_24H 0x02
#define B_SET 0x80
#define C_IRQ 0x80u
#define PERIODIC 0x40u
#define ALARM 0x20u
#define UPDATE 0x10u
#define ANY 0xc0u
#define HALF_SECOND 499000u /* us, with some tolerance for either clock */

/* Hour, minute, second, as BCD: 0x105959. */
#define HMS(time) (u8)((time) >> 16), (u8)((time) >> 8), (u8)(time)

static volatile u32 irqs, time_before, time_after;
static volatile u8 flags, flags_again;

/* Read twice, as an update may come in between. */
static u32 time_now(void)
{
	u32 time, last = 0;

	do {
		time = last;
		while (cmos_read(REG_A) & A_UPDATING)
			asm volatile("pause");
		last = (u32)cmos_read(4) << 16 | (u32)cmos_read(2) << 8 | cmos_read(0);
	} while (time != last);
	return time;
}

static void on_rtc(struct trap_frame *frame __unused)
{
	time_before = time_now();
	flags = cmos_read(REG_C);
	flags_again = cmos_read(REG_C);
	time_after = time_now();
	irqs++;
	pic_eoi(IRQ_RTC);
}

/* Stop the clock and set it and its alarm, each as HMS. No flags are left. */
static void set_clock(u32 time, u32 alarm)
{
	const u8 now[] = { HMS(time) }, then[] = { HMS(alarm) };

	cmos_write(REG_A, A_RESET);
	cmos_write(REG_B, B_SET | B_24H);
	for (u8 i = 0; i < 3; i++) {
		cmos_write((u8)(4 - 2 * i), now[i]);
		cmos_write((u8)(5 - 2 * i), then[i]);
	}
	cmos_read(REG_C);
	irqs = 0;
}

/* Let it run, with these interrupts. Its time at the PM timer. */
static u32 run_clock(u8 enabled)
{
	u32 start;

	cmos_write(REG_B, B_24H | enabled);
	start = pm_timer();
	cmos_write(REG_A, A_RUN);
	return start;
}

/* An alarm whose hour is another: the update comes without it. */
static void test_update(void)
{
	bool came;
	u32 start;

	set_clock(0x102030, 0x110000 | ANY << 8 | ANY);
	start = run_clock(UPDATE);
	came = wait_irqs(&irqs, 1);
	tap_ok(came && pm_timer_since(start) >= pm_timer_ticks(HALF_SECOND),
	       "RTC: an update interrupts, half a second after the divider's reset");
	tap_eq(flags, C_IRQ | UPDATE, "register C says which, and that it interrupts");
	tap_ok(time_before >= 0x102031, "it is a second later");
	tap_ok(flags_again == 0 || time_after > time_before, "reading it clears it");
	cmos_write(REG_B, B_SET | B_24H | UPDATE);
	tap_eq(cmos_read(REG_B) & UPDATE, 0, "to set the clock ends update interrupts");
}

/*
 * Updates interrupt on the way to the alarm. One that comes late can be two at once; but an alarm is
 * never before its second, and never missing in it.
 */
static void test_alarm(void)
{
	bool early = false, missing = false, alarmed = false;
	u32 count = 0;

	set_clock(0x105958, 0x110000);
	run_clock(UPDATE | ALARM);
	while (!alarmed && count < 3 && wait_irqs(&irqs, count + 1)) {
		count = irqs;
		alarmed = flags & ALARM;
		early |= alarmed && time_after < 0x110000;
		missing |= !alarmed && time_before >= 0x110000;
		tap_diag("flags %x at %x", flags, time_after);
	}
	tap_ok(alarmed && !missing, "RTC: an alarm interrupts in its second");
	tap_ok(!early, "and not before");
	tap_eq(flags & ~UPDATE, C_IRQ | ALARM, "register C says so");
}

static void test_polled(void)
{
	u8 seen = 0;

	set_clock(0x102030, ANY << 16 | ANY << 8 | 0x31);
	run_clock(0);
	irq_enable();
	tap_ok(WAIT_FOR((seen = cmos_read(REG_C)) != 0), "RTC: flags without interrupts");
	irq_disable();
	/* A chip may have the alarm's flag a little before that of the update's end. */
	clock_wait_us(3000);
	seen |= cmos_read(REG_C);
	tap_eq(seen, ALARM | UPDATE, "an alarm at any hour and minute, without bit 7");
	tap_eq(irqs, 0, "no interrupt came");
}

static void test_any(void)
{
	set_clock(0x102030, 0xffc0e5);
	run_clock(ALARM);
	tap_ok(wait_irqs(&irqs, 1), "RTC: an alarm at any second comes with the next");
	tap_eq(flags & ~UPDATE, C_IRQ | ALARM, "register C says so");
	tap_ok(time_before >= 0x102031, "it is a second later");
}

/* Flags come without being enabled; enabled, one that is there interrupts. */
static void test_periodic(void)
{
	set_clock(0x102030, 0x110000);
	cmos_write(REG_B, B_24H);
	cmos_write(REG_A, A_1024HZ);
	clock_wait_us(3000);
	irq_enable();
	clock_wait_us(100);
	irq_disable();
	tap_eq(irqs, 0, "RTC: a period that is not enabled does not interrupt");
	cmos_write(REG_A, A_RUN);
	cmos_write(REG_B, B_24H | PERIODIC);
	tap_ok(wait_irqs(&irqs, 1), "enabled behind its flag, it does");
	tap_eq(flags & ~UPDATE, C_IRQ | PERIODIC, "register C says so");
	cmos_write(REG_B, B_24H);
}

void test_rtc(void)
{
	u32 time = time_now();

	pic_init();
	trap_set_handler(PIC_SLAVE_VECTOR + IRQ_RTC - 8, on_rtc);
	pic_unmask(IRQ_RTC);
	test_update();
	test_alarm();
	test_polled();
	test_any();
	test_periodic();
	set_clock(time, 0);
	run_clock(0);
	cmos_write(REG_A, A_1024HZ);
}
