/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818 real-time clock and the 128 bytes of CMOS memory around it. Time is the
 * machine's, moved by what the guest sets. All calls, and the timer's function, under the
 * VM's device lock.
 */
#pragma once

#include "vm/io.h"
#include "vm/timer.h"

#define RTC_PORT 0x70u
#define RTC_PORTS 2u
#define RTC_IRQ 8u
#define RTC_CMOS_SIZE 128u
#define RTC_CENTURY 0x32u

/*
 * Guests count periodic interrupts to tell the time. On the chip one is lost when the one before has not
 * been answered, by a read of register C. Here it is owed, as with the PIT (see there), where the
 * interrupt was on its way to a CPU that was just not fast enough: it comes after the answer,
 * with gaps of at least this part of the period. No more than so many seconds' worth are owed.
 */
#define RTC_CATCH_UP_SPEED 8u
#define RTC_MAX_OWED_SECONDS 1u

struct rtc {
	struct irq_line irq; /* [const] */
	bool (*reaches)(void *ctx); /* [const] */
	struct timer timer; /* the next interrupt that is enabled, or owed */
	u8 index; /* the byte that port 71h is */
	bool line; /* what irq was last set to */
	/* Time fields are here only while the clock is stopped; registers A, B and C always. */
	u8 cmos[RTC_CMOS_SIZE];
	/* At clock_ns() base_ns (maybe before time 0) it was base_secs, seconds since year 0. */
	u64 base_secs, base_ns;
	/* How far the event flags have been worked out. */
	u64 seen_secs, seen_ticks;
	u32 owed; /* periodic interrupts still to be delivered */
	bool reached; /* the one that waits for its answer had a way to a CPU when it came */
	u64 last_ns; /* when the last one came, or was answered */
};

extern const struct io_ops rtc_io;

/*
 * reaches, with irq's ctx: would an interrupt get to a CPU, or is it masked? The guest's memory below
 * and above 4 GiB, in bytes, goes into firmware's size fields.
 */
void rtc_init(struct rtc *rtc, struct irq_line irq, bool (*reaches)(void *ctx),
	      struct timer_queue *queue, u64 below_4g, u64 above_4g);

/* The clock and the CMOS memory go on, as on a battery; interrupts are off. */
void rtc_reset(struct rtc *rtc);
