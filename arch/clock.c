/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TSC as clock, and the date at start-up. See clock.h.
 */
#include "arch/clock.h"

#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/percpu.h"

static u64 tsc_base __ro_after_init;
static u64 tsc_khz __ro_after_init;
static u64 ns_scale __ro_after_init; /* ns per tick, 32 fraction bits */
static u64 boot_epoch __ro_after_init;

u64 clock_ns_at(u64 tsc)
{
	return (u64)(((unsigned __int128)(tsc - tsc_base) * ns_scale) >> 32);
}

u64 clock_ns(void)
{
	return clock_ns_at(rdtsc() - this_cpu()->tsc_skew);
}

u64 clock_ns_scale(void)
{
	return ns_scale;
}

u64 clock_ns_deadline(u64 tsc)
{
	unsigned __int128 ns = (unsigned __int128)(tsc - this_cpu()->tsc_skew - tsc_base) *
			       ns_scale;

	ns = (ns + 0xffffffff) >> 32;
	return ns > ~0ull ? ~0ull : (u64)ns;
}

u64 clock_tsc_khz(void)
{
	return tsc_khz;
}

u64 clock_boot_epoch(void)
{
	return boot_epoch;
}

void clock_delay_us(u64 us)
{
	u64 end = clock_ns() + us * 1000;

	while (clock_ns() < end)
		cpu_relax();
}

static u8 cmos_read(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static u32 cmos_number(u8 reg, bool binary)
{
	u32 value = cmos_read(reg);

	return binary ? value : (value >> 4) * 10 + (value & 15);
}

/* Days since 1970-01-01 of a date in the Gregorian calendar. */
static u64 days_since_epoch(u32 year, u32 month, u32 day)
{
	/* Count years from March, so that the leap day is the last of a year. */
	u32 y = month <= 2 ? year - 1 : year;
	u32 m = month <= 2 ? month + 9 : month - 3;

	return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static void read_date(void)
{
	bool binary = cmos_read(0x0b) & 0x04;
	u32 seconds, minutes, hours, day, month, year;

	for (u32 i = 0; i < 100000 && (cmos_read(0x0a) & 0x80); i++)
		cpu_relax();
	seconds = cmos_number(0, binary);
	minutes = cmos_number(2, binary);
	hours = cmos_number(4, binary);
	day = cmos_number(7, binary);
	month = cmos_number(8, binary);
	year = 2000 + cmos_number(9, binary) % 100;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hours > 23)
		return;
	boot_epoch = ((days_since_epoch(year, month, day) * 24 + hours) * 60 + minutes) * 60 +
		     seconds;
}

bool clock_init(enum clock_source wanted, const struct clock_hardware *hardware,
		enum clock_source *used)
{
	enum clock_source first = wanted == CLOCK_AUTO ? CLOCK_PM_TIMER : wanted;
	enum clock_source last = wanted == CLOCK_AUTO ? CLOCK_PIT : wanted;
	struct clock_ratio ratio;

	for (*used = first; !clock_calibrate(*used, hardware, &ratio); (*used)++) {
		if (*used == last)
			return false;
	}
	tsc_khz = ratio.tsc_ticks * 1000000 / ratio.ns;
	ns_scale = (ratio.ns << 32) / ratio.tsc_ticks;
	tsc_base = rdtsc();
	apic_timer_set_frequency((u64)ratio.apic_ticks * NS_PER_SEC / ratio.ns);
	read_date();
	return true;
}
