/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts between CPUs whose APICs are in x2APIC mode: every kind of destination and of
 * delivery; and from one that is in xAPIC mode.
 */
#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/smp64.h"
#include "tests/guest/x2apic.h"

#define VEC_COUNT 0x61u
#define VEC_SETTLE 0x51u /* of a lower priority */
#define VEC_TOKEN 0x71u /* and the next one */
#define HOPS 1000u

static u32 cpus;
static volatile u32 got[SMP_MAX], nmis[SMP_MAX];
static volatile u32 hops[2];
static volatile bool settled[SMP_MAX], waiting[SMP_MAX];

static u32 own_id(void)
{
	return cpuid(0xb, 0).d;
}

static void end(void)
{
	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2)
		x2apic_eoi();
	else
		lapic_eoi();
}

static void on_count(struct trap_frame *frame)
{
	(void)frame;
	got[own_id()]++;
	end();
}

static void on_settle(struct trap_frame *frame)
{
	(void)frame;
	settled[own_id()] = true;
	end();
}

static void on_nmi(struct trap_frame *frame)
{
	(void)frame;
	nmis[own_id()]++;
}

static void wait_in_x2apic(u32 id)
{
	if (!(rdmsr(MSR_APIC_BASE) & APIC_BASE_X2))
		x2apic_enter();
	x2apic_write(LAPIC_SVR, SVR_ENABLE | LAPIC_SPURIOUS_VECTOR);
	waiting[id] = true;
	for (;;)
		irq_wait();
}

static void settle(void)
{
	irq_enable();
	for (u32 id = 0; id < cpus; id++) {
		settled[id] = false;
		x2apic_ipi(id, VEC_SETTLE);
		WAIT_FOR(settled[id]);
	}
	irq_disable();
}

static u64 who_got(volatile u32 *counts)
{
	u64 mask = 0;

	for (u32 id = 0; id < cpus; id++) {
		if (counts[id] > 1)
			return ~0ull;
		mask |= counts[id] ? BIT(id) : 0;
	}
	return mask;
}

/* Who gets it, and nobody twice. */
static u64 send(u32 dest, u32 command)
{
	for (u32 id = 0; id < cpus; id++)
		got[id] = nmis[id] = 0;
	x2apic_ipi(dest, command | VEC_COUNT);
	settle();
	return who_got((command & 0x700) == ICR_NMI ? nmis : got);
}

/* Which is said, if it is not who should have. */
static bool got_by(u64 mask, u64 want)
{
	if (mask == want)
		return true;
	tap_diag("%llx got it (all ones: somebody twice), not %llx", (unsigned long long)mask,
		 (unsigned long long)want);
	return false;
}

static void test_destinations(void)
{
	u64 all = BIT(cpus) - 1;
	bool each = true, logical = true, lowest = true, nmi = true;

	for (u32 id = 0; id < cpus; id++) {
		each &= got_by(send(id, ICR_FIXED), BIT(id));
		nmi &= got_by(send(id, ICR_NMI), BIT(id));
	}
	tap_ok(each, "a physical id is one CPU");
	tap_ok(nmi, "for NMIs too");
	tap_eq(send(cpus, ICR_FIXED), 0, "one that is not there is none");
	tap_eq(send(0xff, ICR_FIXED), 0, "FF is not either");
	tap_eq(send(0xffffffff, ICR_FIXED), all, "FFFFFFFF is all");
	tap_eq(send(0xffffffff, ICR_LOGICAL), all, "and a logical one is too");
	tap_eq(send(7, ICR_ALL), all, "the shorthand for all");
	tap_eq(send(7, ICR_OTHERS), all - 1, "the one for all others");
	tap_eq(send(7, ICR_SELF), 1, "and the one for itself");
	for (u32 set = 0; set < 0x20; set++) {
		u64 want = set & all & 0xffff, mask = send(set, ICR_LOGICAL | ICR_LOWEST);

		logical &= send(set, ICR_LOGICAL) == want;
		lowest &= want ? mask && !(mask & (mask - 1)) && !(mask & ~want) : !mask;
	}
	tap_ok(logical, "logical ids are sets within a cluster");
	tap_ok(lowest, "of which a lowest-priority one takes one");
	tap_eq(send(0x20001, ICR_LOGICAL), 0, "another cluster has none");
	tap_eq(send(0xffffffff, ICR_SMI) | send(1, ICR_STARTUP), 0, "what is ignored is ignored");
	x2apic_write(LAPIC_TPR, 0x40);
	each = true;
	for (u32 i = 0; i < 10; i++)
		each &= !(send(0xffffffff, ICR_LOWEST) & 1);
	x2apic_write(LAPIC_TPR, 0);
	tap_ok(each, "the one with a high task priority is passed over");
}

static void hop(u32 token)
{
	x2apic_eoi();
	if (++hops[token] < HOPS)
		x2apic_ipi((own_id() + 1) % cpus, VEC_TOKEN + token);
}

static void on_token(struct trap_frame *frame)
{
	(void)frame;
	hop(0);
}

static void on_other_token(struct trap_frame *frame)
{
	(void)frame;
	hop(1);
}

/* Two go round, through this CPU, which runs, and the others, which sleep. */
static void test_tokens(void)
{
	u32 before, now = 0;

	trap_set_handler(VEC_TOKEN, on_token);
	trap_set_handler(VEC_TOKEN + 1, on_other_token);
	x2apic_ipi(1, VEC_TOKEN);
	x2apic_ipi(cpus / 2, VEC_TOKEN + 1);
	irq_enable();
	/* For as long as one moves: each hop may have to wait for a busy host. */
	do {
		before = now;
		WAIT_FOR(hops[0] + hops[1] != before);
		now = hops[0] + hops[1];
	} while (now != before && now < 2 * HOPS);
	irq_disable();
	tap_eq(hops[0], HOPS, "a token that each sends to the next one is never lost");
	tap_eq(hops[1], HOPS, "nor is a second one");
}

/* INIT leaves it in x2APIC mode. */
static void test_restart(void)
{
	u32 starts = smp_states[1].starts;

	waiting[1] = false;
	x2apic_ipi(1, ICR_INIT | ICR_LEVEL | ICR_ASSERT);
	x2apic_ipi(1, ICR_STARTUP | SMP_START_PAGE);
	tap_ok(WAIT_FOR(waiting[1]), "INIT and a start-up IPI start one again");
	tap_eq(smp_states[1].starts, starts + 1, "once");
	tap_eq(send(1, ICR_FIXED), 2, "it is in x2APIC mode as before");
}

void test_ipis(void)
{
	u32 came = 0;

	cpus = smp_count();
	if (cpus < 2) {
		tap_skip("one CPU", "IPIs");
		return;
	}
	trap_set_handler(VEC_COUNT, on_count);
	trap_set_handler(VEC_SETTLE, on_settle);
	trap_set_handler(VEC_NMI, on_nmi);
	tap_eq(smp_start_all(wait_in_x2apic), cpus - 1, "the other CPUs come up");
	for (u32 id = 1; id < cpus; id++)
		came += WAIT_FOR(waiting[id]);
	tap_eq(came, cpus - 1, "and enter x2APIC mode");
	smp_ipi(1, VEC_COUNT);
	tap_ok(WAIT_FOR(got[1] == 1), "from xAPIC mode, by id");
	got[1] = came = 0;
	smp_ipi(0xff, ICR_ASSERT | VEC_COUNT);
	for (u32 id = 1; id < cpus; id++)
		came += WAIT_FOR(got[id] == 1);
	tap_eq(came, cpus - 1, "and FF is all there");
	open_window();
	x2apic_enter();
	test_destinations();
	test_tokens();
	test_restart();
}
