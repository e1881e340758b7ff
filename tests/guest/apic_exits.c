/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uses the local APIC in ways that a CPU can take off a hypervisor: CR8 in xAPIC mode, then the task
 * priority, interrupts to itself and their ends in x2APIC mode, ROUNDS of each. Before, in between
 * and behind it waits for a key, so that exits can be counted from outside.
 */
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/print.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/lib/x2apic.h"

#define ROUNDS 1000u
#define VECTOR 0x61u

static volatile u32 count;

static void on_interrupt(struct trap_frame *frame)
{
	(void)frame;
	count++;
	x2apic_eoi();
}

static void wait_for_key(void)
{
	print("# r or q?\n");
	while (!serial_readable())
		asm volatile("pause");
	serial_getc();
	print("\n");
}

static void use_cr8(void)
{
	u32 wrong = 0;

	for (u32 i = 0; i < ROUNDS; i++) {
		write_cr8(i & 15);
		wrong += read_cr8() != (i & 15);
	}
	write_cr8(0);
	tap_eq(wrong, 0, "CR8 holds what is written");
}

/* The first half of the rounds lets each interrupt in by TPR, the second by IF. */
static void use_x2apic(void)
{
	u32 early = 0;

	irq_enable();
	for (u32 i = 0; i < ROUNDS; i++) {
		if (i >= ROUNDS / 2)
			irq_disable();
		x2apic_write(LAPIC_TPR, i < ROUNDS / 2 ? 0x60 : 0);
		x2apic_write(LAPIC_SELF_IPI, VECTOR);
		early += count != i || !x2apic_bit(LAPIC_IRR, VECTOR);
		x2apic_write(LAPIC_TPR, 0);
		irq_enable();
		asm volatile("nop; nop" : : : "memory");
		early += count != i + 1;
	}
	irq_disable();
	tap_eq(count, ROUNDS, "as many interrupts as were sent");
	tap_eq(early, 0, "each when it could come");
	tap_eq(x2apic_read(LAPIC_PPR), 0, "none is left in service");
}

void guest_main(void)
{
	pic_init();
	trap_set_handler(VECTOR, on_interrupt);
	lapic_enable();
	wait_for_key();
	use_cr8();
	wait_for_key();
	x2apic_enter();
	use_x2apic();
	wait_for_key();
}
