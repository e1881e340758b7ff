/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page of registers at other places than the usual one.
 */
#include "tests/guest/x2apic.h"

#define ELSEWHERE 0xd0123000ul
#define IN_MEMORY 0x300000ul
#define PAGE(base) ((base) & ~0xfffull)

static volatile u32 count;
static ulong place;

static u32 reg_at(ulong base, u32 reg)
{
	return *(volatile u32 *)(base + reg);
}

static void write_at(ulong base, u32 reg, u32 value)
{
	*(volatile u32 *)(base + reg) = value;
}

static void on_here(struct trap_frame *frame)
{
	(void)frame;
	count++;
	write_at(place, LAPIC_EOI, 0);
}

static u32 move_to(u64 gpa)
{
	return try_wrmsr(MSR_APIC_BASE, gpa | (rdmsr(MSR_APIC_BASE) & 0xfff));
}

void test_place(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);
	u32 version = lapic_read(LAPIC_VERSION), old = *(volatile u32 *)IN_MEMORY;
	u32 width = cpuid(0x80000008, 0).a & 0xff;

	place = ELSEWHERE;
	trap_set_handler(VEC_A, on_here);
	lapic_write(LAPIC_TPR, 0x10);
	tap_eq(move_to(ELSEWHERE), TRAP_NONE, "the page moves");
	tap_eq(PAGE(rdmsr(MSR_APIC_BASE)), ELSEWHERE, "APIC_BASE says where it is");
	tap_eq(reg_at(ELSEWHERE, LAPIC_VERSION), version, "there it is");
	tap_eq(reg_at(ELSEWHERE, LAPIC_TPR), 0x10, "with its contents");
	tap_eq(lapic_read(LAPIC_VERSION), 0xffffffff, "and where it was is nothing");
	lapic_write(LAPIC_TPR, 0x20);
	tap_eq(reg_at(ELSEWHERE, LAPIC_TPR), 0x10, "nothing that can be written");
	write_at(ELSEWHERE, LAPIC_TPR, 0);
	write_at(ELSEWHERE, LAPIC_ICR_LOW, ICR_SELF | VEC_A);
	open_window();
	tap_eq(count, 1, "it interrupts as before");
	tap_eq(move_to(IN_MEMORY), VEC_GP, "not into memory: #GP");
	tap_eq(*(volatile u32 *)IN_MEMORY, old, "where memory is as it was");
	tap_eq(move_to(BIT(width)), VEC_GP, "nor beyond the physical width: #GP");
	tap_eq(reg_at(ELSEWHERE, LAPIC_VERSION), version, "and it stays where it is");
	wrmsr(MSR_APIC_BASE, ELSEWHERE | APIC_BASE_BSP);
	tap_eq(reg_at(ELSEWHERE, LAPIC_VERSION), 0xffffffff, "off: nothing there");
	wrmsr(MSR_APIC_BASE, base);
	tap_eq(lapic_read(LAPIC_VERSION), version, "on again, at the usual place");
	tap_eq(lapic_read(LAPIC_SVR), 0xff, "and reset");
	lapic_enable();
}
