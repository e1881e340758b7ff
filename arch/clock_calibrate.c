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
#define PIT_MASK 0xffffu
#define CALIBRATE_NS (10 * NS_PER_MS)
#define SAMPLE_TRIES 5u
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

/* Something that counts, 32 bits or less of it; a tick is mul / div nanoseconds. */
struct counter {
	enum clock_source source;
	const struct clock_hardware *hardware;
	u32 mask;
	u64 mul, div;
};

/* What it has counted; always the same where there is none. */
static u32 pit_read(void)
{
	u32 low;

	outb(0x43, 0x80); /* hold the count of channel 2 */
	low = inb(0x42);
	return PIT_MASK - (low | (u32)inb(0x42) << 8);
}

static u32 counter_read(const struct counter *counter)
{
	switch (counter->source) {
	case CLOCK_PM_TIMER:
		return inl(counter->hardware->pm_timer);
	case CLOCK_HPET:
		return counter->hardware->hpet[HPET_COUNTER];
	case CLOCK_PIT:
		return pit_read();
	default:
		return (u32)rdtsc();
	}
}

/* All three clocks at one moment. */
struct sample {
	u64 tsc;
	u32 ticks, apic;
};

/*
 * Firmware can interrupt at any place (system management mode), for longer than the error we
 * accept: of a few tries the one counts that took the shortest time.
 */
static struct sample sample_take(const struct counter *counter)
{
	struct sample best = { 0 };
	u64 shortest = UINT64_MAX;

	for (u32 i = 0; i < SAMPLE_TRIES; i++) {
		struct sample now = { .tsc = rdtsc() };
		u64 took;

		now.ticks = counter_read(counter);
		now.apic = apic_timer_elapsed();
		took = rdtsc() - now.tsc;
		if (took >= shortest)
			continue;
		shortest = took;
		best = now;
	}
	return best;
}

static bool counter_measure(const struct counter *counter, struct clock_ratio *ratio)
{
	u32 wanted = (u32)(CALIBRATE_NS * counter->div / counter->mul), ticks = 0;
	struct sample start = sample_take(counter), end;

	for (u32 i = 0; ticks < wanted; i++) {
		ticks = (counter_read(counter) - start.ticks) & counter->mask;
		if ((!ticks && i > STUCK_POLLS) || expired(start.tsc, i))
			return false;
	}
	end = sample_take(counter);
	ticks = (end.ticks - start.ticks) & counter->mask;
	ratio->ns = ticks * counter->mul / counter->div;
	ratio->tsc_ticks = end.tsc - start.tsc;
	ratio->apic_ticks = end.apic - start.apic;
	return true;
}

static bool measure_hpet(struct counter *counter, struct clock_ratio *ratio)
{
	volatile u32 *hpet = counter->hardware->hpet;
	u32 config = hpet[HPET_CONFIG];
	bool done;

	counter->mul = hpet[HPET_PERIOD];
	counter->div = FS_PER_NS;
	if (!counter->mul || counter->mul > HPET_MAX_PERIOD)
		return false;
	hpet[HPET_CONFIG] = config | HPET_ENABLE;
	done = counter_measure(counter, ratio);
	hpet[HPET_CONFIG] = config;
	return done;
}

/* The TSC against itself, for the sake of the APIC's timer. */
static bool measure_cpuid(struct counter *counter, struct clock_ratio *ratio)
{
	struct cpuid leaf15 = { 0 };

	if (cpu_features.max_leaf >= 0x15)
		leaf15 = cpuid(0x15, 0);
	counter->div = clock_cpuid_hz(&leaf15);
	return counter->div && counter_measure(counter, ratio);
}

/*
 * Channel 2, from its largest count down. Its count is read, rather than waiting for its output to
 * rise, for who is held up then would take the delay for time of the PIT.
 */
static bool measure_pit(struct counter *counter, struct clock_ratio *ratio)
{
	outb(0x61, (u8)((inb(0x61) & ~0x02u) | 0x01u));
	outb(0x43, 0xb0);
	outb(0x42, 0);
	outb(0x42, 0);
	counter->mask = PIT_MASK;
	counter->div = PIT_HZ;
	return counter_measure(counter, ratio);
}

static bool measure(struct counter *counter, struct clock_ratio *ratio)
{
	switch (counter->source) {
	case CLOCK_PM_TIMER:
		counter->mask = PM_TIMER_MASK;
		counter->div = PM_TIMER_HZ;
		return counter->hardware->pm_timer && counter_measure(counter, ratio);
	case CLOCK_HPET:
		return counter->hardware->hpet && measure_hpet(counter, ratio);
	case CLOCK_CPUID:
		return measure_cpuid(counter, ratio);
	case CLOCK_PIT:
		return measure_pit(counter, ratio);
	default:
		return false;
	}
}

bool clock_calibrate(enum clock_source source, const struct clock_hardware *hardware,
		     struct clock_ratio *ratio)
{
	struct counter counter = {
		.source = source, .hardware = hardware, .mask = UINT32_MAX, .mul = NS_PER_SEC
	};
	bool done;

	*ratio = (struct clock_ratio){ 0 };
	apic_timer_start_counting();
	done = measure(&counter, ratio);
	apic_timer_stop();
	return done && ratio->ns && ratio->tsc_ticks && ratio->apic_ticks;
}
