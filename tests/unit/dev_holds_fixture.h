/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must always hold of the devices of dev_machine_fixture.h, whatever a guest does.
 */
#pragma once

#include "dev_machine_fixture.h"

#define LVT_MASKED 0x10000u
#define LVT_DEADLINE 0x40000u

static u64 seed, accesses; /* to do it again */

#define HOLDS(condition)                                                                       \
	do {                                                                                   \
		if (!(condition))                                                              \
			fail_msg("access %llu of seed %llu: %s", (unsigned long long)accesses, \
				 (unsigned long long)seed, #condition);                        \
	} while (0)

static int highest(const struct lapic_vectors *set)
{
	for (int i = 255; i >= 0; i--) {
		if (!set->bits[i / 64])
			i -= 63; /* the loop's step is the 64th */
		else if (set->bits[i / 64] >> i % 64 & 1)
			return i;
	}
	return -1;
}

static void check_vectors(const struct lapic *apic)
{
	int request = highest(&apic->irr), service = highest(&apic->isr);
	u8 ppr = service >> 4 > apic->tpr >> 4 ? (u8)(service & 0xf0) : apic->tpr;

	HOLDS(!(apic->irr.bits[0] & 0xffff) && !(apic->isr.bits[0] & 0xffff));
	HOLDS(apic->ppr == ppr);
	if (!lapic_is_active(apic) || request >> 4 <= ppr >> 4)
		request = -1;
	HOLDS(apic->pending == request);
}

static void check_lapic(const struct lapic *apic)
{
	u32 timer = apic->lvt[LVT_TIMER];
	bool runs = apic->timer_running || apic->tsc_deadline;

	check_vectors(apic);
	HOLDS(apic->enabled || !apic->x2apic);
	HOLDS(apic->base < PAGE_LIMIT && !(apic->base & 0x12ff));
	HOLDS(!!(apic->base & 0x800) == apic->enabled && !!(apic->base & 0x400) == apic->x2apic);
	HOLDS(!apic->x2apic || apic->ldr == (apic->id >> 4 << 16 | 1u << apic->id % 16));
	HOLDS(!(apic->svr & ~0x13ffu) && !(apic->icr_low & ~0xccfffu));
	for (unsigned int i = 0; i < LVT_COUNT; i++)
		HOLDS((apic->svr & 0x100) || (apic->lvt[i] & LVT_MASKED));
	HOLDS(!apic->timer_running || (apic->timer_initial && !(timer & LVT_DEADLINE)));
	HOLDS(!apic->tsc_deadline || (timer & LVT_DEADLINE));
	HOLDS((timer & 0x60000) != 0x60000);
	HOLDS(timer_armed(&apic->timer) == (runs && !(timer & LVT_MASKED)));
}

static void check_others(void)
{
	for (unsigned int pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 entry = ioapic.entries[pin];

		HOLDS(!(entry & 0x00fffffffffe1000));
		HOLDS(!(entry & BIT(14)) || ((entry & BIT(15)) && !(entry & 0x600)));
	}
	HOLDS(ioapic.id <= IOAPIC_MAX_ID && bus.turn < CPUS);
	for (unsigned int i = 0; i < 2; i++) {
		HOLDS(!((pic.chip[i].irr | pic.chip[i].isr | pic.chip[i].imr) & ~0xffu));
		HOLDS(!(pic.chip[i].elcr & ~pic.chip[i].elcr_allowed));
	}
	HOLDS(uart.fifo_count <= UART_FIFO_SIZE && uart.fifo_first < UART_FIFO_SIZE);
	HOLDS(uart.buffer_count <= UART_BUFFER_SIZE && uart.buffer_first < UART_BUFFER_SIZE);
	HOLDS(rtc.index < RTC_CMOS_SIZE);
	HOLDS(pit.owed <= PIT_HZ * PIT_MAX_OWED_SECONDS);
	for (unsigned int i = 0; i < PIT_CHANNELS; i++)
		HOLDS(pit.channel[i].mode <= TRIGGERED_STROBE);
	HOLDS(fw_holds());
}

/* In the order of their deadlines, and none twice. */
static void check_queue(void)
{
	const struct timer *timer;
	unsigned int count = 0;
	u64 last = 0;

	list_for_each(timer, &queue.timers, node) {
		HOLDS(timer->deadline >= last && ++count <= CPUS + 3);
		last = timer->deadline;
	}
}

static void check(void)
{
	for (unsigned int i = 0; i < CPUS; i++)
		check_lapic(&apics[i]);
	check_others();
	check_queue();
}
