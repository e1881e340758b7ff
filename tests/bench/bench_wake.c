/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How late an interrupt is that the guest waits for: its timer's, from the deadline to the handler's
 * first line, and another vCPU's IPI, from the sender's write to that.
 */
#include "tests/bench/bench.h"

#include "tests/guest/lib/smp64.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/lib/x2apic.h"

#define VEC_TIMER 0x62
#define VEC_WAKE 0x63
#define VEC_REPLY 0x64
#define AHEAD 20000u /* ticks: the hypervisor has done all that it does when a timer is armed */

static volatile u32 came_at, replies;
static volatile bool came, ready;

static void on_timer(struct trap_frame *frame)
{
	(void)frame;
	came_at = ticks();
	came = true;
	x2apic_eoi();
}

static void timers(const char *name, bool halted)
{
	for (u32 i = 0; i < SAMPLES; i++) {
		u64 deadline = rdtsc() + AHEAD + i % 64;

		came = false;
		wrmsr(MSR_TSC_DEADLINE, deadline);
		while (halted && !came)
			irq_wait();
		irq_enable();
		while (!came)
			;
		irq_disable();
		samples[i] = came_at - (u32)deadline;
	}
	report(name, SAMPLES);
}

void bench_timer(void)
{
	trap_set_handler(VEC_TIMER, on_timer);
	x2apic_write(LAPIC_LVT_TIMER, LVT_DEADLINE | VEC_TIMER);
	timers("timer-to-handler", false);
	timers("timer-to-handler-hlt", true);
	x2apic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

static void on_wake(struct trap_frame *frame)
{
	(void)frame;
	came_at = ticks();
	x2apic_eoi();
	x2apic_ipi(0, ICR_ASSERT | VEC_REPLY);
}

static void on_reply(struct trap_frame *frame)
{
	(void)frame;
	replies++;
	x2apic_eoi();
}

static void answer(u32 id)
{
	(void)id;
	x2apic_enter();
	ready = true;
	for (;;)
		irq_wait();
}

/* Both halt: on one CPU the hypervisor goes from one to the other. */
void bench_other_vcpu(void)
{
	if (smp_count() < 2)
		return;
	trap_set_handler(VEC_WAKE, on_wake);
	trap_set_handler(VEC_REPLY, on_reply);
	smp_start(1, answer);
	while (!ready)
		asm volatile("pause");
	x2apic_enter();
	for (u32 i = 0; i < SAMPLES; i++) {
		u32 before = replies, start = ticks();

		x2apic_ipi(1, ICR_ASSERT | VEC_WAKE);
		while (replies == before)
			irq_wait();
		samples[i] = came_at - start;
	}
	report("ipi-to-halted-vcpu", SAMPLES);
	x2apic_leave();
	lapic_enable();
}
