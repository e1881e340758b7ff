/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's registers, interrupts to itself, priorities, and its timer's count. A guest
 * that firmware has run before sees no reset values, so those are demanded of Sill's guests.
 */
#include "tests/guest/lib/lapic.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define VEC_A 0x52u
#define VEC_B 0x83u
#define VEC_ERROR 0xe0u
#define ESR_SEND_ILLEGAL 0x20u
#define ESR_RECEIVE_ILLEGAL 0x40u
#define ICR_LEVEL_ASSERT 0x4000u
#define ICR_LOGICAL 0x800u

static volatile u32 count_a, count_b, count_error, count_spurious;
static volatile bool b_in_service, keep_in_service;

static void on_a(struct trap_frame *frame)
{
	(void)frame;
	count_a++;
	lapic_eoi();
}

static void on_b(struct trap_frame *frame)
{
	(void)frame;
	count_b++;
	b_in_service = lapic_bit(LAPIC_ISR, VEC_B);
	if (!keep_in_service)
		lapic_eoi();
}

static void on_error(struct trap_frame *frame)
{
	(void)frame;
	count_error++;
	lapic_eoi();
}

static void on_spurious(struct trap_frame *frame)
{
	(void)frame;
	count_spurious++;
}

static void open_window(void)
{
	irq_enable();
	asm volatile("nop; nop" : : : "memory");
	irq_disable();
}

static void test_reset_values(void)
{
	u32 lvts[] = { LAPIC_LVT_TIMER, LAPIC_LVT_LINT0, LAPIC_LVT_LINT1, LAPIC_LVT_ERROR };
	u32 version = lapic_read(LAPIC_VERSION);

	tap_diag("version 0x%x", version);
	tap_ok((version & 0xff) >= 0x10 && (version & 0xff) <= 0x15, "an integrated APIC");
	tap_ok((version >> 16 & 0xff) >= 3, "at least 4 local vector table entries");
	tap_eq(lapic_read(LAPIC_TPR), 0, "TPR is 0");
	tap_eq(lapic_read(LAPIC_PPR), 0, "PPR is 0");
	for (u32 vector = 0; vector < 256; vector += 32) {
		tap_eq(lapic_read(LAPIC_ISR + vector / 2), 0, "ISR %u-%u is empty", vector,
		       vector + 31);
		tap_eq(lapic_read(LAPIC_IRR + vector / 2), 0, "IRR %u-%u is empty", vector,
		       vector + 31);
	}
	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "reset values");
		return;
	}
	tap_eq(lapic_read(LAPIC_ID), 0, "ID is 0");
	tap_eq(lapic_read(LAPIC_DFR), 0xffffffff, "DFR is all ones");
	tap_eq(lapic_read(LAPIC_LDR), 0, "LDR is 0");
	tap_eq(lapic_read(LAPIC_SVR) & 0xff, 0xff, "the spurious vector is FF");
	tap_eq(lapic_read(LAPIC_TIMER_INIT), 0, "the timer's initial count is 0");
	tap_eq(lapic_read(LAPIC_TIMER_COUNT), 0, "the timer's count is 0");
	for (u32 i = 0; i < ARRAY_SIZE(lvts); i++) {
		u32 lvt = lapic_read(lvts[i]);

		/* Firmware leaves the LINT pins wired to the PIC and to NMI. */
		tap_ok((lvt & LVT_MASKED) || (lvt & 0x700) == LVT_EXTINT ||
			       (lvt & 0x700) == LVT_NMI,
		       "LVT %x is masked, or ExtINT or NMI", lvts[i]);
	}
}

/* While software-disabled, LVT entries stay masked. */
static void test_enable(void)
{
	lapic_write(LAPIC_SVR, LAPIC_SPURIOUS_VECTOR);
	lapic_write(LAPIC_LVT_TIMER, VEC_A);
	if (on_sill())
		tap_eq(lapic_read(LAPIC_LVT_TIMER), VEC_A | LVT_MASKED,
		       "software-disabled: an LVT entry cannot be unmasked");
	else
		tap_skip(SKIP_NOT_SILL, "software-disabled: an LVT entry cannot be unmasked");
	lapic_enable();
	tap_eq(lapic_read(LAPIC_SVR), SVR_ENABLE | LAPIC_SPURIOUS_VECTOR, "SVR holds its value");
	lapic_write(LAPIC_LVT_TIMER, VEC_A);
	tap_eq(lapic_read(LAPIC_LVT_TIMER), VEC_A, "enabled: it can");
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | LVT_PERIODIC | VEC_B);
	tap_eq(lapic_read(LAPIC_LVT_TIMER), LVT_MASKED | LVT_PERIODIC | VEC_B,
	       "the timer's LVT holds mode, mask and vector");
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

static void test_registers(void)
{
	lapic_write(LAPIC_LDR, 0x5a123456);
	tap_eq(lapic_read(LAPIC_LDR) & 0xff000000, 0x5a000000, "LDR holds its id");
	lapic_write(LAPIC_TPR, 0x5b);
	tap_eq(lapic_read(LAPIC_TPR), 0x5b, "TPR holds class and subclass");
	tap_eq(lapic_read(LAPIC_PPR) & 0xf0, 0x50, "PPR follows TPR");
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_ICR_HIGH, 0x12345678);
	tap_eq(lapic_read(LAPIC_ICR_HIGH) & 0xff000000, 0x12000000, "ICR holds a destination");
	lapic_write(LAPIC_ICR_HIGH, 0);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
	tap_eq(lapic_read(LAPIC_TIMER_DIVIDE) & 0xf, DIVIDE_BY_16, "the divisor is held");
	lapic_write(LAPIC_LVT_ERROR, VEC_ERROR | LVT_MASKED);
	tap_eq(lapic_read(LAPIC_LVT_ERROR), VEC_ERROR | LVT_MASKED, "the error LVT is held");
	lapic_write(LAPIC_VERSION, 0);
	tap_ok(lapic_read(LAPIC_VERSION) != 0, "the version cannot be written");
}

static void test_self_ipi(void)
{
	count_a = 0;
	lapic_self_ipi(VEC_A);
	tap_ok(lapic_bit(LAPIC_IRR, VEC_A), "a self-IPI waits in IRR");
	tap_eq(count_a, 0, "while IF is 0");
	lapic_self_ipi(VEC_A);
	open_window();
	tap_eq(count_a, 1, "two of one vector are delivered as one");
	tap_ok(!lapic_bit(LAPIC_IRR, VEC_A) && !lapic_bit(LAPIC_ISR, VEC_A), "and it is over");
	lapic_write(LAPIC_ICR_HIGH, lapic_read(LAPIC_ID));
	lapic_write(LAPIC_ICR_LOW, ICR_LEVEL_ASSERT | VEC_A);
	open_window();
	tap_eq(count_a, 2, "an IPI to its own physical id");
	lapic_write(LAPIC_DFR, 0xffffffff);
	lapic_write(LAPIC_LDR, 0x04000000);
	lapic_write(LAPIC_ICR_HIGH, 0x06000000);
	lapic_write(LAPIC_ICR_LOW, ICR_LEVEL_ASSERT | ICR_LOGICAL | VEC_A);
	open_window();
	tap_eq(count_a, 3, "an IPI to a logical set it is in");
	lapic_write(LAPIC_ICR_HIGH, 0x03000000);
	lapic_write(LAPIC_ICR_LOW, ICR_LEVEL_ASSERT | ICR_LOGICAL | VEC_A);
	open_window();
	tap_eq(count_a, 3, "but not to one it is not in");
	lapic_write(LAPIC_ICR_LOW, 0x80000 | ICR_LEVEL_ASSERT | VEC_A);
	open_window();
	tap_eq(count_a, 4, "an IPI to all including itself");
	lapic_write(LAPIC_ICR_LOW, 0xc0000 | ICR_LEVEL_ASSERT | VEC_A);
	open_window();
	tap_eq(count_a, 4, "not one to all but itself");
}

static void test_in_service(void)
{
	count_a = count_b = 0;
	keep_in_service = true;
	lapic_self_ipi(VEC_B);
	open_window();
	tap_eq(b_in_service, true, "its handler sees it in ISR");
	tap_eq(lapic_read(LAPIC_PPR) & 0xf0, VEC_B & 0xf0, "PPR is its class until EOI");
	lapic_self_ipi(VEC_A);
	open_window();
	tap_eq(count_a, 0, "a lower vector waits");
	lapic_self_ipi(VEC_B);
	open_window();
	tap_eq(count_b, 1, "so does the same one");
	keep_in_service = false;
	lapic_eoi();
	open_window();
	tap_eq(count_b, 2, "after EOI it comes again");
	tap_eq(count_a, 1, "and then the lower one");
	tap_eq(lapic_read(LAPIC_PPR) & 0xf0, 0, "PPR is 0 again");
}

static void test_errors(void)
{
	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "illegal vectors and ESR");
		return;
	}
	lapic_write(LAPIC_LVT_ERROR, VEC_ERROR);
	/* What the IPIs of the tests before found wrong does not count. */
	lapic_write(LAPIC_ESR, 0);
	lapic_write(LAPIC_ESR, 0);
	tap_eq(lapic_read(LAPIC_ESR), 0, "ESR is 0");
	lapic_write(LAPIC_ICR_LOW, ICR_SELF | 0x05);
	open_window();
	lapic_write(LAPIC_ESR, 0);
	tap_ok(lapic_read(LAPIC_ESR) & (ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL),
	       "an IPI with vector 5 is an error");
	tap_ok(count_error > 0, "and raises the error interrupt");
	lapic_write(LAPIC_ESR, 0);
	lapic_write(LAPIC_ESR, 0);
	tap_eq(lapic_read(LAPIC_ESR), 0, "ESR is cleared by two writes");
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
}

/* Reading and writing what is reserved must be harmless. */
static void test_reserved(void)
{
	for (u32 reg = 0; reg < 0x400; reg += 0x10)
		lapic_read(reg);
	lapic_write(0x00, 0xffffffff);
	lapic_write(0x10, 0xffffffff);
	lapic_write(LAPIC_PPR, 0xffffffff);
	lapic_write(LAPIC_ISR, 0xffffffff);
	lapic_write(LAPIC_IRR, 0xffffffff);
	lapic_write(LAPIC_TIMER_COUNT, 0xffffffff);
	tap_eq(lapic_read(LAPIC_ISR) | lapic_read(LAPIC_IRR), 0, "read-only registers stay");
	lapic_write(LAPIC_ESR, 0);
	lapic_write(LAPIC_ESR, 0);
}

static u32 count_in(u32 divide, u32 us)
{
	lapic_write(LAPIC_TIMER_DIVIDE, divide);
	lapic_write(LAPIC_TIMER_INIT, 0xffffffff);
	clock_wait_us(us);
	return 0xffffffff - lapic_read(LAPIC_TIMER_COUNT);
}

static void test_timer_count(void)
{
	u32 fast = count_in(DIVIDE_BY_1, 2000), slow = count_in(DIVIDE_BY_16, 2000);

	tap_diag("2 ms: %u counts divided by 1, %u divided by 16", fast, slow);
	tap_ok(fast > 16 && slow > 0, "the timer counts while masked");
	/* Both waits are 2 ms at least; a busy host makes either longer. */
	tap_ok(fast >= 1980000 && slow >= 1980000 / 16, "at 1 GHz over the divisor");
	lapic_write(LAPIC_TIMER_INIT, 0);
	tap_eq(lapic_read(LAPIC_TIMER_COUNT), 0, "initial count 0 stops it");
}

void guest_main(void)
{
	test_reset_values();
	pic_init();
	trap_set_handler(VEC_A, on_a);
	trap_set_handler(VEC_B, on_b);
	trap_set_handler(VEC_ERROR, on_error);
	trap_set_handler(LAPIC_SPURIOUS_VECTOR, on_spurious);
	test_enable();
	test_registers();
	test_self_ipi();
	test_in_service();
	test_errors();
	test_reserved();
	test_timer_count();
	tap_eq(count_spurious, 0, "no spurious interrupt came");
}
