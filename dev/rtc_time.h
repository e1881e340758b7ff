/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RTC's calendar and the formats of its time registers (BCD or binary, 12 or 24
 * hours). Pure functions. Time is in seconds since the start of year 0, Gregorian.
 */
#pragma once

#include "lib/types.h"

#define RTC_EPOCH_1970 (719528ull * 86400)

/* Register B's format bits. */
#define RTC_B_24H 0x02u
#define RTC_B_BINARY 0x04u

/* Offsets of the time registers. */
enum {
	RTC_SECONDS = 0,
	RTC_SECONDS_ALARM = 1,
	RTC_MINUTES = 2,
	RTC_MINUTES_ALARM = 3,
	RTC_HOURS = 4,
	RTC_HOURS_ALARM = 5,
	RTC_WEEKDAY = 6,
	RTC_MONTHDAY = 7,
	RTC_MONTH = 8,
	RTC_YEAR = 9,
};

/* The time registers but the alarm's, for a time, in the format of register B. */
void rtc_time_to_registers(u8 *cmos, u64 secs, u8 format);

/* The time in the registers; impossible fields count as the nearest possible ones. */
u64 rtc_time_from_registers(const u8 *cmos, u8 format);

/* The first time after secs that the alarm registers match, or ~0 when none does. */
u64 rtc_time_next_alarm(const u8 *cmos, u64 secs, u8 format);
