/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RTC's calendar: see rtc_time.h.
 */
#include "dev/rtc_time.h"

#include "dev/rtc.h"

#define MINUTE 60u
#define HOUR 3600u
#define DAY 86400u

#define HOURS_PM 0x80u
#define ALARM_ANY 0xc0u /* an alarm byte from here up matches everything */

static const u16 days_before_month[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };

static bool is_leap(u64 year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from the start of year 0 (a leap year) to that of year. */
static u64 days_before_year(u64 year)
{
	if (year == 0)
		return 0;
	return year * 365 + 1 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
}

/* Days from the start of the year to that of month, 1-12. */
static u64 days_before(u64 year, u32 month)
{
	return days_before_month[month - 1] + (month > 2 && is_leap(year) ? 1u : 0u);
}

/* 400 years are 146097 days; the estimate is wrong by one year at most. */
static u64 year_of_day(u64 day)
{
	u64 year = day * 400 / 146097;

	while (days_before_year(year) > day)
		year--;
	while (days_before_year(year + 1) <= day)
		year++;
	return year;
}

static u8 encode(u64 value, u8 format)
{
	if (format & RTC_B_BINARY)
		return (u8)value;
	return (u8)(value / 10 << 4 | value % 10);
}

static u32 decode(u8 value, u8 format)
{
	if (format & RTC_B_BINARY)
		return value;
	return (value >> 4) * 10u + (value & 15);
}

static u8 encode_hour(u32 hour, u8 format)
{
	u32 twelfth = hour % 12 ? hour % 12 : 12;

	if (format & RTC_B_24H)
		return encode(hour, format);
	return encode(twelfth, format) | (hour >= 12 ? HOURS_PM : 0);
}

static u32 decode_hour(u8 value, u8 format)
{
	if (format & RTC_B_24H)
		return MIN(decode(value, format), 23u);
	return decode(value & (u8)~HOURS_PM, format) % 12 + (value & HOURS_PM ? 12 : 0);
}

static void time_of_day(u8 *cmos, u64 secs, u8 format)
{
	cmos[RTC_SECONDS] = encode(secs % MINUTE, format);
	cmos[RTC_MINUTES] = encode(secs / MINUTE % 60, format);
	cmos[RTC_HOURS] = encode_hour((u32)(secs / HOUR % 24), format);
}

void rtc_time_to_registers(u8 *cmos, u64 secs, u8 format)
{
	u64 day = secs / DAY, year = year_of_day(day);
	u64 in_year = day - days_before_year(year);
	u32 month = 12;

	while (days_before(year, month) > in_year)
		month--;
	time_of_day(cmos, secs, format);
	/* Year 0 began on a Saturday, which is 7; Sunday is 1. */
	cmos[RTC_WEEKDAY] = encode((day + 6) % 7 + 1, format);
	cmos[RTC_MONTHDAY] = encode(in_year - days_before(year, month) + 1, format);
	cmos[RTC_MONTH] = encode(month, format);
	cmos[RTC_YEAR] = encode(year % 100, format);
	cmos[RTC_CENTURY] = encode(year / 100 % 100, format);
}

/* value, or the nearest of low and high. */
static u32 clamp(u32 value, u32 low, u32 high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

u64 rtc_time_from_registers(const u8 *cmos, u8 format)
{
	u32 month = clamp(decode(cmos[RTC_MONTH], format), 1, 12);
	u32 day = clamp(decode(cmos[RTC_MONTHDAY], format), 1, 31);
	u64 year = clamp(decode(cmos[RTC_CENTURY], format), 0, 99) * 100 +
		   clamp(decode(cmos[RTC_YEAR], format), 0, 99);
	u64 days = days_before_year(year) + days_before(year, month) + day - 1;

	return days * DAY + decode_hour(cmos[RTC_HOURS], format) * HOUR +
	       clamp(decode(cmos[RTC_MINUTES], format), 0, 59) * MINUTE +
	       clamp(decode(cmos[RTC_SECONDS], format), 0, 59);
}

static bool matches(u8 alarm, u8 now)
{
	return alarm >= ALARM_ANY || alarm == now;
}

/*
 * Skips hours that do not match, then minutes, then seconds. The longest way is from just after
 * a match: out of its minute, its hour and its day, and back in; less than a minute's seconds,
 * an hour's minutes and a day's hours together. Without a match by then there is none.
 */
u64 rtc_time_next_alarm(const u8 *cmos, u64 secs, u8 format)
{
	u8 now[RTC_HOURS + 1];

	secs++;
	for (u32 steps = 0; steps < 60 + 60 + 24; steps++) {
		time_of_day(now, secs, format);
		if (!matches(cmos[RTC_HOURS_ALARM], now[RTC_HOURS]))
			secs += HOUR - secs % HOUR;
		else if (!matches(cmos[RTC_MINUTES_ALARM], now[RTC_MINUTES]))
			secs += MINUTE - secs % MINUTE;
		else if (!matches(cmos[RTC_SECONDS_ALARM], now[RTC_SECONDS]))
			secs++;
		else
			return secs;
	}
	return ~0ull;
}
