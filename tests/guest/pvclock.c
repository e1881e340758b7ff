/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's clock and steal time, as its guests use them: the pages, the time against the PM timer, across
 * CPUs and when the TSC is written; addresses that must be refused; and, with pv=none, that there
 * is nothing. pv=shared says that all vCPUs are on one CPU, where they wait for each other.
 */
#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/cmos.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/smp64.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define MSR_WALL_CLOCK 0x4b564d00u
#define MSR_SYSTEM_TIME 0x4b564d01u
#define MSR_ASYNC_PF 0x4b564d02u
#define MSR_STEAL_TIME 0x4b564d03u
#define ENABLE 1u
#define STABLE 1u
#define PREEMPTED 1u
#define FLUSH_TLB 2u
#define HOLE 0xd0000000ul
#define NS_PER_MS 1000000ull

struct clock_page {
	u32 version, pad;
	u64 tsc_timestamp, system_time;
	u32 mul;
	s8 shift;
	u8 flags, pad2[2];
} __aligned(64);

struct wall_page {
	u32 version, sec, nsec;
};

struct steal_page {
	u64 steal;
	u32 version, flags;
	u8 preempted, pad[47];
} __aligned(64);

static volatile struct clock_page clocks[SMP_MAX];
static volatile struct wall_page wall __aligned(16);
static volatile struct steal_page steals[SMP_MAX];

static u64 clock_ns(volatile struct clock_page *page)
{
	u64 delta, ns;
	u32 version;

	do {
		version = __atomic_load_n(&page->version, __ATOMIC_ACQUIRE);
		delta = rdtsc() - page->tsc_timestamp;
		delta = page->shift < 0 ? delta >> -page->shift : delta << page->shift;
		ns = (u64)((unsigned __int128)delta * page->mul >> 32) + page->system_time;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version & 1 || version != page->version);
	return ns;
}

static void test_nothing(void)
{
	for (u32 msr = MSR_WALL_CLOCK; msr <= MSR_STEAL_TIME; msr++) {
		u64 value;

		tap_eq(try_rdmsr(msr, &value), VEC_GP, "no MSR %x to read", msr);
		tap_eq(try_wrmsr(msr, 0), VEC_GP, "nor to write");
	}
}

static void test_wall_clock(void)
{
	u32 year = (u32)(cmos_read(0x32) >> 4) * 1000 + (cmos_read(0x32) & 15u) * 100 +
		   (u32)(cmos_read(9) >> 4) * 10 + (cmos_read(9) & 15u);
	u32 wall_year;

	tap_eq(rdmsr(MSR_WALL_CLOCK), 0, "the wall clock's MSR is 0");
	wrmsr(MSR_WALL_CLOCK, (ulong)&wall);
	tap_eq(rdmsr(MSR_WALL_CLOCK), (ulong)&wall, "and is what was written");
	tap_ok(wall.version && !(wall.version & 1), "its version is even: %u", wall.version);
	wall_year = 1970 + wall.sec / 31556952;
	tap_ok(wall_year + 1 >= year && wall_year <= year + 1 && wall.nsec < 1000000000,
	       "the date is the RTC's: %u.%09u", wall.sec, wall.nsec);
	wrmsr(MSR_WALL_CLOCK, (ulong)&wall);
	tap_ok(wall.version == 4, "it is written when it is asked for");
}

/* The clock's rate in parts per million off the PM timer's, over 300 ms; the least of some. */
static u32 rate_off(volatile struct clock_page *page)
{
	u32 least = ~0u;

	for (int i = 0; i < 5 && least > 1000; i++) {
		u32 pm = pm_timer();
		u64 ns = clock_ns(page), want;

		clock_wait_us(300000);
		ns = clock_ns(page) - ns;
		want = (u64)pm_timer_since(pm) * 1000000000 / PM_TIMER_HZ;
		least = MIN(least, (u32)((ns > want ? ns - want : want - ns) * 1000000 / want));
	}
	return least;
}

static void test_clock(void)
{
	volatile struct clock_page *page = &clocks[0];
	u32 off;

	tap_eq(rdmsr(MSR_SYSTEM_TIME), 0, "the clock's MSR is 0");
	wrmsr(MSR_SYSTEM_TIME, (ulong)page | ENABLE);
	tap_eq(rdmsr(MSR_SYSTEM_TIME), (ulong)page | ENABLE, "and is what was written");
	tap_eq(page->version, 2, "its version is even");
	tap_ok(page->mul && page->shift >= -31 && page->shift <= 31, "a scale: %u, 2^%u", page->mul,
	       (u32)page->shift);
	tap_eq(page->flags & ~STABLE, 0, "no other flags than that it is stable");
	off = rate_off(page);
	tap_ok(off <= 1000, "it agrees with the PM timer: to %u ppm", off);
}

static volatile u64 latest;
static volatile u32 backwards, readings, go_on;

/* A time that was seen anywhere must not be later than one that is read after that. */
static void compare(u32 id)
{
	u64 before = __atomic_load_n(&latest, __ATOMIC_SEQ_CST), now = clock_ns(&clocks[id]);

	if (now < before)
		__atomic_fetch_add(&backwards, 1u, __ATOMIC_SEQ_CST);
	while (now > before && !__atomic_compare_exchange_n(&latest, &before, now, false,
							    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	__atomic_fetch_add(&readings, 1u, __ATOMIC_SEQ_CST);
}

static void other_cpu(u32 id)
{
	wrmsr(MSR_SYSTEM_TIME, (ulong)&clocks[id] | ENABLE);
	wrmsr(MSR_STEAL_TIME, (ulong)&steals[id] | ENABLE);
	while (go_on)
		compare(id);
}

/* All read the same clock; also each the first one's page, if the flag allows it. */
static void test_cpus(void)
{
	u32 start = pm_timer();

	while (pm_timer_since(start) < pm_timer_ticks(300000))
		compare(0);
	tap_eq(backwards, 0, "%u readings of %u CPUs: no time goes back", readings,
	       MAX(smp_count(), 1u));
	for (u32 id = 1; id < smp_count(); id++)
		tap_ok(clocks[id].tsc_timestamp == clocks[0].tsc_timestamp &&
			       clocks[id].system_time == clocks[0].system_time &&
			       clocks[id].mul == clocks[0].mul &&
			       clocks[id].flags == clocks[0].flags,
		       "CPU %u's page is as the first one's", id);
}

static void test_tsc_write(void)
{
	u32 version = clocks[0].version;
	u64 before, after;

	before = clock_ns(&clocks[0]);
	wrmsr(MSR_TSC, rdtsc() + 10000000000ull);
	after = clock_ns(&clocks[0]);
	tap_ok(after >= before && after - before < 1000 * NS_PER_MS,
	       "a TSC that is set does not move the clock: %u ns", (u32)(after - before));
	tap_ok(clocks[0].version > version, "the page has been written");
	for (u32 id = 0; id < MAX(smp_count(), 1u); id++)
		tap_eq(clocks[id].flags, 0, "CPU %u's clock is no more said to be stable", id);
	wrmsr(MSR_TSC, rdtsc() - 10000000000ull);
	after = clock_ns(&clocks[0]);
	tap_ok(after >= before && after - before < 1000 * NS_PER_MS, "nor back");
	wrmsr(MSR_SYSTEM_TIME, (ulong)&clocks[0]);
	version = clocks[0].version;
	wrmsr(MSR_TSC, rdtsc() + 1000);
	tap_eq(clocks[0].version, version, "turned off it is not written any more");
	wrmsr(MSR_SYSTEM_TIME, (ulong)&clocks[0] | ENABLE);
	tap_ok(clocks[0].version > version, "and turned on again it is");
}

static void test_steal(void)
{
	volatile struct steal_page *page = &steals[0];

	page->steal = 77;
	page->preempted = 3;
	page->version = 5;
	page->pad[0] = 0x99;
	wrmsr(MSR_STEAL_TIME, (ulong)page | ENABLE);
	tap_eq(rdmsr(MSR_STEAL_TIME), (ulong)page | ENABLE, "the steal time's MSR");
	tap_ok(page->steal < 1000 * NS_PER_MS, "nothing has been stolen yet");
	tap_ok(page->version > 5 && !(page->version & 1), "an even version: %u", page->version);
	tap_eq(page->preempted, 0, "the CPU is here");
	tap_eq(page->pad[0], 0x99, "the rest is left alone");
}

/* With the other vCPUs on this CPU: they wait for us, we for them. */
static void test_waiting(void)
{
	volatile struct steal_page *mine = &steals[0], *other = &steals[1];
	u32 start = pm_timer(), seen = 0, asked = 0, ns = 0;
	u8 was;

	while (pm_timer_since(start) < 3 * PM_TIMER_HZ && (ns < 100 * NS_PER_MS || !asked)) {
		was = PREEMPTED;
		seen += other->preempted == PREEMPTED;
		asked += __atomic_compare_exchange_n(&other->preempted, &was, PREEMPTED | FLUSH_TLB,
						     false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		ns = (u32)((u64)pm_timer_since(start) * 1000000000 / PM_TIMER_HZ);
	}
	tap_ok(seen > 0, "the other CPU is seen waiting");
	tap_ok(asked > 0, "and is asked to flush its TLB %u times, each when it waits anew", asked);
	tap_ok(WAIT_FOR(mine->steal > 10 * NS_PER_MS), "waiting counts as stolen: %u us of %u",
	       (u32)(mine->steal / 1000), ns / 1000);
	tap_ok(mine->steal < clock_ns(&clocks[0]), "no more than there was");
	tap_eq(mine->preempted, 0, "who asks does not wait");
}

static void refused(u32 msr, u64 value, const char *what)
{
	u64 before = rdmsr(msr);

	tap_eq(try_wrmsr(msr, value), VEC_GP, "MSR %x: %s: #GP", msr, what);
	tap_eq(rdmsr(msr), before, "and nothing has changed");
}

static void test_refused(void)
{
	static u8 page[8192] __aligned(4096);
	u64 value, end = (ulong)page + 4096;

	refused(MSR_WALL_CLOCK, HOLE, "where there is no memory");
	refused(MSR_WALL_CLOCK, end - 8, "across two pages");
	refused(MSR_WALL_CLOCK, (ulong)page + 1, "not aligned");
	refused(MSR_SYSTEM_TIME, HOLE | ENABLE, "where there is no memory");
	refused(MSR_SYSTEM_TIME, 0xfee00000 | ENABLE, "a device's page");
	refused(MSR_SYSTEM_TIME, 0xfffffffffffff000 | ENABLE, "beyond all addresses");
	refused(MSR_SYSTEM_TIME, ~0ull, "all ones");
	refused(MSR_SYSTEM_TIME, (end - 28) | ENABLE, "across two pages");
	refused(MSR_SYSTEM_TIME, ((ulong)page + 2) | ENABLE, "not aligned");
	refused(MSR_STEAL_TIME, HOLE | ENABLE, "where there is no memory");
	refused(MSR_STEAL_TIME, ((ulong)page + 32) | ENABLE, "not aligned");
	refused(MSR_STEAL_TIME, (ulong)page | 2, "a reserved bit");
	tap_eq(try_wrmsr(MSR_SYSTEM_TIME, (end - 32) | ENABLE), TRAP_NONE, "up to a page's end");
	tap_eq(try_wrmsr(MSR_SYSTEM_TIME, HOLE), TRAP_NONE, "turned off any address will do");
	tap_eq(try_wrmsr(MSR_WALL_CLOCK, 0), TRAP_NONE, "and a wall clock nowhere");
	tap_eq(try_rdmsr(MSR_ASYNC_PF, &value), VEC_GP, "what is not offered does not exist");
	for (u32 i = 0; i < sizeof(page); i++) {
		if (page[i] && i - (4096 - 32) >= 32)
			tap_bail_out("a byte at %u was written", i);
	}
}

void guest_main(void)
{
	struct cpuid sig = cpuid(0x40000000, 0);

	if (boot_option_is("pv", "none")) {
		test_nothing();
		return;
	}
	if (memcmp(&sig.b, "KVMKVMKVM\0\0\0", 12) != 0)
		tap_skip_all("no guest of KVM or what looks like it");
	lapic_enable();
	test_wall_clock();
	test_clock();
	test_steal();
	go_on = 1;
	tap_eq(smp_start_all(other_cpu) + 1, MAX(smp_count(), 1u), "all CPUs come up");
	test_cpus();
	if (boot_option_is("pv", "shared"))
		test_waiting();
	go_on = 0;
	test_tsc_write();
	test_refused();
}
