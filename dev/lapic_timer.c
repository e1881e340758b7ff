/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's timer: counts down from a time remembered, at 1 GHz by the divisor.
 * The host's timer is armed only while an interrupt would come of it. Periods that passed
 * unserved are one interrupt, not a burst.
 */
#include "arch/clock.h"
#include "dev/lapic_internal.h"
#include "dev/ticks.h"

#define DIVIDE_MASK 0x0bu

static bool is_periodic(const struct lapic *apic)
{
	return apic->lvt[LVT_TIMER] & LVT_TIMER_PERIODIC;
}

static u64 counted(const struct lapic *apic, u64 now)
{
	return ticks_since(now, apic->timer_start) >> apic->timer_shift;
}

static u32 count_at(const struct lapic *apic, u64 now)
{
	u64 gone = counted(apic, now);

	if (!apic->timer_running)
		return 0;
	if (is_periodic(apic))
		gone %= apic->timer_initial;
	return gone < apic->timer_initial ? apic->timer_initial - (u32)gone : 0;
}

u32 lapic_timer_count(const struct lapic *apic)
{
	return count_at(apic, clock_ns());
}

/* Arm the host's timer for the next time, after now, that the count reaches 0. */
static void arm(struct lapic *apic, u64 now)
{
	u64 periods = 1, deadline;

	if (!apic->timer_running || (apic->lvt[LVT_TIMER] & LVT_MASKED)) {
		timer_cancel(&apic->timer);
		return;
	}
	if (is_periodic(apic))
		periods = counted(apic, now) / apic->timer_initial + 1;
	deadline = apic->timer_start + (periods * apic->timer_initial << apic->timer_shift);
	if (is_periodic(apic))
		deadline = MAX(deadline, apic->timer_last + LAPIC_MIN_PERIOD_NS);
	timer_arm(&apic->timer, deadline);
}

static void fire(struct lapic *apic, u64 now)
{
	apic->timer_last = now;
	if (!is_periodic(apic))
		apic->timer_running = false;
	arm(apic, now);
	lapic_raise_local(apic, LVT_TIMER);
}

static void timer_expired(struct timer *timer)
{
	/* Not before the deadline, or a clock that lags on this CPU gives the same end twice. */
	fire(container_of(timer, struct lapic, timer), MAX(clock_ns(), timer->deadline));
}

void lapic_timer_settle(struct lapic *apic)
{
	u64 now = clock_ns(), gone;

	if (apic->timer.deadline <= now && timer_armed(&apic->timer))
		fire(apic, now);
	gone = counted(apic, now);
	if (!apic->timer_running || gone < apic->timer_initial)
		return;
	/* A one-shot that ended while it was masked has ended for good. */
	if (!is_periodic(apic))
		apic->timer_running = false;
	else /* Count from the current period on: it may become the only one. */
		apic->timer_start += (gone - gone % apic->timer_initial) << apic->timer_shift;
}

void lapic_timer_rearm(struct lapic *apic)
{
	arm(apic, clock_ns());
}

void lapic_timer_write_initial(struct lapic *apic, u32 value)
{
	lapic_timer_settle(apic);
	apic->timer_initial = value;
	apic->timer_start = clock_ns();
	apic->timer_running = value != 0;
	lapic_timer_rearm(apic);
}

static u8 divide_shift(u32 value)
{
	u32 code = (value & 3) | (value >> 1 & 4);

	return (u8)((code + 1) & 7);
}

void lapic_timer_write_divide(struct lapic *apic, u32 value)
{
	u64 now = clock_ns();
	u32 gone;

	lapic_timer_settle(apic);
	gone = apic->timer_initial - count_at(apic, now);
	apic->timer_divide = value & DIVIDE_MASK;
	apic->timer_shift = divide_shift(value);
	/* The count goes on from where it is, at the new rate. */
	apic->timer_start = now - ((u64)gone << apic->timer_shift);
	lapic_timer_rearm(apic);
}

void lapic_timer_reset(struct lapic *apic)
{
	timer_cancel(&apic->timer);
	apic->timer_running = false;
	apic->timer_initial = 0;
	apic->timer_start = 0;
	apic->timer_last = 0;
	apic->timer_divide = 0;
	apic->timer_shift = divide_shift(0);
}

void lapic_timer_init(struct lapic *apic, struct timer_queue *queue)
{
	timer_init(&apic->timer, queue, timer_expired);
}
