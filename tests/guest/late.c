/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two vCPUs on one CPU: while one waits for its turn the other arms a timer for it. It must come, as soon
 * as the one that has waited runs, and not only when something else ends its turn.
 */
#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/ioapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/smp64.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define VEC_PIT 0x50u
#define VEC_WAKE 0x51u
#define ROUNDS 20u
#define LATE_US 20000u

static volatile bool go, came;
static volatile u32 armed_at, came_at;

static void on_pit(struct trap_frame *frame)
{
	(void)frame;
	came_at = pm_timer();
	came = true;
	lapic_eoi();
}

static void on_wake(struct trap_frame *frame)
{
	(void)frame;
	lapic_eoi();
}

static void other(u32 id)
{
	(void)id;
	for (;;) {
		while (!go)
			asm volatile("pause");
		go = false;
		armed_at = pm_timer();
		pit_start(0, PIT_ONESHOT, 1193); /* 1 ms, of the first vCPU */
		irq_wait();
	}
}

void guest_main(void)
{
	u32 worst = 0;

	pic_init();
	lapic_enable();
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	trap_set_handler(VEC_PIT, on_pit);
	trap_set_handler(VEC_WAKE, on_wake);
	ioapic_set_entry(ENTRY_PIT, 0, VEC_PIT);
	smp_start_all(other);
	irq_enable();
	for (u32 i = 0; i < ROUNDS; i++) {
		u32 us;

		came = false;
		go = true;
		while (!came)
			asm volatile("");
		us = (u32)(((u64)((came_at - armed_at) & PM_TIMER_MASK)) * 1000000 / PM_TIMER_HZ);
		worst = us > worst ? us : worst;
		clock_wait_us(2000);
		smp_ipi(1, ICR_ASSERT | VEC_WAKE);
		clock_wait_us(2000);
	}
	irq_disable();
	tap_ok(worst < LATE_US, "none is late: %u us at most", worst);
	tap_exit();
}
