/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting CPUs: each comes up, with the state that the manual gives it after INIT, knows its own
 * number, and reads the same time; INIT and start-up IPIs again and again.
 */
#include "tests/guest/lib/smp64.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define ROUNDS 25u
#define TSC_ROUNDS 2000u
#define STAR_VALUE 0x0023001000000000ull

static u32 cpus;
static volatile u32 counts[SMP_MAX];
static volatile u64 seen[SMP_MAX];
static volatile u32 ids[SMP_MAX][4];
static volatile bool go_on;

static void say_id(u32 id)
{
	ids[id][0] = cpuid(1, 0).b >> 24;
	ids[id][1] = cpuid(0, 0).a >= 0xb ? cpuid(0xb, 0).d : id;
	ids[id][2] = (u32)(rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP);
	ids[id][3] = cpuid(0x80000000, 0).a >= 0x8000001e ? cpuid(0x8000001e, 0).a : id;
	counts[id]++;
}

static void count(u32 id)
{
	for (;;)
		counts[id]++;
}

static void test_all_come(void)
{
	u32 came;

	tap_eq(cpus, boot_option_number("cpus", cpus), "the MADT names as many CPUs as there are");
	came = smp_start_all(say_id);
	tap_eq(came, cpus - 1, "all others come up");
	for (u32 id = 1; id < cpus; id++)
		WAIT_FOR(counts[id] == 1);
	say_id(0);
	for (u32 id = 0; id < cpus; id++) {
		tap_ok(counts[id] == 1 && ids[id][0] == id && ids[id][1] == id && ids[id][3] == id,
		       "CPU %u says its number", id);
		tap_eq(ids[id][2], id ? 0 : APIC_BASE_BSP, "CPU %u is %s first one", id,
		       id ? "not the" : "the");
	}
}

static void test_topology(void)
{
	struct cpuid one = cpuid(1, 0), topology = cpuid(0xb, 1);

	tap_eq(one.d >> 28 & 1, cpus > 1, "CPUID says whether there are several");
	tap_ok(cpus == 1 || (one.b >> 16 & 0xff) >= cpus, "and how many ids there can be");
	if (cpuid(0, 0).a < 0xb) {
		tap_skip("no leaf 0Bh", "cores in leaf 0Bh");
		return;
	}
	tap_eq(topology.b & 0xffff, cpus, "cores in leaf 0Bh");
	tap_ok(1u << topology.a >= cpus, "and the bits of their numbers");
}

static void leave_marks(u32 id)
{
	asm volatile("ldmxcsr %0" : : "m"((u32){ 0x1f00 }));
	wrmsr(MSR_STAR, STAR_VALUE);
	write_dr0(0x1234);
	write_dr7(0x401);
	write_cr0(read_cr0() | CR0_CD);
	lapic_write(LAPIC_TPR, 0x40);
	counts[id]++;
	for (;;)
		asm volatile("pause");
}

static volatile u32 mxcsr;
static volatile u64 star_left, dr0_left;

static void find_marks(u32 id)
{
	u32 value;

	asm volatile("stmxcsr %0" : "=m"(value));
	mxcsr = value;
	star_left = rdmsr(MSR_STAR);
	dr0_left = read_dr0();
	counts[id]++;
}

/* What INIT resets, and what it leaves alone. */
static void test_state(void)
{
	volatile struct smp_start_state *s = &smp_states[1];

	counts[1] = 0;
	smp_init(1);
	smp_start(1, leave_marks);
	tap_ok(WAIT_FOR(counts[1] == 1), "it runs and leaves marks");
	smp_init(1);
	smp_start(1, find_marks);
	tap_ok(WAIT_FOR(counts[1] == 2), "after INIT it runs again");
	tap_eq(s->cs, SMP_START_PAGE << 8, "CS is what the start-up IPI says");
	tap_eq(s->ds, 0, "DS is 0");
	tap_eq(s->cr0 & ~(u32)CR0_NW, CR0_CD | CR0_ET, "CR0 keeps CD, and has nothing else");
	tap_eq(s->cr4, 0, "CR4 is 0");
	tap_eq(s->efer, 0, "EFER is 0");
	tap_eq(s->eflags & ~0x46u, 0, "RFLAGS is empty");
	tap_eq(s->dr7, 0x400, "DR7 is empty");
	tap_eq(dr0_left, 0, "DR0 is 0");
	tap_eq(s->edx, cpuid(1, 0).a, "EDX names the processor");
	tap_eq(mxcsr, 0x1f00, "MXCSR is as it was");
	tap_eq(star_left, STAR_VALUE, "STAR is as it was");
}

static bool stands_still(u32 id)
{
	u32 before = counts[id];

	clock_wait_us(300);
	return counts[id] == before;
}

/* INIT stops it wherever it is; a start-up IPI to one that runs does nothing. */
static void test_again_and_again(void)
{
	u32 stopped = 0, started = 0, ignored = 0;

	for (u32 i = 0; i < ROUNDS; i++) {
		u32 id = 1 + i % (cpus - 1), before, starts = smp_states[id].starts;

		smp_init(id);
		stopped += WAIT_FOR(stands_still(id));
		smp_start(id, count);
		started += WAIT_FOR(smp_states[id].starts == starts + 1);
		smp_start(id, say_id);
		before = counts[id];
		ignored += WAIT_FOR(counts[id] != before) && smp_states[id].starts == starts + 1;
	}
	tap_eq(stopped, ROUNDS, "INIT stops a CPU that runs");
	tap_eq(started, ROUNDS, "a start-up IPI lets it run");
	tap_eq(ignored, ROUNDS, "a second one does nothing");
	for (u32 i = 0; i < ROUNDS; i++) {
		smp_init(1);
		smp_init(1);
		smp_start(1, count);
	}
	started = counts[1];
	tap_ok(WAIT_FOR(counts[1] != started), "a row of them in a hurry ends with one that runs");
	for (u32 id = 1; id < cpus; id++)
		smp_init(id);
}

/*
 * Real mode, at page COUNT_PAGE: LOCK INC and LOCK XADD of two words, COUNT_TIMES each, then LOCK INC
 * of a third one.
 */
#define COUNT_PAGE 9u
#define COUNT_TIMES 1500u
static const u8 count_code[] = {
	0x31,
	0xc0,
	0x8e,
	0xd8, /* xor ax, ax; mov ds, ax */
	0xb9,
	COUNT_TIMES & 0xff,
	COUNT_TIMES >> 8, /* mov cx */
	0xf0,
	0xff,
	0x06,
	0x00,
	0x98, /* lock inc word [9800h] */
	0xbb,
	0x01,
	0x00, /* mov bx, 1 */
	0xf0,
	0x0f,
	0xc1,
	0x1e,
	0x02,
	0x98, /* lock xadd [9802h], bx */
	0xe2,
	0xf0, /* loop */
	0xf0,
	0xff,
	0x06,
	0x04,
	0x98, /* lock inc word [9804h] */
	0xfa,
	0xf4,
	0xeb,
	0xfc, /* cli; hlt; jmp */
};

static void test_locked_in_real_mode(void)
{
	volatile u16 *words = (volatile u16 *)0x9800ul;

	memcpy((void *)(ulong)(COUNT_PAGE << 12), count_code, sizeof(count_code));
	words[0] = words[1] = words[2] = 0;
	for (u32 id = 1; id < cpus; id++)
		smp_init(id);
	for (u32 id = 1; id < cpus; id++)
		smp_ipi(id, ICR_STARTUP | ICR_ASSERT | COUNT_PAGE);
	tap_ok(WAIT_FOR(words[2] == cpus - 1) || WAIT_FOR(words[2] == cpus - 1),
	       "all run in real mode");
	tap_eq(words[0], (cpus - 1) * COUNT_TIMES, "where LOCK INC is atomic");
	tap_eq(words[1], (cpus - 1) * COUNT_TIMES, "and LOCK XADD");
}

static void read_time(u32 id)
{
	for (u32 turn = 0; go_on; turn++) {
		while (go_on && !(counts[id] & 1))
			asm volatile("pause");
		seen[id] = rdtsc();
		counts[id]++;
	}
}

/* Each reads the time after the other has, in turn: it never goes back. */
static void test_time(void)
{
	for (u32 id = 1; id < cpus; id++) {
		u32 backwards = 0;
		u64 last = 0;

		counts[id] = 0;
		go_on = true;
		smp_init(id);
		smp_start(id, read_time);
		for (u32 i = 0; i < TSC_ROUNDS / cpus; i++) {
			u64 now = rdtsc();

			backwards += now < last;
			counts[id]++;
			if (!WAIT_FOR(!(counts[id] & 1)))
				break;
			last = seen[id];
			backwards += last < now;
		}
		go_on = false;
		tap_eq(backwards, 0, "time does not go back between CPU 0 and CPU %u", id);
	}
}

void guest_main(void)
{
	pic_init();
	lapic_enable();
	smp_use_cr8();
	cpus = smp_count();
	if (!cpus)
		tap_bail_out("no MADT");
	test_all_come();
	test_topology();
	if (cpus == 1)
		return;
	test_state();
	test_again_and_again();
	test_locked_in_real_mode();
	test_time();
}
