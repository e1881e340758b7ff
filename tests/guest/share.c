/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes what CPU time it can get. how=work: counts for one window of time, says what it
 * (name=) has done, and ends; the others go on for ever: spin, pause, exits, timers (that are always due), naps (woken
 * all the time), ipis (its CPUs wake each other), broadcasts (each interrupts all others, itself too, and
 * a CPU that is not there), x2broadcasts (in x2APIC mode). With several CPUs all do the same.
 */
#include "tests/guest/lib/smp64.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/print.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/lib/x2apic.h"

#define VECTOR 0x40u
#define NOBODY 0x77u /* no CPU has this id, in neither mode */
#define BATCH 10000u
#define WINDOW_SHIFT 18u /* 73 ms */
#define WINDOWS ((PM_TIMER_MASK >> WINDOW_SHIFT) + 1)

static const char *how;

static volatile u32 batches, working, window;

/* Windows are the same for all VMs: the timer is the machine's. */
static u32 window_now(void)
{
	return pm_timer() >> WINDOW_SHIFT;
}

static void work(void)
{
	while (window_now() != window)
		asm volatile("pause");
	do {
		for (u32 i = 0; i < BATCH; i++)
			asm volatile("");
		__atomic_fetch_add(&batches, 1, __ATOMIC_SEQ_CST);
	} while (window_now() == window);
	__atomic_fetch_sub(&working, 1, __ATOMIC_SEQ_CST);
}

static void on_interrupt(struct trap_frame *frame)
{
	(void)frame;
	lapic_eoi();
}

static void timers(bool naps)
{
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR | (naps ? LVT_PERIODIC : LVT_MASKED));
	for (;;) {
		lapic_write(LAPIC_TIMER_INIT, 100);
		if (naps)
			asm volatile("sti; hlt; cli");
	}
}

static void ipis(u32 id)
{
	u32 other = (id + 1) % smp_count();

	for (;;) {
		lapic_write(LAPIC_ICR_HIGH, other << 24);
		lapic_write(LAPIC_ICR_LOW, ICR_ASSERT | VECTOR);
		asm volatile("sti; hlt; cli");
	}
}

static void on_x2apic_interrupt(struct trap_frame *frame)
{
	(void)frame;
	x2apic_eoi();
}

static void broadcasts(void)
{
	irq_enable();
	for (;;) {
		lapic_write(LAPIC_ICR_LOW, ICR_OTHERS | ICR_ASSERT | VECTOR);
		lapic_write(LAPIC_ICR_LOW, ICR_ALL | ICR_ASSERT | VECTOR);
		lapic_write(LAPIC_ICR_HIGH, NOBODY << 24);
		lapic_write(LAPIC_ICR_LOW, ICR_ASSERT | VECTOR);
	}
}

static void x2broadcasts(void)
{
	x2apic_enter();
	irq_enable();
	for (;;) {
		x2apic_ipi(0, ICR_OTHERS | ICR_ASSERT | VECTOR);
		x2apic_ipi(0, ICR_ALL | ICR_ASSERT | VECTOR);
		x2apic_ipi(NOBODY, ICR_ASSERT | VECTOR);
	}
}

static void take(u32 id)
{
	switch (how[0]) {
	case 'w':
		work();
		return;
	case 's':
		for (;;)
			asm volatile("");
	case 'p':
		/* Bochs's SVM lets no interrupt end a guest that has them off. */
		irq_enable();
		for (;;)
			asm volatile("pause");
	case 'e':
		for (;;)
			cpuid(0, 0);
	case 'i':
		ipis(id);
		break;
	case 'b':
		broadcasts();
		break;
	case 'x':
		x2broadcasts();
		break;
	default:
		timers(how[0] == 'n');
	}
}

void guest_main(void)
{
	how = boot_option("how");
	if (!how || !boot_option("name"))
		tap_bail_out("no how= or name=");
	pic_init();
	lapic_enable();
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	trap_set_handler(VECTOR, how[0] == 'x' ? on_x2apic_interrupt : on_interrupt);
	print("# taking: %s\n", how);
	working = smp_count();
	window = (window_now() + 2) % WINDOWS; /* by then all have begun */
	smp_start_all(take);
	take(0);
	while (working)
		asm volatile("pause");
	print("# %s did %u\n", boot_option("name"), batches);
	serial_drain();
	clock_wait_us(30000); /* no line about this VM's end within another one's */
	guest_exit(0);
}
