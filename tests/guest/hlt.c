/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HLT and the interrupts that end it: from the PIT by way of the PIC, from the local APIC's
 * timer, and when exactly they are taken. Priorities are in hlt_priority.c, the agreement of
 * the clocks in hlt_clock.c.
 */
#include "tests/guest/hlt.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/tap.h"

#define PIC_VEC(irq) (PIC_VECTOR + (irq))
#define LAPIC_1MS 1000000u /* at 1 GHz, the rate of Sill's and of QEMU's */

static volatile u32 pit_irqs, timer_irqs;
static volatile ulong irq_ip;

static void on_pit(struct trap_frame *frame)
{
	irq_ip = frame->ip;
	pit_irqs++;
	pic_eoi(IRQ_PIT);
}

static void on_timer(struct trap_frame *frame)
{
	irq_ip = frame->ip;
	timer_irqs++;
	lapic_eoi();
}

static void test_pit_oneshot(void)
{
	u32 start;

	pic_unmask(IRQ_PIT);
	pit_irqs = 0;
	start = pm_timer();
	pit_start(0, PIT_ONESHOT, 11932); /* 10 ms */
	irq_wait();
	tap_eq(pit_irqs, 1, "HLT is ended by the PIT");
	tap_ok(pm_timer_since(start) >= pm_timer_ticks(9900), "after 10 ms, not before");
	clock_wait_us(2000);
	irq_enable();
	asm volatile("nop; nop");
	irq_disable();
	tap_eq(pit_irqs, 1, "a one-shot interrupt comes once");
}

static void test_pit_periodic(void)
{
	u32 start = pm_timer();

	pit_irqs = 0;
	pit_start(0, PIT_RATE, 2386); /* 2 ms */
	while (pit_irqs < 20)
		irq_wait();
	tap_ok(pm_timer_since(start) >= pm_timer_ticks(19 * 2000), "20 PIT periods of 2 ms");
	tap_diag("20 periods of 2 ms took %u us", pm_timer_since(start) / 358 * 100);
	pit_start(0, PIT_ONESHOT, 0);
	pic_mask(IRQ_PIT);
}

static void timer_start(u32 lvt, u32 count)
{
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, lvt);
	lapic_write(LAPIC_TIMER_INIT, count);
}

static void timer_stop(void)
{
	lapic_write(LAPIC_TIMER_INIT, 0);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

static void test_lapic_oneshot(void)
{
	u32 start = pm_timer();

	timer_irqs = 0;
	timer_start(VEC_TIMER, 5 * LAPIC_1MS);
	irq_wait();
	tap_eq(timer_irqs, 1, "HLT is ended by the local APIC's timer");
	tap_ok(pm_timer_since(start) >= pm_timer_ticks(4950), "after 5 ms, not before");
	tap_eq(lapic_read(LAPIC_TIMER_COUNT), 0, "its count is then 0");
	clock_wait_us(6000);
	irq_enable();
	asm volatile("nop; nop");
	irq_disable();
	tap_eq(timer_irqs, 1, "one-shot: it does not come again");
}

static void test_lapic_periodic(void)
{
	u32 start = pm_timer();

	timer_irqs = 0;
	timer_start(VEC_TIMER | LVT_PERIODIC, LAPIC_1MS);
	while (timer_irqs < 20)
		irq_wait();
	tap_ok(pm_timer_since(start) >= pm_timer_ticks(19 * 1000), "20 APIC periods of 1 ms");
	tap_diag("20 periods of 1 ms took %u us", pm_timer_since(start) / 358 * 100);
	tap_ok(lapic_read(LAPIC_TIMER_COUNT) <= LAPIC_1MS, "the count is within its period");
	timer_stop();
	tap_eq(lapic_read(LAPIC_TIMER_COUNT), 0, "an initial count of 0 stops it");
	timer_irqs = 0;
	clock_wait_us(3000);
	irq_enable();
	asm volatile("nop; nop");
	irq_disable();
	tap_ok(timer_irqs <= 1, "no more than one that was pending");
}

static void test_masked_timer(void)
{
	timer_irqs = 0;
	timer_start(VEC_TIMER | LVT_MASKED, LAPIC_1MS);
	clock_wait_us(3000);
	irq_enable();
	asm volatile("nop; nop");
	irq_disable();
	tap_eq(timer_irqs, 0, "a masked timer does not interrupt");
	timer_stop();
}

/* The interrupt's return address is behind HLT, and the registers are untouched. */
static void test_hlt_rip(void)
{
	u64 rbx = 0x1122334455667788, r12 = 0x99aabbccddeeff00, behind;

	timer_start(VEC_TIMER, LAPIC_1MS);
	asm volatile("lea 1f(%%rip), %2\n"
		     "sti\n"
		     "hlt\n"
		     "1: cli\n"
		     : "+b"(rbx), "+r"(r12), "=&r"(behind)
		     :
		     : "memory");
	tap_eq(irq_ip, behind, "the interrupt returns behind HLT");
	tap_ok(rbx == 0x1122334455667788 && r12 == 0x99aabbccddeeff00, "registers survive it");
	tap_eq(trap.vector, TRAP_NONE, "nothing else happened");
}

/* Interrupt pending, IF=0: STI lets one more instruction run before it is taken. */
static void test_sti_shadow(void)
{
	u64 behind;

	lapic_self_ipi(VEC_TIMER);
	asm volatile("sti\n"
		     "nop\n"
		     "1: nop\n"
		     "cli\n"
		     "lea 1b(%%rip), %0\n"
		     : "=r"(behind)
		     :
		     : "memory");
	tap_eq(irq_ip, behind, "STI: taken behind the next instruction");
	irq_ip = 0;
	lapic_self_ipi(VEC_TIMER);
	asm volatile("sti\n"
		     "cli\n"
		     "nop"
		     :
		     :
		     : "memory");
	tap_eq(irq_ip, 0, "STI, CLI: not taken at all");
	asm volatile("sti\n"
		     "cpuid\n"
		     "1: nop\n"
		     "cli\n"
		     "lea 1b(%%rip), %0\n"
		     : "=r"(behind)
		     :
		     : "memory", "rax", "rbx", "rcx", "rdx");
	tap_eq(irq_ip, behind, "STI, CPUID: taken behind CPUID");
}

static void test_pending_at_hlt(void)
{
	u32 before = timer_irqs;
	u64 behind;

	lapic_self_ipi(VEC_TIMER);
	asm volatile("sti\n"
		     "hlt\n"
		     "1: cli\n"
		     "lea 1b(%%rip), %0\n"
		     : "=r"(behind)
		     :
		     : "memory");
	tap_eq(timer_irqs, before + 1, "an interrupt that is already pending ends HLT");
	tap_eq(irq_ip, behind, "behind it");
}

static volatile u32 debug_steps;

static void on_step(struct trap_frame *frame)
{
	debug_steps++;
	frame->flags &= ~(ulong)FLAGS_TF;
}

/* The #DB of a single-stepped HLT ends it; interrupts go on coming afterwards. */
static void test_step_over_hlt(void)
{
	trap_set_handler(VEC_DB, on_step);
	timer_irqs = debug_steps = 0;
	timer_start(VEC_TIMER | LVT_PERIODIC, 50 * LAPIC_1MS);
	asm volatile("pushf\n"
		     "orl $0x300, (%%rsp)\n"
		     "popf\n"
		     "hlt\n"
		     "cli\n"
		     :
		     :
		     : "memory", "cc");
	tap_eq(debug_steps, 1, "a single step ends HLT");
	while (timer_irqs < 3)
		irq_wait();
	tap_ok(timer_irqs >= 3, "the timer goes on");
	timer_stop();
	trap_set_handler(VEC_DB, NULL);
}

static volatile ulong ipi_ip;

static void on_ipi(struct trap_frame *frame)
{
	ipi_ip = frame->ip;
	lapic_eoi();
}

/*
 * The instruction before STI is an exit that makes an interrupt pending: the hypervisor comes back
 * to an STI, and must still not let the interrupt in before HLT. If it does, HLT sleeps for ever;
 * here until the timer comes.
 */
static void test_exit_before_sti(void)
{
	u64 behind;

	trap_set_handler(VEC_LOW, on_ipi);
	timer_irqs = 0;
	timer_start(VEC_TIMER, 200 * LAPIC_1MS);
	asm volatile("movl %1, (%2)\n"
		     "sti\n"
		     "hlt\n"
		     "1: cli\n"
		     "lea 1b(%%rip), %0\n"
		     : "=&r"(behind)
		     : "r"(ICR_SELF | VEC_LOW), "r"((ulong)LAPIC_BASE + LAPIC_ICR_LOW)
		     : "memory");
	tap_eq(ipi_ip, behind, "an exit, STI, HLT: taken behind HLT");
	tap_eq(timer_irqs, 0, "which does not sleep");
	timer_stop();
	timer_irqs = 0;
	asm volatile("movl %1, (%2)\n"
		     "sti\n"
		     "nop\n"
		     "1: nop\n"
		     "cli\n"
		     "lea 1b(%%rip), %0\n"
		     : "=&r"(behind)
		     : "r"(ICR_SELF | VEC_LOW), "r"((ulong)LAPIC_BASE + LAPIC_ICR_LOW)
		     : "memory");
	tap_eq(ipi_ip, behind, "an exit, STI: taken behind the next instruction");
}

/* IF=0 for long, with many exits: the interrupt comes when it is set, in each way there is. */
static void test_window(void)
{
	u64 behind;

	irq_ip = 0;
	timer_start(VEC_TIMER, LAPIC_1MS);
	clock_wait_us(20000);
	tap_eq(irq_ip, 0, "20 ms with IF=0: nothing is taken");
	tap_ok(WAIT_FOR(lapic_bit(LAPIC_IRR, VEC_TIMER)), "the request waits in IRR");
	asm volatile("pushf\n"
		     "orl $0x200, (%%rsp)\n"
		     "popf\n"
		     "1: nop\n"
		     "cli\n"
		     "lea 1b(%%rip), %0\n"
		     : "=r"(behind)
		     :
		     : "memory", "cc");
	tap_eq(irq_ip, behind, "POPF: taken at once");
	tap_ok(!lapic_bit(LAPIC_IRR, VEC_TIMER), "and IRR is clear");
	lapic_self_ipi(VEC_TIMER);
	asm volatile("mov %%rsp, %%rcx\n"
		     "mov %%ss, %%eax\n"
		     "push %%rax\n"
		     "push %%rcx\n"
		     "pushf\n"
		     "orl $0x200, (%%rsp)\n"
		     "mov %%cs, %%eax\n"
		     "push %%rax\n"
		     "lea 1f(%%rip), %0\n"
		     "push %0\n"
		     "iretq\n"
		     "1: nop\n"
		     "cli\n"
		     : "=&r"(behind)
		     :
		     : "memory", "cc", "rax", "rcx");
	tap_eq(irq_ip, behind, "IRET: taken at its target");
}

void guest_main(void)
{
	/* Firmware may have left the PIT running; what it requested until now is forgotten. */
	pit_start(0, PIT_ONESHOT, 0);
	pic_init();
	lapic_enable();
	trap_set_handler(PIC_VEC(IRQ_PIT), on_pit);
	trap_set_handler(VEC_TIMER, on_timer);
	test_pit_oneshot();
	test_pit_periodic();
	test_lapic_oneshot();
	test_lapic_periodic();
	test_masked_timer();
	test_hlt_rip();
	test_sti_shadow();
	test_pending_at_hlt();
	test_exit_before_sti();
	test_step_over_hlt();
	test_window();
	test_priorities();
	test_clocks();
}
