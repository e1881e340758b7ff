/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of the timer, the I/O APIC and another CPU, and that one's NMIs, which meet at ever other
 * distances: none is lost, and none comes twice. With one CPU it sends the IPIs to itself.
 */
#include "tests/guest/inject.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/smp64.h"

#define ROUNDS 400u

enum source { TIMER, PIT, IPI, NMI, SOURCES };

static volatile u32 got[SOURCES];
static volatile u32 asked; /* rounds, of the other CPU */
static u32 seed = 1;

static u32 random(u32 limit)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % limit;
}

static void on_event(struct trap_frame *frame)
{
	got[frame->vector == VEC_TIMER     ? TIMER
	    : frame->vector == VEC_PIT_LOW ? PIT
	    : frame->vector == VEC_IPI     ? IPI
					   : NMI]++;
	if (frame->vector != VEC_NMI)
		lapic_eoi();
}

static void send(void)
{
	smp_ipi(0, ICR_ASSERT | VEC_IPI);
	smp_ipi(0, ICR_ASSERT | ICR_NMI);
}

static void send_when_asked(u32 id)
{
	u32 delay = 0;

	(void)id;
	for (u32 done = 0;; done++) {
		while (asked == done)
			asm volatile("pause");
		delay = (delay + 37) % 1000;
		for (u32 i = 0; i < delay; i++)
			asm volatile("nop" : : : "memory");
		send();
	}
}

static bool all_came(u32 rounds)
{
	for (u32 i = 0; i < SOURCES; i++) {
		if (got[i] < rounds)
			return false;
	}
	return true;
}

/* In one of four ways, until all have come: halted, open all the time, in windows, between exits. */
static bool let_in(u32 rounds)
{
	u32 start = pm_timer(), way = rounds % 4;

	while (!all_came(rounds) && pm_timer_since(start) < PM_TIMER_HZ) {
		if (way == 0) {
			/* What still has to come wakes it, and what came meanwhile is seen here. */
			irq_disable();
			if (got[TIMER] < rounds || got[PIT] < rounds)
				irq_wait();
			else
				open_window();
		} else if (way == 1) {
			irq_enable();
			asm volatile("pause");
		} else if (way == 2) {
			open_window();
		} else {
			irq_enable();
			cpuid(0, 0);
			irq_disable();
			cpuid(0, 0);
		}
	}
	irq_disable();
	return all_came(rounds);
}

void test_many(void)
{
	static const char *const names[SOURCES] = { "timer", "I/O APIC", "IPI", "NMI" };
	static const u8 vectors[SOURCES] = { VEC_TIMER, VEC_PIT_LOW, VEC_IPI, VEC_NMI };
	bool others = smp_count() > 1;
	u32 rounds = 0;

	for (u32 i = 0; i < SOURCES; i++)
		trap_set_handler(vectors[i], on_event);
	if (others)
		smp_start(1, send_when_asked);
	ioapic_route_pit(VEC_PIT_LOW);
	do {
		rounds++;
		pit_start(0, PIT_ONESHOT, (u16)(10 + random(50)));
		timer_arm(VEC_TIMER, 1 + random(60000));
		asked = rounds;
		if (!others)
			send();
	} while (let_in(rounds) && rounds < ROUNDS);
	irq_enable();
	clock_wait_us(2000);
	irq_disable();
	ioapic_route_pit(0);
	tap_eq(rounds, ROUNDS, "all sources at once: every round ends");
	for (u32 i = 0; i < SOURCES; i++)
		tap_eq(got[i], ROUNDS, "one of each, from the %s too", names[i]);
}
