/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All clocks of the machine over some seconds (seconds=N): PIT and RTC by counting their ticks, the
 * local APIC's timer and the TSC by reading them, each against the ACPI PM timer, to a thousandth.
 * In between the CPU takes no interrupts for a while, now and then: no tick is lost by that.
 */
#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/cmos.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define NS_PER_SEC 1000000000ull
#define PIT_COUNT 4773u
#define RTC_HZ 256u
#define RTC_RATE 0x28 /* which is that */
#define LAPIC_NS 16u /* of a count, divided by 16 */
#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_FREQUENCIES 0x40000010u
#define MOST_PPM 1000u

/*
 * A source of ticks. Each comes at its time or later, so of many the least late one tells where
 * they are: in the first quarter of the time, and in the last.
 */
struct ticker {
	u64 count;
	struct {
		u64 at; /* ns */
		s64 late; /* ns behind the count's time; the least there was */
	} first, last;
};

static struct ticker pit, rtc;
static u64 start_ns, whole_ns;

/* The PM timer, with the turns of its 24 bits. Interrupts are off, and it is called often. */
static u64 now_ns(void)
{
	static u64 ticks;
	static u32 last;
	u32 now = pm_timer();

	ticks += (now - last) & PM_TIMER_MASK;
	last = now;
	return ticks * NS_PER_SEC / PM_TIMER_HZ;
}

static void ticked(struct ticker *ticker, u64 count_ns)
{
	u64 at = now_ns(), gone = at - start_ns;
	s64 late = (s64)(at - count_ns);

	if (gone < whole_ns / 4 && (!ticker->first.at || late < ticker->first.late)) {
		ticker->first.at = at;
		ticker->first.late = late;
	}
	if (gone >= whole_ns / 4 * 3 && (!ticker->last.at || late < ticker->last.late)) {
		ticker->last.at = at;
		ticker->last.late = late;
	}
}

static void on_pit(struct trap_frame *frame __unused)
{
	pit.count++;
	ticked(&pit, pit.count * PIT_COUNT * NS_PER_SEC / PIT_HZ);
	pic_eoi(IRQ_PIT);
}

static void on_rtc(struct trap_frame *frame __unused)
{
	if (cmos_read(RTC_C) & RTC_PERIODIC) {
		rtc.count++;
		ticked(&rtc, rtc.count * NS_PER_SEC / RTC_HZ);
	}
	pic_eoi(IRQ_RTC);
}

/* One reading of the clocks that are read, as close together as a try found them. */
struct reading {
	u64 tsc, ns, spread;
	u32 lapic;
};

static struct reading read_clocks(void)
{
	struct reading best = { .spread = ~0ull };

	for (int i = 0; i < 50; i++) {
		u64 begin = rdtsc();
		struct reading r = { .lapic = lapic_read(LAPIC_TIMER_COUNT), .ns = now_ns() };

		r.tsc = rdtsc();
		r.spread = r.tsc - begin;
		if (r.spread < best.spread)
			best = r;
	}
	return best;
}

static u32 ppm(s64 difference, u64 of)
{
	u64 size = (u64)(difference < 0 ? -difference : difference);

	return of ? (u32)MIN(size * 1000000 / of, 999999ull) : 999999;
}

static void check_ticker(const struct ticker *ticker, const char *name)
{
	u64 span = ticker->last.at - ticker->first.at;
	u32 off = ppm(ticker->last.late - ticker->first.late, span);

	tap_ok(ticker->first.at && ticker->last.at && off <= MOST_PPM,
	       "%s: %u ticks agree with the PM timer to %u ppm", name, (u32)ticker->count, off);
}

static void start_tickers(void)
{
	pit_start(0, PIT_RATE, PIT_COUNT);
	cmos_write(RTC_A, RTC_RATE);
	cmos_write(RTC_B, (u8)(cmos_read(RTC_B) | RTC_PERIODIC));
	cmos_read(RTC_C);
	pic_unmask(IRQ_PIT);
	pic_unmask(IRQ_CASCADE);
	pic_unmask(IRQ_RTC);
}

/* Until ns of the whole have gone; busy: 30 ms in each 200 without interrupts. */
static void wait_until(u64 ns, bool busy)
{
	u64 pause = now_ns();

	while (now_ns() - start_ns < ns) {
		irq_wait();
		if (!busy || now_ns() - pause < 200 * NS_PER_SEC / 1000)
			continue;
		clock_wait_us(30000);
		pause = now_ns();
	}
}

static void check_readings(const struct reading *from, const struct reading *half,
			   const struct reading *to)
{
	u64 ns = to->ns - from->ns, khz;
	u32 off;

	off = ppm((s64)((u64)(from->lapic - to->lapic) * LAPIC_NS - ns), ns);
	tap_ok(off <= MOST_PPM, "the local APIC's timer runs at 1 GHz to %u ppm", off);
	if (on_sill() && cpuid(LEAF_HYPERVISOR, 0).a >= LEAF_FREQUENCIES) {
		khz = cpuid(LEAF_FREQUENCIES, 0).a;
		off = ppm((s64)((to->tsc - from->tsc) - ns / 1000 * khz / 1000),
			  ns / 1000 * khz / 1000);
		tap_ok(off <= MOST_PPM, "the TSC runs at %u kHz, as CPUID says, to %u ppm",
		       (u32)khz, off);
	} else {
		khz = (half->tsc - from->tsc) * 1000 / ((half->ns - from->ns) / 1000);
		off = ppm((s64)((to->tsc - half->tsc) * 1000 / ((to->ns - half->ns) / 1000) - khz),
			  khz);
		tap_ok(off <= MOST_PPM, "the TSC runs at %u kHz all the time, to %u ppm", (u32)khz,
		       off);
	}
}

void guest_main(void)
{
	struct reading from, half, to;

	whole_ns = boot_option_number("seconds", 2) * NS_PER_SEC;
	pic_init();
	lapic_enable();
	trap_set_handler(PIC_VECTOR + IRQ_PIT, on_pit);
	trap_set_handler(PIC_SLAVE_VECTOR + IRQ_RTC - 8, on_rtc);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_TIMER_INIT, 0xffffffff);
	from = read_clocks();
	start_ns = now_ns();
	start_tickers();
	wait_until(whole_ns / 4, false);
	wait_until(whole_ns / 2, on_sill());
	half = read_clocks();
	wait_until(whole_ns / 4 * 3, on_sill());
	wait_until(whole_ns, false);
	to = read_clocks();
	cmos_write(RTC_B, (u8)(cmos_read(RTC_B) & ~RTC_PERIODIC));
	check_ticker(&pit, "PIT");
	check_ticker(&rtc, "RTC");
	check_readings(&from, &half, &to);
}
