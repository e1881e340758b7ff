/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug registers belong to the guest: exits of all kinds leave them as they are, and
 * they hold and refuse what they must. seed=N and hold=1 as in fpu.c.
 */
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define ROUNDS 100
#define DR6_FIXED 0xffff0ff0u
#define DR7_FIXED 0x400u

struct debug_regs {
	u64 dr0, dr1, dr2, dr3, dr6, dr7;
};

static struct debug_regs load(void)
{
	return (struct debug_regs){
		.dr0 = read_dr0(),
		.dr1 = read_dr1(),
		.dr2 = read_dr2(),
		.dr3 = read_dr3(),
		.dr6 = read_dr6(),
		.dr7 = read_dr7(),
	};
}

static void exits(void)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		cpuid(0, 0);
		rdmsr(MSR_APIC_BASE);
		outb(0x80, inb(0x3ff));
		lapic_read(LAPIC_VERSION);
	}
	if (boot_option_is("hold", "1"))
		serial_hold();
}

static void test_reset_values(void)
{
	struct debug_regs r = load();

	if (on_sill())
		tap_eq(r.dr0 | r.dr1 | r.dr2 | r.dr3, 0, "DR0-3 are 0 after reset");
	else
		tap_skip(SKIP_NOT_SILL, "DR0-3 are 0 after reset");
	tap_eq(r.dr6, DR6_FIXED, "DR6 has its reset value");
	tap_eq(r.dr7, DR7_FIXED, "DR7 has its reset value");
}

static void test_survive(void)
{
	u64 seed = boot_option_number("seed", 0);
	struct debug_regs r;

	write_dr0(0x1111000011110000 + seed);
	write_dr1(0x2222000022220000 + seed);
	write_dr2(0xffff800033330000 + seed);
	write_dr3(0x0000444400004444 + seed);
	write_dr6(DR6_FIXED | 0x400a);
	/* Conditions and lengths, but nothing enabled. */
	write_dr7(DR7_FIXED | 0xdd110000);
	exits();
	r = load();
	tap_eq(r.dr0, 0x1111000011110000 + seed, "DR0 survives");
	tap_eq(r.dr1, 0x2222000022220000 + seed, "DR1 survives");
	tap_eq(r.dr2, 0xffff800033330000 + seed, "DR2 survives");
	tap_eq(r.dr3, 0x0000444400004444 + seed, "DR3 survives");
	tap_eq(r.dr6, DR6_FIXED | 0x400a, "DR6 survives");
	tap_eq(r.dr7, DR7_FIXED | 0xdd110000, "DR7 survives");
}

static void test_fixed_bits(void)
{
	write_dr6(0);
	tap_eq(read_dr6(), DR6_FIXED, "DR6 has its fixed ones");
	write_dr6(0xffffffff);
	tap_eq_or_deviant(read_dr6() & BIT(12), 0, BIT(12), "this CPU keeps it",
			  "DR6 bit 12 is always 0");
	write_dr6(DR6_FIXED);
	write_dr7(0);
	tap_eq(read_dr7(), DR7_FIXED, "DR7 bit 10 is always 1");
	tap_eq(TRY_INSN_REG("mov %0, %%dr7", BIT(40)), VEC_GP, "DR7 above bit 31: #GP");
	tap_eq(TRY_INSN_REG("mov %0, %%dr6", BIT(40)), VEC_GP, "DR6 above bit 31: #GP");
	write_dr7(DR7_FIXED);
}

/* Without CR4.DE, DR4 and DR5 are other names of DR6 and DR7. */
static void test_aliases(void)
{
	u64 dr4, dr5;

	write_dr6(DR6_FIXED | 1);
	write_dr7(DR7_FIXED | 0x00110000);
	asm volatile("mov %%dr4, %0; mov %%dr5, %1" : "=r"(dr4), "=r"(dr5));
	tap_eq(dr4, DR6_FIXED | 1, "DR4 is DR6");
	tap_eq(dr5, DR7_FIXED | 0x00110000, "DR5 is DR7");
	write_dr6(DR6_FIXED);
	write_dr7(DR7_FIXED);
}

static u32 hits;

static void on_debug(struct trap_frame *frame)
{
	(void)frame;
	hits++;
	write_dr6(DR6_FIXED);
}

/* Four armed breakpoints, each still its own after many exits. */
static void test_armed(void)
{
	static volatile u32 words[4];

	trap_set_handler(VEC_DB, on_debug);
	write_dr0((ulong)&words[0]);
	write_dr1((ulong)&words[1]);
	write_dr2((ulong)&words[2]);
	write_dr3((ulong)&words[3]);
	write_dr7(DR7_FIXED | 0xff | 0xdddd0000);
	exits();
	tap_eq(read_dr7(), DR7_FIXED | 0xff | 0xdddd0000, "armed, DR7 survives");
	for (u32 i = 0; i < 4; i++) {
		hits = 0;
		asm volatile("movl %1, %0" : "=m"(words[i]) : "r"(i) : "memory");
		tap_eq(hits, 1, "breakpoint %u is hit after many exits", i);
	}
	write_dr7(DR7_FIXED);
	trap_set_handler(VEC_DB, NULL);
}

void guest_main(void)
{
	test_reset_values();
	test_survive();
	test_fixed_bits();
	test_aliases();
	test_armed();
}
