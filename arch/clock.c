/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TSC as clock, its calibration, and the date at start-up. See clock.h.
 */
#include "arch/clock.h"

#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/percpu.h"

#define PM_TIMER_HZ 3579545ull
#define PM_TIMER_MASK 0xffffffu /* 24 bits are always there */
#define PIT_HZ 1193182ull
#define CALIBRATE_MS 10u
#define POLL_LIMIT 100000000u

static u64 tsc_base __ro_after_init;
static u64 tsc_khz __ro_after_init;
static u64 ns_scale __ro_after_init; /* ns per tick, 32 fraction bits */
static u64 boot_epoch __ro_after_init;

u64 clock_ns(void)
{
	return (u64)(((unsigned __int128)(rdtsc() - tsc_base) * ns_scale) >> 32);
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

/* Wait 10 ms by the PM timer. Returns the exact time in ns, 0 when the timer stands still. */
static u64 wait_pm_timer(u16 port)
{
	u32 start = inl(port), ticks = 0;
	u32 wanted = (u32)(PM_TIMER_HZ * CALIBRATE_MS / 1000);

	for (u32 i = 0; i < POLL_LIMIT && ticks < wanted; i++) {
		ticks = (inl(port) - start) & PM_TIMER_MASK;
		if (!ticks && i > 100000)
			return 0;
	}
	return ticks < wanted ? 0 : (u64)ticks * NS_PER_SEC / PM_TIMER_HZ;
}

/* Wait 10 ms by channel 2 of the PIT in one-shot mode: port 61h shows its output. */
static u64 wait_pit(void)
{
	u16 count = (u16)(PIT_HZ * CALIBRATE_MS / 1000);

	outb(0x61, (u8)((inb(0x61) & ~0x02u) | 0x01u));
	outb(0x43, 0xb0);
	outb(0x42, (u8)count);
	outb(0x42, (u8)(count >> 8));
	for (u32 i = 0; i < POLL_LIMIT; i++) {
		if (inb(0x61) & 0x20)
			return (u64)count * NS_PER_SEC / PIT_HZ;
	}
	return 0;
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

const char *clock_init(u16 pm_timer_port)
{
	const char *source = "ACPI PM timer";
	u64 start, ticks, ns = 0;
	u32 apic_ticks;

	apic_timer_start_counting();
	start = rdtsc();
	if (pm_timer_port)
		ns = wait_pm_timer(pm_timer_port);
	if (!ns) {
		source = "PIT";
		apic_timer_start_counting();
		start = rdtsc();
		ns = wait_pit();
	}
	ticks = rdtsc() - start;
	apic_ticks = apic_timer_elapsed();
	apic_timer_stop();
	if (!ns || !ticks || !apic_ticks)
		return NULL;
	tsc_khz = ticks * 1000000 / ns;
	ns_scale = (ns << 32) / ticks;
	tsc_base = rdtsc();
	apic_timer_set_frequency((u64)apic_ticks * NS_PER_SEC / ns);
	read_date();
	return source;
}
