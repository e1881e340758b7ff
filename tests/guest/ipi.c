/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts between CPUs: every delivery mode and form of destination reaches whom the manual
 * says, whether they are halted or run; NMIs; many at a time; timers and the I/O APIC.
 */
#include "tests/guest/ipi.h"

#include "tests/guest/lib/pic.h"

#define FLAT 0xffffffffu
#define CLUSTERS 0x0fffffffu

u32 cpus;
volatile u32 got[SMP_MAX];
static volatile bool waiting[SMP_MAX], settled[SMP_MAX];
static volatile u32 logical_model;

static void on_count(struct trap_frame *frame)
{
	(void)frame;
	got[smp_id()]++;
	lapic_eoi();
}

static void on_settle(struct trap_frame *frame)
{
	(void)frame;
	settled[smp_id()] = true;
	lapic_eoi();
}

void settle(void)
{
	irq_enable();
	for (u32 id = 0; id < cpus; id++) {
		settled[id] = false;
		smp_ipi(id, ICR_ASSERT | VEC_SETTLE);
		WAIT_FOR(settled[id]);
	}
	irq_disable();
}

static u32 own_logical_id(u32 id)
{
	return logical_model == FLAT ? 1u << (id & 7) : (id / 4) << 4 | 1u << id % 4;
}

static void set_logical_id(u32 id)
{
	lapic_write(LAPIC_DFR, logical_model);
	lapic_write(LAPIC_LDR, own_logical_id(id) << 24);
}

static void wait_halted(u32 id)
{
	set_logical_id(id);
	waiting[id] = true;
	for (;;)
		irq_wait();
}

static void wait_running(u32 id)
{
	set_logical_id(id);
	waiting[id] = true;
	irq_enable();
	for (;;)
		asm volatile("pause");
}

void start_waiting(bool halted)
{
	set_logical_id(0);
	for (u32 id = 1; id < cpus; id++)
		waiting[id] = false;
	smp_start_all(halted ? wait_halted : wait_running);
	for (u32 id = 1; id < cpus; id++)
		WAIT_FOR(waiting[id]);
}

static u64 who_got(void)
{
	u64 mask = 0;

	for (u32 id = 0; id < cpus; id++)
		mask |= got[id] ? BIT(id) : 0;
	return mask;
}

/* Who gets it, and nobody twice. */
static u64 send(u32 dest, u32 command)
{
	for (u32 id = 0; id < cpus; id++)
		got[id] = 0;
	smp_ipi(dest, command | ICR_ASSERT | VEC_COUNT);
	settle();
	for (u32 id = 0; id < cpus; id++) {
		if (got[id] > 1)
			return ~0ull;
	}
	return who_got();
}

static u64 logical_targets(u32 dest)
{
	u64 mask = 0;

	for (u32 id = 0; id < cpus; id++) {
		u32 own = own_logical_id(id);
		bool hit = logical_model == FLAT ? dest & own
						 : dest >> 4 == own >> 4 && (dest & own & 15);

		mask |= hit || dest == 0xff ? BIT(id) : 0;
	}
	return mask;
}

static void test_physical(const char *how)
{
	u64 all = BIT(cpus) - 1;
	bool each = true;

	for (u32 id = 0; id < cpus; id++)
		each &= send(id, ICR_FIXED) == BIT(id);
	tap_ok(each, "%s: a physical id is one CPU", how);
	tap_eq(send(cpus, ICR_FIXED), 0, "%s: one that is not there is none", how);
	tap_eq(send(0xff, ICR_FIXED), all, "%s: FF is all", how);
	tap_eq(send(0, ICR_ALL), all, "%s: the shorthand for all", how);
	tap_eq(send(0, ICR_OTHERS), all - 1, "%s: the one for all others", how);
	tap_eq(send(1, ICR_SELF), 1, "%s: and the one for itself", how);
}

static void test_logical(u32 model, const char *name)
{
	static const u32 dests[] = { 0x01, 0x02, 0x03, 0x06, 0x0f, 0x12,
				     0x10, 0x21, 0x80, 0xff, 0x00, 0x5a };
	bool fixed = true, lowest = true;

	logical_model = model;
	start_waiting(true);
	for (u32 i = 0; i < ARRAY_SIZE(dests); i++) {
		u64 want = logical_targets(dests[i]), mask;

		mask = send(dests[i], ICR_LOGICAL | ICR_FIXED);
		if (mask != want)
			tap_diag("%s %x: to %lx, not %lx", name, dests[i], (ulong)mask,
				 (ulong)want);
		fixed &= mask == want;
		mask = send(dests[i], ICR_LOGICAL | ICR_LOWEST);
		lowest &= want ? mask && !(mask & (mask - 1)) && !(mask & ~want) : !mask;
	}
	tap_ok(fixed, "logical ids, %s: all that are meant get it", name);
	tap_ok(lowest, "logical ids, %s: of lowest-priority ones one of those does", name);
}

/* Those with a higher task priority are passed over. */
static void test_lowest_priority(void)
{
	bool passed_over = true;

	logical_model = FLAT;
	start_waiting(true);
	/* Below what settle() sends. */
	lapic_write(LAPIC_TPR, 0x40);
	for (u32 i = 0; i < 20; i++)
		passed_over &= !(send(0xff, ICR_LOGICAL | ICR_LOWEST) & 1);
	lapic_write(LAPIC_TPR, 0);
	tap_ok(passed_over, "a CPU with a high task priority is passed over");
}

/* What these do is nothing. */
static void test_others(void)
{
	tap_eq(send(0xff, ICR_SMI), 0, "an SMI is ignored");
	tap_eq(send(0xff, 0x300), 0, "so is the reserved mode");
	tap_eq(send(0xff, 0x700), 0, "so is ExtINT");
	tap_eq(send(1, ICR_STARTUP), 0, "and a start-up IPI to a CPU that runs");
}

void guest_main(void)
{
	pic_init();
	lapic_enable();
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	cpus = smp_count();
	if (cpus < 2)
		tap_bail_out("this guest needs two CPUs at least: smp=2");
	trap_set_handler(VEC_COUNT, on_count);
	trap_set_handler(VEC_SETTLE, on_settle);
	logical_model = FLAT;
	start_waiting(true);
	test_physical("halted");
	start_waiting(false);
	test_physical("running");
	test_logical(FLAT, "flat");
	test_logical(CLUSTERS, "clusters");
	test_lowest_priority();
	test_others();
	test_nmi();
	test_token();
	test_storm();
	test_timers();
	test_ioapic();
	test_lines();
}
