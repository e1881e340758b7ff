/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures TSC and local APIC timer against a clock of known frequency. None is believed to be
 * there or to count: each wait is bounded, and a missing device's ports and registers read as
 * all ones.
 */
#include "arch/apic.h"
#include "arch/clock.h"
#include "arch/clock_sources.h"
#include "arch/features.h"

#define PM_TIMER_HZ 3579545ull
#define PM_TIMER_MASK 0xffffffu /* 24 bits are always there */
#define PIT_HZ 1193182ull
#define CALIBRATE_MS 10u
/* At 10 GHz still ten times as long as it takes; and for a TSC that stands still. */
#define TSC_LIMIT 1000000000ull
#define POLL_LIMIT 100000000u
#define STUCK_POLLS 100000u

#define HPET_PERIOD 1u /* indices of 32-bit registers */
#define HPET_CONFIG 4u
#define HPET_COUNTER 60u
#define HPET_ENABLE 1u
#define HPET_MAX_PERIOD 100000000u /* femtoseconds: 10 MHz is the slowest */
#define FS_PER_NS 1000000ull

static bool expired(u64 start, u32 polls)
{
	return polls >= POLL_LIMIT || rdtsc() - start > TSC_LIMIT;
}

/* Each wait returns the exact time in ns, or 0. */
static u64 wait_pm_timer(u16 port)
{
	u32 start = inl(port), ticks = 0;
	u32 wanted = (u32)(PM_TIMER_HZ * CALIBRATE_MS / 1000);
	u64 tsc = rdtsc();

	for (u32 i = 0; ticks < wanted; i++) {
		ticks = (inl(port) - start) & PM_TIMER_MASK;
		if ((!ticks && i > STUCK_POLLS) || expired(tsc, i))
			return 0;
	}
	return (u64)ticks * NS_PER_SEC / PM_TIMER_HZ;
}

static u64 wait_hpet(volatile u32 *hpet)
{
	u32 period = hpet[HPET_PERIOD], config = hpet[HPET_CONFIG];
	u32 wanted, start, ticks = 0;
	u64 tsc = rdtsc();

	if (!period || period > HPET_MAX_PERIOD)
		return 0;
	wanted = (u32)(CALIBRATE_MS * NS_PER_MS * FS_PER_NS / period);
	hpet[HPET_CONFIG] = config | HPET_ENABLE;
	start = hpet[HPET_COUNTER];
	for (u32 i = 0; ticks < wanted; i++) {
		ticks = hpet[HPET_COUNTER] - start;
		if ((!ticks && i > STUCK_POLLS) || expired(tsc, i))
			break;
	}
	hpet[HPET_CONFIG] = config;
	return ticks < wanted ? 0 : (u64)ticks * period / FS_PER_NS;
}

/* Channel 2 in one-shot mode: port 61h shows its output. */
static u64 wait_pit(void)
{
	u16 count = (u16)(PIT_HZ * CALIBRATE_MS / 1000);
	u64 tsc = rdtsc();

	outb(0x61, (u8)((inb(0x61) & ~0x02u) | 0x01u));
	outb(0x43, 0xb0);
	outb(0x42, (u8)count);
	outb(0x42, (u8)(count >> 8));
	/* It is low until the count is over: where there is no PIT, it is high at once. */
	if (inb(0x61) & 0x20)
		return 0;
	for (u32 i = 0; !(inb(0x61) & 0x20); i++) {
		if (expired(tsc, i))
			return 0;
	}
	return (u64)count * NS_PER_SEC / PIT_HZ;
}

/* The TSC against itself, for the sake of the APIC's timer. */
static u64 wait_cpuid(void)
{
	struct cpuid leaf15 = { 0 };
	u64 hz, start = rdtsc(), ticks = 0;

	if (cpu_features.max_leaf >= 0x15)
		leaf15 = cpuid(0x15, 0);
	hz = clock_cpuid_hz(&leaf15);
	if (!hz)
		return 0;
	for (u32 i = 0; ticks < hz * CALIBRATE_MS / 1000; i++) {
		ticks = rdtsc() - start;
		if (i >= POLL_LIMIT)
			return 0;
	}
	return ticks * NS_PER_SEC / hz;
}

bool clock_calibrate(enum clock_source source, const struct clock_hardware *hardware,
		     struct clock_ratio *ratio)
{
	u64 start;

	*ratio = (struct clock_ratio){ 0 };
	apic_timer_start_counting();
	start = rdtsc();
	if (source == CLOCK_PM_TIMER && hardware->pm_timer)
		ratio->ns = wait_pm_timer(hardware->pm_timer);
	else if (source == CLOCK_HPET && hardware->hpet)
		ratio->ns = wait_hpet(hardware->hpet);
	else if (source == CLOCK_CPUID)
		ratio->ns = wait_cpuid();
	else if (source == CLOCK_PIT)
		ratio->ns = wait_pit();
	ratio->tsc_ticks = rdtsc() - start;
	ratio->apic_ticks = apic_timer_elapsed();
	apic_timer_stop();
	return ratio->ns && ratio->tsc_ticks && ratio->apic_ticks;
}
