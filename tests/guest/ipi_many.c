/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many interrupts: a token that goes round, a storm of all to all, each CPU's own timer, and the
 * PIT's interrupts to each CPU in turn.
 */
#include "tests/guest/ipi.h"

#include "tests/guest/lib/ioapic.h"
#include "tests/guest/lib/pic.h"

#define HOPS 1000u
#define STORM_SENDS 300u
#define TICKS 5u
#define TICK_COUNT 1000000u /* ns */

static volatile u32 hops, ticks[SMP_MAX], irqs[SMP_MAX], storms[SMP_MAX], sending;

static void on_token(struct trap_frame *frame)
{
	u32 next = (smp_id() + 1) % cpus;

	(void)frame;
	lapic_eoi();
	if (++hops < HOPS)
		smp_ipi(next, ICR_ASSERT | VEC_TOKEN);
}

void test_token(void)
{
	u32 before, start;

	trap_set_handler(VEC_TOKEN, on_token);
	start_waiting(true);
	hops = 0;
	smp_ipi(1, ICR_ASSERT | VEC_TOKEN);
	irq_enable();
	/* For as long as it moves: each hop may have to wait for a busy host. */
	do {
		before = hops;
		start = pm_timer();
		while (hops == before && before < HOPS && pm_timer_since(start) < 2 * PM_TIMER_HZ)
			asm volatile("pause");
	} while (hops != before);
	irq_disable();
	tap_eq(hops, HOPS, "a token that each sends to the next one is never lost");
}

static void on_storm(struct trap_frame *frame)
{
	(void)frame;
	storms[smp_id()]++;
	lapic_eoi();
}

static void send_storm(u32 id)
{
	irq_enable();
	for (u32 i = 0; i < STORM_SENDS; i++)
		smp_ipi(0, ICR_OTHERS | ICR_ASSERT | VEC_STORM);
	(void)id;
	__atomic_fetch_sub(&sending, 1, __ATOMIC_SEQ_CST);
	for (;;)
		irq_wait();
}

void test_storm(void)
{
	bool all = true;

	trap_set_handler(VEC_STORM, on_storm);
	sending = cpus - 1;
	smp_start_all(send_storm);
	irq_enable();
	for (u32 i = 0; i < STORM_SENDS; i++)
		smp_ipi(0, ICR_OTHERS | ICR_ASSERT | VEC_STORM);
	for (u32 i = 0; i < 10 && sending; i++)
		WAIT_FOR(!sending);
	irq_disable();
	tap_eq(sending, 0, "all to all at once: everyone comes to its end");
	/* The last one to each comes when its handler is over, at the latest. */
	for (u32 id = 0; id < cpus; id++) {
		storms[id] = 0;
		smp_ipi(id, ICR_ASSERT | VEC_STORM);
		irq_enable();
		all &= WAIT_FOR(storms[id]);
		irq_disable();
	}
	tap_ok(all, "and takes interrupts as before");
}

static void on_tick(struct trap_frame *frame)
{
	(void)frame;
	ticks[smp_id()]++;
	lapic_eoi();
}

static void tick(u32 id)
{
	ticks[id] = 0;
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | VEC_TICK);
	lapic_write(LAPIC_TIMER_INIT, TICK_COUNT);
	while (id && ticks[id] < TICKS)
		irq_wait();
	if (id)
		lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

void test_timers(void)
{
	bool all = true;

	trap_set_handler(VEC_TICK, on_tick);
	for (u32 id = 0; id < cpus; id++)
		ticks[id] = 0;
	smp_start_all(tick);
	tick(0);
	irq_enable();
	for (u32 id = 0; id < cpus; id++)
		all &= WAIT_FOR(ticks[id] >= TICKS);
	irq_disable();
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	tap_ok(all, "each CPU's own timer wakes it");
}

static void on_irq(struct trap_frame *frame)
{
	(void)frame;
	irqs[smp_id()]++;
	lapic_eoi();
}

/* Does the PIT's tick come to this CPU, and to no other? */
static bool irq_comes_to(u32 id, u32 dest, u32 entry)
{
	u32 before[SMP_MAX];
	bool others = false;

	for (u32 i = 0; i < cpus; i++)
		before[i] = irqs[i];
	ioapic_set_entry(ENTRY_PIT, dest, entry | VEC_IRQ);
	irq_enable();
	WAIT_FOR(irqs[id] >= before[id] + 3);
	irq_disable();
	ioapic_set_entry(ENTRY_PIT, dest, ENTRY_MASKED | VEC_IRQ);
	settle();
	for (u32 i = 0; i < cpus; i++)
		others |= i != id && irqs[i] != before[i];
	return irqs[id] >= before[id] + 3 && !others;
}

void test_ioapic(void)
{
	bool physical = true, logical = true, lowest = true;

	trap_set_handler(VEC_IRQ, on_irq);
	start_waiting(true);
	pit_start(0, PIT_RATE, 1193);
	for (u32 id = 0; id < cpus; id++) {
		physical &= irq_comes_to(id, id, 0);
		if (id >= 8)
			continue;
		logical &= irq_comes_to(id, 1u << id, ICR_LOGICAL);
		lowest &= irq_comes_to(id, 1u << id, ICR_LOGICAL | ICR_LOWEST);
	}
	tap_ok(physical, "the PIT's interrupts, through the I/O APIC, to each CPU by physical id");
	tap_ok(logical, "by logical id");
	tap_ok(lowest, "and as lowest-priority ones");
}
