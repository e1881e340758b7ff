/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's modes: every register and every bit of x2APIC mode, the ways between the modes and
 * what survives them, interrupts by MSR; TSC-deadline timer, place, and, with several CPUs,
 * interrupts between them are in x2apic_*.c.
 */
#include "tests/guest/x2apic.h"

#include "tests/guest/lib/pic.h"

#define NOBODY (0xfffff000ull << 32)
#define ESR_SEND_ILLEGAL 0x20u

static volatile u32 count_a, count_b, count_any;
static volatile bool b_in_service;

static void on_a(struct trap_frame *frame)
{
	(void)frame;
	count_a++;
	x2apic_eoi();
}

static void on_b(struct trap_frame *frame)
{
	(void)frame;
	count_b++;
	b_in_service = x2apic_bit(LAPIC_ISR, VEC_B);
	x2apic_eoi();
}

static void on_any(struct trap_frame *frame)
{
	(void)frame;
	count_any++;
	x2apic_eoi();
}

void open_window(void)
{
	irq_enable();
	asm volatile("nop; nop" : : : "memory");
	irq_disable();
}

static void test_cpuid(void)
{
	struct cpuid leaf = cpuid(1, 0);
	u32 id = leaf.b >> 24;

	tap_ok(leaf.c & CPUID_X2APIC, "CPUID shows x2APIC mode");
	tap_ok(leaf.c & CPUID_TSC_DEADLINE, "and TSC-deadline mode");
	tap_ok(cpuid(0, 0).a >= 0xb, "leaf Bh is there");
	tap_eq(cpuid(0xb, 0).d, id, "with the id");
	tap_eq(cpuid(0xb, 0).c >> 8 & 0xff, 1, "its subleaf 0 is about threads");
	tap_eq(cpuid(0xb, 1).c >> 8 & 0xff, 2, "1 about cores");
	tap_eq(cpuid(0xb, 1).d, id, "with the id too");
	tap_eq(cpuid(0xb, 2).c, 2, "and 2 about nothing");
	tap_ok(cpuid(0xb, 1).b >= 1, "there is one logical CPU at least");
}

static u32 readable_msrs(void)
{
	u32 count = 0;
	u64 value;

	for (u32 msr = MSR_X2APIC; msr < MSR_X2APIC + 0x100; msr++)
		count += try_rdmsr(msr, &value) == TRAP_NONE;
	return count;
}

static void test_ways(void)
{
	u64 on = rdmsr(MSR_APIC_BASE), off = on & ~(u64)APIC_BASE_EN, x2 = on | APIC_BASE_X2;
	u64 value;

	tap_eq(readable_msrs(), 0, "xAPIC mode: none of the MSRs is there");
	tap_eq(try_wrmsr(MSR_OF(LAPIC_EOI), 0), VEC_GP, "nor can one be written");
	tap_eq(try_wrmsr(MSR_APIC_BASE, x2 & ~(u64)APIC_BASE_EN), VEC_GP,
	       "xAPIC to x2APIC bit without enable bit: #GP");
	tap_eq(try_wrmsr(MSR_APIC_BASE, x2), TRAP_NONE, "xAPIC to x2APIC");
	tap_eq(rdmsr(MSR_APIC_BASE), x2, "reads back");
	tap_eq(lapic_read(LAPIC_VERSION), 0xffffffff, "the page is not there then");
	tap_eq(try_wrmsr(MSR_APIC_BASE, on), VEC_GP, "x2APIC to xAPIC: #GP");
	tap_eq(try_wrmsr(MSR_APIC_BASE, x2), TRAP_NONE, "x2APIC to itself");
	tap_eq(try_wrmsr(MSR_APIC_BASE, off), TRAP_NONE, "x2APIC to off");
	tap_eq(cpuid(1, 0).d >> 9 & 1, 0, "CPUID's APIC bit is off");
	tap_eq(cpuid(0x80000001, 0).d >> 9 & 1, 0, "and its copy");
	tap_eq(try_rdmsr(MSR_OF(LAPIC_ID), &value), VEC_GP, "the MSRs are not there");
	tap_eq(lapic_read(LAPIC_VERSION), 0xffffffff, "nor is the page");
	tap_eq(try_wrmsr(MSR_APIC_BASE, x2), VEC_GP, "off to x2APIC: #GP");
	tap_eq(try_wrmsr(MSR_APIC_BASE, x2 & ~(u64)APIC_BASE_EN), VEC_GP,
	       "off with the x2APIC bit: #GP");
	tap_eq(rdmsr(MSR_APIC_BASE), off, "refused values change nothing");
	tap_eq(try_wrmsr(MSR_APIC_BASE, on), TRAP_NONE, "off to xAPIC");
	tap_eq(cpuid(1, 0).d >> 9 & 1, 1, "CPUID's APIC bit is on");
	tap_eq(lapic_read(LAPIC_SVR), 0xff, "and all registers are reset");
}

/* What goes along to x2APIC mode, and what does not. */
static void test_kept(void)
{
	lapic_enable();
	lapic_write(LAPIC_TPR, 0x30);
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED | 0x77);
	lapic_write(LAPIC_LDR, 0x0a000000);
	lapic_write(LAPIC_ICR_HIGH, 0x05000000);
	lapic_write(LAPIC_ICR_LOW, ICR_SELF | VEC_A);
	x2apic_enter();
	tap_eq(x2apic_read(LAPIC_TPR), 0x30, "TPR is kept");
	tap_eq(x2apic_read(LAPIC_SVR), SVR_ENABLE | LAPIC_SPURIOUS_VECTOR, "SVR is kept");
	tap_eq(x2apic_read(LAPIC_LVT_ERROR), LVT_MASKED | 0x77, "LVT entries are kept");
	tap_eq(x2apic_read(LAPIC_ID), cpuid(0xb, 0).d, "the id is CPUID's");
	tap_eq(x2apic_read(LAPIC_LDR),
	       (x2apic_read(LAPIC_ID) >> 4) << 16 | 1u << (x2apic_read(LAPIC_ID) & 15),
	       "the logical id follows from it");
	tap_eq(x2apic_read(LAPIC_ICR_LOW) >> 32, 0, "ICR's destination is not kept");
	tap_ok(x2apic_bit(LAPIC_IRR, VEC_A), "what is requested stays so");
	x2apic_write(LAPIC_TPR, 0);
	open_window();
	tap_eq(count_a, 1, "and comes");
	tap_eq(x2apic_read(LAPIC_VERSION) >> 24 & 1, 1, "EOI broadcasts can be suppressed");
}

/* A register of x2APIC mode, and which bits of it can be written, without which it cannot at all. */
struct x2_register {
	u32 reg;
	bool read, write;
	u32 bits;
};

static const struct x2_register registers[] = {
	{ LAPIC_ID, true, false, 0 },
	{ LAPIC_VERSION, true, false, 0 },
	{ LAPIC_TPR, true, true, 0xff },
	{ LAPIC_PPR, true, false, 0 },
	{ LAPIC_EOI, false, true, 0 },
	{ LAPIC_LDR, true, false, 0 },
	{ LAPIC_SVR, true, true, 0x13ff },
	{ LAPIC_ESR, true, true, 0 },
	{ LAPIC_LVT_TIMER, true, true, 0x710ff },
	{ LAPIC_LVT_THERMAL, true, true, 0x117ff },
	{ LAPIC_LVT_PERF, true, true, 0x117ff },
	{ LAPIC_LVT_LINT0, true, true, 0x1f7ff },
	{ LAPIC_LVT_LINT1, true, true, 0x1f7ff },
	{ LAPIC_LVT_ERROR, true, true, 0x110ff },
	{ LAPIC_TIMER_INIT, true, true, 0xffffffff },
	{ LAPIC_TIMER_COUNT, true, false, 0 },
	{ LAPIC_TIMER_DIVIDE, true, true, 0xb },
	{ LAPIC_SELF_IPI, false, true, 0xff },
};

static struct x2_register find_register(u32 reg)
{
	if (reg >= LAPIC_ISR && reg < LAPIC_ESR)
		return (struct x2_register){ reg, true, false, 0 };
	for (u32 i = 0; i < ARRAY_SIZE(registers); i++) {
		if (registers[i].reg == reg)
			return registers[i];
	}
	return (struct x2_register){ reg, false, false, 0 };
}

static u32 wrong;

static void check(u32 vector, bool good, const char *what, u32 reg, u64 value)
{
	if (vector == (good ? TRAP_NONE : (u32)VEC_GP))
		return;
	wrong++;
	tap_diag("%s of %x, value %llx: vector %x", what, reg, (unsigned long long)value, vector);
}

static void test_register(u32 reg)
{
	struct x2_register r = find_register(reg);
	u64 value;

	check(try_rdmsr(MSR_OF(reg), &value), r.read, "read", reg, 0);
	check(try_wrmsr(MSR_OF(reg), 0), r.write, "write", reg, 0);
	for (u32 bit = 0; bit < 64; bit++)
		check(try_wrmsr(MSR_OF(reg), BIT(bit)), r.write && r.bits >> bit % 32 & (bit < 32),
		      "write", reg, BIT(bit));
	if (r.read && r.write)
		wrmsr(MSR_OF(reg), 0);
}

/* Software-disabled, so that every LVT entry is masked. */
static void test_registers(void)
{
	x2apic_write(LAPIC_SVR, LAPIC_SPURIOUS_VECTOR);
	for (u32 reg = 0; reg < 0x1000; reg += 0x10) {
		if (reg != LAPIC_ICR_LOW && reg != LAPIC_SVR)
			test_register(reg);
	}
	tap_eq(wrong, 0, "every bit of every register can be written, or is #GP");
	tap_eq(try_wrmsr(MSR_OF(LAPIC_LVT_TIMER), LVT_PERIODIC | LVT_DEADLINE), VEC_GP,
	       "the fourth timer mode: #GP");
	test_register(LAPIC_SVR);
	for (u32 bit = 0; bit < 64; bit++)
		check(try_wrmsr(MSR_OF(LAPIC_ICR_LOW), NOBODY | BIT(bit)),
		      bit >= 32 || 0xccfff >> bit & 1, "write", LAPIC_ICR_LOW, BIT(bit));
	tap_eq(wrong, 0, "likewise SVR and ICR");
	x2apic_write(LAPIC_SVR, SVR_ENABLE | LAPIC_SPURIOUS_VECTOR);
	x2apic_write(LAPIC_ESR, 0);
	x2apic_write(LAPIC_ESR, 0);
	for (u32 i = 0; i < 256; i++)
		open_window();
}

static void test_interrupts(void)
{
	u32 id = (u32)x2apic_read(LAPIC_ID), set = (u32)x2apic_read(LAPIC_LDR);

	count_a = count_b = 0;
	x2apic_write(LAPIC_SELF_IPI, VEC_A);
	tap_ok(x2apic_bit(LAPIC_IRR, VEC_A), "SELF_IPI: requested");
	open_window();
	tap_eq(count_a, 1, "and delivered");
	x2apic_ipi(id, VEC_A);
	open_window();
	tap_eq(count_a, 2, "ICR: to its id");
	tap_eq(x2apic_read(LAPIC_ICR_LOW), (u64)id << 32 | VEC_A, "ICR holds all 64 bits");
	x2apic_ipi(0, ICR_SELF | VEC_A);
	open_window();
	x2apic_ipi(0, 0x80000 | VEC_A);
	open_window();
	tap_eq(count_a, 4, "by the shorthands for itself and for all");
	x2apic_ipi(0, 0xc0000 | VEC_A);
	open_window();
	tap_eq(count_a, 4, "not by the one for others");
	x2apic_ipi(set, 0x800 | VEC_A);
	open_window();
	tap_eq(count_a, 5, "to its logical id");
	x2apic_ipi(set ^ 0x10000, 0x800 | VEC_A);
	x2apic_ipi(0xff, VEC_A);
	open_window();
	tap_eq(count_a, 5, "not to another cluster, nor to FF, which is an id here");
	x2apic_ipi(0xffffffff, VEC_A);
	open_window();
	tap_eq(count_a, 6, "FFFFFFFF is all");
	x2apic_write(LAPIC_TPR, 0x90);
	x2apic_write(LAPIC_SELF_IPI, VEC_B);
	open_window();
	tap_eq(count_b, 0, "TPR holds it back");
	tap_eq(read_cr8(), 9, "and is CR8");
	tap_eq(x2apic_read(LAPIC_PPR), 0x90, "and PPR");
	x2apic_write(LAPIC_TPR, 0);
	open_window();
	tap_eq(count_b, 1, "until it is lower");
	tap_ok(b_in_service, "its handler sees it in ISR");
	x2apic_write(LAPIC_SELF_IPI, 5);
	x2apic_write(LAPIC_ESR, 0);
	tap_eq(x2apic_read(LAPIC_ESR), ESR_SEND_ILLEGAL, "a self-IPI with vector 5 is an error");
	x2apic_write(LAPIC_ESR, 0);
	tap_eq(x2apic_read(LAPIC_ESR), 0, "which is shown once");
}

static void eoi_by_page(void)
{
	lapic_eoi();
}

void guest_main(void)
{
	if (!on_sill())
		tap_skip_all(SKIP_NOT_SILL);
	pic_init();
	for (u32 vector = 0x10; vector < 0x100; vector++) {
		if (vector == 0x10 || vector >= 0x20)
			trap_set_handler(vector, on_any);
	}
	trap_set_handler(VEC_A, on_a);
	trap_set_handler(VEC_B, on_b);
	test_cpuid();
	test_ways();
	test_kept();
	test_registers();
	test_interrupts();
	test_lines();
	test_deadline("x2APIC", x2apic_eoi);
	x2apic_leave();
	lapic_enable();
	test_deadline("xAPIC", eoi_by_page);
	test_place();
	test_ipis();
}
