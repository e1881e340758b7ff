/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer in TSC-deadline mode: when it comes, that it comes once, and what disarms it.
 */
#include "tests/guest/lib/clock.h"
#include "tests/guest/x2apic.h"

#define VEC_TICK 0x75u
#define TICKS 300u
#define FAR 0xffffffffffull
#define NEVER (~0ull)
/* Ticks, at some GHz, so many that a busy host does not pass them; and a time that they do not last. */
#define SOON 400000000ull
#define LATER_US 400000u

static volatile u32 ticks;
static volatile u64 ticked_at;
static void (*end)(void);
static bool by_msr;

static void on_tick(struct trap_frame *frame)
{
	(void)frame;
	ticked_at = rdtsc();
	ticks++;
	end();
}

static u32 read_reg(u32 reg)
{
	return by_msr ? (u32)x2apic_read(reg) : lapic_read(reg);
}

static void write_reg(u32 reg, u32 value)
{
	if (by_msr)
		x2apic_write(reg, value);
	else
		lapic_write(reg, value);
}

static void arm(u64 deadline)
{
	wrmsr(MSR_TSC_DEADLINE, deadline);
}

static bool comes(void)
{
	u32 before = ticks;
	bool came;

	irq_enable();
	came = WAIT_FOR(ticks != before);
	irq_disable();
	return came;
}

/* Nothing comes for a while. */
static bool quiet(void)
{
	u32 before = ticks;

	irq_enable();
	clock_wait_us(3000);
	irq_disable();
	return ticks == before;
}

static void test_comes(const char *mode)
{
	bool early = false, once = true, cleared = true;
	u64 deadline;

	for (u32 i = 0; i < TICKS; i++) {
		u32 before = ticks;

		deadline = rdtsc() + i * i * 20;
		arm(deadline);
		if (!comes())
			break;
		early |= ticked_at < deadline;
		once &= ticks == before + 1;
		cleared &= rdmsr(MSR_TSC_DEADLINE) == 0;
	}
	tap_eq(ticks, TICKS, "%s: every deadline comes", mode);
	tap_ok(!early, "%s: none before its time", mode);
	tap_ok(once && quiet(), "%s: each once", mode);
	tap_ok(cleared, "%s: the MSR is 0 then", mode);
	arm(1);
	tap_eq(rdmsr(MSR_TSC_DEADLINE), 0, "%s: one that has passed comes at once", mode);
	tap_ok(comes(), "%s: and it does", mode);
}

static void test_changes(const char *mode)
{
	u64 deadline = rdtsc() + FAR;

	arm(deadline);
	tap_eq(rdmsr(MSR_TSC_DEADLINE), deadline, "%s: the MSR holds it while it is armed", mode);
	arm(0);
	tap_eq(rdmsr(MSR_TSC_DEADLINE), 0, "%s: 0 disarms", mode);
	arm(NEVER);
	tap_ok(quiet(), "%s: the end of time does not come", mode);
	arm(rdtsc() + 100000);
	tap_ok(comes() && quiet(), "%s: a nearer one takes its place", mode);
	write_reg(LAPIC_TIMER_INIT, 1000);
	tap_eq(read_reg(LAPIC_TIMER_INIT) | read_reg(LAPIC_TIMER_COUNT), 0,
	       "%s: the initial count cannot be written", mode);
	arm(rdtsc() + FAR);
	write_reg(LAPIC_LVT_TIMER, VEC_TICK);
	tap_eq(rdmsr(MSR_TSC_DEADLINE), 0, "%s: another mode disarms", mode);
	arm(1);
	tap_ok(rdmsr(MSR_TSC_DEADLINE) == 0 && quiet(), "%s: and the MSR is 0 there", mode);
	write_reg(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	write_reg(LAPIC_TIMER_INIT, 0xffffffff);
	write_reg(LAPIC_LVT_TIMER, LVT_DEADLINE | VEC_TICK);
	tap_eq(read_reg(LAPIC_TIMER_COUNT), 0, "%s: as TSC-deadline mode stops a count", mode);
	write_reg(LAPIC_LVT_TIMER, LVT_MASKED | LVT_DEADLINE | VEC_TICK);
	arm(rdtsc() + 1000);
	tap_ok(quiet() && rdmsr(MSR_TSC_DEADLINE) == 0, "%s: what ends masked has ended", mode);
	write_reg(LAPIC_LVT_TIMER, LVT_DEADLINE | VEC_TICK);
	tap_ok(quiet(), "%s: for good", mode);
}

/* The deadline is one of the TSC, whatever that is set to. */
static void test_tsc(const char *mode)
{
	u64 now = rdtsc();
	u32 before;

	arm(now + FAR);
	wrmsr(MSR_TSC, now + FAR + 1000);
	tap_ok(comes(), "%s: it comes when the TSC is set past it", mode);
	before = ticks;
	arm(rdtsc() + SOON);
	wrmsr(MSR_TSC, now);
	irq_enable();
	clock_wait_us(LATER_US);
	irq_disable();
	tap_eq(ticks, before, "%s: and does not when the TSC is set back", mode);
	tap_ok(rdmsr(MSR_TSC_DEADLINE) != 0, "%s: but stays armed", mode);
	wrmsr(MSR_TSC, rdmsr(MSR_TSC_DEADLINE) - 100000);
	tap_ok(comes(), "%s: and comes at last", mode);
}

void test_deadline(const char *mode, void (*eoi)(void))
{
	trap_set_handler(VEC_TICK, on_tick);
	ticks = 0;
	end = eoi;
	by_msr = rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;
	write_reg(LAPIC_LVT_TIMER, VEC_TICK);
	arm(1);
	tap_ok(rdmsr(MSR_TSC_DEADLINE) == 0 && quiet(), "%s: one-shot mode knows no deadline",
	       mode);
	write_reg(LAPIC_LVT_TIMER, LVT_DEADLINE | VEC_TICK);
	tap_eq(read_reg(LAPIC_LVT_TIMER), LVT_DEADLINE | VEC_TICK, "%s: TSC-deadline mode", mode);
	test_comes(mode);
	test_changes(mode);
	test_tsc(mode);
	write_reg(LAPIC_LVT_TIMER, LVT_MASKED);
}
