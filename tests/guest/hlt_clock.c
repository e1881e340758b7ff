/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's clocks agree: TSC, PIT and local APIC timer against the ACPI PM timer, within
 * one percent of guest time.
 */
#include "tests/guest/hlt.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/tap.h"

#define ATTEMPTS 8
#define LAPIC_HZ 1000000000ull

/* One reading of all clocks, as close together as a try found them. */
struct reading {
	u64 tsc;
	u32 pm, pit, lapic;
	u64 spread; /* TSC ticks that the reading took */
};

static void read_once(struct reading *r)
{
	u64 start = rdtsc();

	r->pit = pit_count(0);
	r->lapic = lapic_read(LAPIC_TIMER_COUNT);
	r->pm = pm_timer();
	r->tsc = rdtsc();
	r->spread = r->tsc - start;
}

/*
 * The host may take its CPU away at any moment: of several readings the one in which that
 * happened least.
 */
static struct reading read_clocks(void)
{
	struct reading best, r;

	read_once(&best);
	for (int i = 0; i < 20; i++) {
		read_once(&r);
		if (r.spread < best.spread)
			best = r;
	}
	return best;
}

/* How far a is from b, in parts per thousand. */
static u64 per_mille(u64 a, u64 b)
{
	u64 diff = a > b ? a - b : b - a;

	return b ? diff * 1000 / b : 1000;
}

struct rates {
	u64 pit_off, lapic_off, tsc_hz;
};

/* 40 ms, less than a turn of the PIT's 16 bits. */
static struct rates measure(void)
{
	struct reading a, b;
	u64 pm;

	pit_start(0, PIT_RATE, 0);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_TIMER_INIT, 0xffffffff);
	clock_wait_us(100);
	a = read_clocks();
	clock_wait_us(40000);
	b = read_clocks();
	pm = (b.pm - a.pm) & PM_TIMER_MASK;
	return (struct rates){
		.pit_off = per_mille((u16)(a.pit - b.pit), pm * PIT_HZ / PM_TIMER_HZ),
		.lapic_off = per_mille(a.lapic - b.lapic, pm * LAPIC_HZ / PM_TIMER_HZ),
		.tsc_hz = (b.tsc - a.tsc) * PM_TIMER_HZ / pm,
	};
}

void test_clocks(void)
{
	struct rates r = measure(), next = r;
	u64 tsc_off = 1000;

	/* A wrong rate is wrong each time; a disturbed attempt is not repeated so. */
	for (int i = 0; i < ATTEMPTS && (r.pit_off > 10 || r.lapic_off > 10 || tsc_off > 10); i++) {
		next = measure();
		r.pit_off = MIN(r.pit_off, next.pit_off);
		r.lapic_off = MIN(r.lapic_off, next.lapic_off);
		tsc_off = MIN(tsc_off, per_mille(next.tsc_hz, r.tsc_hz));
		r.tsc_hz = next.tsc_hz;
	}
	tap_diag(
		"TSC %u kHz; per mille off the PM timer: PIT %u, APIC timer %u, TSC with itself %u",
		(u32)(next.tsc_hz / 1000), (u32)r.pit_off, (u32)r.lapic_off, (u32)tsc_off);
	tap_ok(r.pit_off <= 10, "the PIT runs at 1.193182 MHz");
	tap_ok(r.lapic_off <= 10, "the APIC timer runs at 1 GHz");
	tap_ok(tsc_off <= 10, "the TSC runs at a constant rate");
}
