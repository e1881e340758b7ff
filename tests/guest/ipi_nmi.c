/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NMIs from CPU to CPU: they come with interrupts off, wake a halted CPU, and wait, no more than
 * one of them, while another one is being handled, until its IRET.
 */
#include "tests/guest/ipi.h"

#define HALTS 20u
#define NESTED_ROUNDS 20u

static volatile u32 nmis[SMP_MAX], depth[SMP_MAX], deepest, halts;
static volatile u32 send_in_handler;
static volatile bool ready;

static void on_nmi(struct trap_frame *frame)
{
	u32 id = smp_id();

	(void)frame;
	depth[id]++;
	deepest = MAX(deepest, depth[id]);
	nmis[id]++;
	for (; send_in_handler; send_in_handler--)
		smp_ipi(id, ICR_NMI | ICR_ASSERT);
	/* Exits, at each of which one could slip in. */
	for (u32 i = 0; i < 20; i++)
		cpuid(0, 0);
	depth[id]--;
}

/* Interrupts stay off: nothing but an NMI ends the HLT. */
static void halt_for_nmis(u32 id)
{
	ready = true;
	for (;;) {
		asm volatile("cli; hlt" : : : "memory");
		if (id == 1)
			halts++;
	}
}

static void spin_without_interrupts(u32 id)
{
	(void)id;
	ready = true;
	for (;;)
		asm volatile("pause");
}

static void to_one(void (*fn)(u32 id), const char *what)
{
	u32 came = 0;

	ready = false;
	smp_init(1);
	smp_start(1, fn);
	WAIT_FOR(ready);
	for (u32 i = 0; i < HALTS; i++) {
		u32 before = nmis[1], halts_before = halts;

		smp_ipi(1, ICR_NMI | ICR_ASSERT);
		came += WAIT_FOR(nmis[1] == before + 1);
		if (fn == halt_for_nmis)
			WAIT_FOR(halts != halts_before);
	}
	tap_eq(came, HALTS, "NMIs to a CPU that %s", what);
}

static void to_itself(void)
{
	u32 before = nmis[0];

	smp_ipi(0, ICR_NMI | ICR_ASSERT);
	tap_ok(WAIT_FOR(nmis[0] == before + 1), "an NMI to itself, by its id");
	deepest = 0;
	for (u32 i = 0; i < NESTED_ROUNDS; i++) {
		before = nmis[0];
		send_in_handler = 3;
		smp_ipi(0, ICR_NMI | ICR_ASSERT);
		if (!WAIT_FOR(nmis[0] >= before + 2))
			break;
	}
	clock_wait_us(1000);
	tap_eq(nmis[0], before + 2, "of three during its handling one comes, afterwards");
	tap_eq(deepest, 1, "and none comes before the IRET");
	before = nmis[0];
	lapic_write(LAPIC_ICR_LOW, ICR_NMI | ICR_SELF | ICR_ASSERT);
	lapic_write(LAPIC_ICR_LOW, ICR_NMI | ICR_ALL | ICR_ASSERT);
	clock_wait_us(1000);
	tap_eq(nmis[0], before, "shorthands that include the sender send no NMI");
}

static void to_others(void)
{
	u32 before[SMP_MAX], came = 0;

	smp_start_all(halt_for_nmis);
	clock_wait_us(1000);
	for (u32 id = 1; id < cpus; id++)
		before[id] = nmis[id];
	smp_ipi(0, ICR_NMI | ICR_OTHERS | ICR_ASSERT);
	for (u32 id = 1; id < cpus; id++)
		came += WAIT_FOR(nmis[id] == before[id] + 1);
	tap_eq(came, cpus - 1, "an NMI to all others");
}

void test_nmi(void)
{
	trap_set_handler(VEC_NMI, on_nmi);
	halts = 0;
	to_one(halt_for_nmis, "has halted with interrupts off");
	tap_ok(halts >= HALTS, "end its HLT");
	to_one(spin_without_interrupts, "runs with interrupts off");
	to_others();
	to_itself();
	/* One that waits for a start-up IPI has no use for them. */
	smp_init(1);
	nmis[1] = 0;
	smp_ipi(1, ICR_NMI | ICR_ASSERT);
	smp_start(1, spin_without_interrupts);
	clock_wait_us(1000);
	tap_eq(nmis[1], 0, "none to a CPU that waits to be started");
}
