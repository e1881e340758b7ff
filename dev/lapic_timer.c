/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's timer. One-shot and periodic it counts down from a time remembered, at 1 GHz by
 * the divisor; in TSC-deadline mode it waits for a value of its vCPU's TSC. The host's timer is
 * armed only while an interrupt would come of it. Periods that passed unserved are one
 * interrupt, not a burst.
 */
#include "arch/clock.h"
#include "dev/lapic_internal.h"
#include "dev/ticks.h"

static bool is_periodic(const struct lapic *apic)
{
	return apic->lvt[LVT_TIMER] & LVT_TIMER_PERIODIC;
}

static bool is_deadline(const struct lapic *apic)
{
	return apic->lvt[LVT_TIMER] & LVT_TIMER_DEADLINE;
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

static u64 time_of_tsc(const struct lapic *apic, u64 tsc)
{
	return apic->host.tsc_time ? apic->host.tsc_time(apic->host.ctx, tsc) : tsc;
}

/* When the count next reaches 0, after now. */
static u64 count_end(const struct lapic *apic, u64 now)
{
	u64 periods = 1, end;

	if (is_periodic(apic))
		periods = counted(apic, now) / apic->timer_initial + 1;
	end = apic->timer_start + (periods * apic->timer_initial << apic->timer_shift);
	return is_periodic(apic) ? MAX(end, apic->timer_last + LAPIC_MIN_PERIOD_NS) : end;
}

/* Arm the host's timer for the next interrupt after now. */
static void arm(struct lapic *apic, u64 now)
{
	if ((!apic->timer_running && !apic->tsc_deadline) || (apic->lvt[LVT_TIMER] & LVT_MASKED))
		timer_cancel(&apic->timer);
	else
		timer_arm(&apic->timer, apic->tsc_deadline ? apic->tsc_time : count_end(apic, now));
}

static void fire(struct lapic *apic, u64 now)
{
	apic->timer_last = now;
	apic->tsc_deadline = 0;
	if (!is_periodic(apic))
		apic->timer_running = false;
	arm(apic, now);
	/* Its entry has no delivery mode. */
	if (!(apic->lvt[LVT_TIMER] & LVT_MASKED))
		lapic_request(apic, (u8)apic->lvt[LVT_TIMER], false);
}

static void timer_expired(struct timer *timer)
{
	/* Not before the deadline, or a clock that lags on this CPU gives the same end twice. */
	fire(container_of(timer, struct lapic, timer), MAX(clock_ns(), timer->deadline));
}

static void settle_count(struct lapic *apic, u64 now)
{
	u64 gone;

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

static inline void settle_deadline(struct lapic *apic, u64 now)
{
	if (apic->tsc_deadline && apic->tsc_time <= now)
		fire(apic, now);
}

/* Deliver what has expired by now. */
static void settle(struct lapic *apic, u64 now)
{
	if (apic->timer_running)
		settle_count(apic, now);
	else
		settle_deadline(apic, now);
}

void lapic_timer_write_lvt(struct lapic *apic, u32 entry)
{
	u32 old = apic->lvt[LVT_TIMER];
	u64 now = clock_ns();

	settle(apic, now);
	if (entry & LVT_TIMER_DEADLINE) /* both is no mode */
		entry &= ~LVT_TIMER_PERIODIC;
	apic->lvt[LVT_TIMER] = entry;
	/* Between TSC-deadline mode and the others nothing stays armed. */
	if ((old ^ entry) & LVT_TIMER_DEADLINE) {
		apic->timer_initial = 0;
		apic->timer_running = false;
		apic->tsc_deadline = 0;
	}
	arm(apic, now);
}

void lapic_timer_write_initial(struct lapic *apic, u32 value)
{
	u64 now = clock_ns();

	if (is_deadline(apic))
		return;
	settle(apic, now);
	apic->timer_initial = value;
	apic->timer_start = now;
	apic->timer_running = value != 0;
	arm(apic, now);
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

	settle(apic, now);
	gone = apic->timer_initial - count_at(apic, now);
	apic->timer_divide = value & TIMER_DIVIDE;
	apic->timer_shift = divide_shift(value);
	/* The count goes on from where it is, at the new rate. */
	apic->timer_start = now - ((u64)gone << apic->timer_shift);
	arm(apic, now);
}

u64 lapic_read_tsc_deadline(struct lapic *apic)
{
	settle(apic, clock_ns());
	return apic->tsc_deadline;
}

/* value: of the vCPU's TSC; 0: none. */
static inline void set_deadline(struct lapic *apic, u64 value, u64 now)
{
	apic->tsc_deadline = value;
	if (value)
		apic->tsc_time = time_of_tsc(apic, value);
	if (unlikely(!value || (apic->lvt[LVT_TIMER] & LVT_MASKED)))
		timer_cancel(&apic->timer);
	else if (apic->tsc_time > now)
		timer_arm(&apic->timer, apic->tsc_time);
	if (value && apic->tsc_time <= now)
		fire(apic, now);
}

void lapic_write_tsc_deadline(struct lapic *apic, u64 value)
{
	u64 now;

	if (!is_deadline(apic) || apic->stopped)
		return;
	now = clock_ns();
	settle_deadline(apic, now);
	set_deadline(apic, value, now);
}

void lapic_tsc_changed(struct lapic *apic)
{
	u64 now = clock_ns();

	settle(apic, now);
	if (apic->tsc_deadline)
		set_deadline(apic, apic->tsc_deadline, now);
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
	apic->tsc_deadline = 0;
	apic->tsc_time = 0;
}

void lapic_timer_init(struct lapic *apic, struct timer_queue *queue)
{
	timer_init(&apic->timer, queue, timer_expired);
}
