/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where no interrupt may come: behind STI and MOV SS, also when the instruction there exits and is
 * executed again. And events whose delivery itself faults in the hypervisor's tables: each comes once.
 */
#include "tests/guest/inject.h"

#include "tests/guest/lib/lapic.h"

#define FRESH_FROM MIB(40) /* nothing has touched this */
#define TICK 2000000u /* 2 ms */
#define TICKS 100u
#define STACKS 16u
#define STACK_SIZE 8192u

/* What this emulator does where an exit finds the guest in a shadow, and others do not. */
#define LOST_SHADOW "the emulator forgets the shadow at VMRUN"

static volatile u32 ticks, forbidden;
static u64 behind_sti, behind_ss;
static ulong fresh = FRESH_FROM;

static ulong fresh_page(void)
{
	return fresh += STACK_SIZE;
}

static void on_tick(struct trap_frame *frame)
{
	ticks++;
	forbidden += frame->ip == behind_sti || frame->ip == behind_ss;
	lapic_eoi();
}

/* The timer comes at any time: in the course of the exits above all, as these take longest. */
static void test_random(void)
{
	ticks = forbidden = 0;
	trap_set_handler(VEC_TIMER, on_tick);
	asm volatile("lea shadow_sti(%%rip), %0\n"
		     "lea shadow_ss(%%rip), %1\n"
		     : "=r"(behind_sti), "=r"(behind_ss));
	timer_arm(VEC_TIMER | LVT_PERIODIC, TICK);
	while (ticks < TICKS)
		asm volatile("cli\n"
			     "xor %%eax, %%eax\n"
			     "cpuid\n"
			     "sti\n"
			     "shadow_sti: cpuid\n"
			     "nop\n"
			     "mov %%ss, %%eax\n"
			     "mov %%eax, %%ss\n"
			     "shadow_ss: cpuid\n"
			     "nop\n"
			     "cli\n"
			     :
			     :
			     : "memory", "cc", "rax", "rbx", "rcx", "rdx");
	timer_arm(LVT_MASKED, 0);
	tap_eq_or_deviant(forbidden, 0, on_qemu_cpu() ? forbidden : 0x100, LOST_SHADOW,
			  "of %u ticks none comes right behind STI or MOV SS", TICKS);
}

static volatile ulong irq_ip;

static void on_ipi(struct trap_frame *frame)
{
	irq_ip = frame->ip;
	note(frame);
}

void test_shadows(void)
{
	u32 right = 0;
	u64 at;

	test_random();
	trap_set_handler(VEC_IPI, on_ipi);
	for (u32 i = 0; i < STACKS; i++) {
		came_clear();
		lapic_self_ipi(VEC_IPI);
		asm volatile("sti\n"
			     "movl $1, (%1)\n"
			     "1: nop\n"
			     "cli\n"
			     "lea 1b(%%rip), %0\n"
			     : "=&r"(at)
			     : "r"(fresh_page())
			     : "memory");
		right += came_count == 1 && irq_ip == at;
	}
	tap_eq_or_deviant(right, STACKS, on_qemu_cpu() ? right : 0x100, LOST_SHADOW,
			  "STI, a page's first touch: taken behind that");
	came_clear();
	lapic_self_ipi(VEC_IPI);
	asm volatile("sti\n"
		     "movl (%1), %%eax\n"
		     "1: nop\n"
		     "cli\n"
		     "lea 1b(%%rip), %0\n"
		     : "=&r"(at)
		     : "r"((ulong)LAPIC_BASE + LAPIC_VERSION)
		     : "memory", "rax");
	tap_ok(came_count == 1 && irq_ip == at, "STI, a read of device memory: likewise");
}

static void on_ud(struct trap_frame *frame)
{
	note(frame);
	frame->ip += 2;
}

/* On a stack of pages that were never touched, in the upper one of which the frame goes. */
#define ON_STACK(insn)                                                        \
	asm volatile("mov %%rsp, %%rbx\n"                                     \
		     "mov %0, %%rsp\n" insn "cli\n"                           \
		     "mov %%rbx, %%rsp\n"                                     \
		     :                                                        \
		     : "r"(fresh_page() + STACK_SIZE), "r"((ulong)LAPIC_BASE) \
		     : "memory", "cc", "rbx")

void test_fresh_stacks(void)
{
	u32 interrupts = 0, nmis = 0, faults = 0, both = 0;

	trap_set_handler(VEC_IPI, note);
	trap_set_handler(VEC_NMI, note);
	trap_set_handler(VEC_UD, on_ud);
	lapic_write(LAPIC_ICR_HIGH, lapic_read(LAPIC_ID));
	for (u32 i = 0; i < STACKS; i++) {
		came_clear();
		lapic_self_ipi(VEC_IPI);
		ON_STACK("sti\nnop\nnop\n");
		interrupts += came_count == 1 && came[0] == VEC_IPI;
		came_clear();
		ON_STACK("movl $0x4400, 0x300(%1)\nnop\n");
		nmis += came_count == 1 && came[0] == VEC_NMI;
		came_clear();
		ON_STACK("ud2\n");
		faults += came_count == 1 && came[0] == VEC_UD;
		came_clear();
		lapic_self_ipi(VEC_IPI);
		ON_STACK("sti\nud2\nnop\n");
		both += came_count == 2 && came[0] == VEC_UD && came[1] == VEC_IPI;
	}
	trap_set_handler(VEC_UD, NULL);
	tap_eq(interrupts, STACKS, "an interrupt on a fresh stack comes once");
	tap_eq(nmis, STACKS, "so does an NMI");
	tap_eq(faults, STACKS, "and an exception");
	tap_eq(both, STACKS, "and an interrupt that waits for that");
}
