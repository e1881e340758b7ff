/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of x87, SSE and AVX belong to the guest: many exits of all kinds leave them as
 * they are. seed=N: not with what other guests have in them. hold=1: some exits go on until a key
 * is typed.
 */
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define ROUNDS 200
#define VEC_TIMER 0x61
#define CPUID_XSAVE BIT(26) /* 1.ecx */
#define CPUID_AVX BIT(28)
#define XCR0_ALL_AVX 7u

/* What FXSAVE stores; see its image in the manuals. */
struct fxsave {
	u16 fcw, fsw;
	u8 ftw, reserved;
	u16 fop;
	u64 fip, fdp;
	u32 mxcsr, mxcsr_mask;
	u8 st[8][16];
	u8 xmm[16][16];
	u8 rest[96];
} __aligned(16);
_Static_assert(sizeof(struct fxsave) == 512, "the hardware's format");

static u32 seed;
static struct fxsave before, after;
static u8 ymm_before[16][32] __aligned(32), ymm_after[16][32] __aligned(32);

static void fill(u8 *bytes, size_t len, u32 state)
{
	for (size_t i = 0; i < len; i++) {
		state = state * 1664525 + 1013904223;
		bytes[i] = (u8)(state >> 24);
	}
}

static volatile u32 ticks;

static void on_timer(struct trap_frame *frame)
{
	(void)frame;
	ticks++;
	lapic_eoi();
}

static void exit_cpuid(void)
{
	cpuid(0, 0);
}

static void exit_msr(void)
{
	rdmsr(MSR_APIC_BASE);
}

static void exit_port(void)
{
	outb(0x80, inb(0x3ff));
}

static void exit_mmio(void)
{
	lapic_read(LAPIC_VERSION);
}

static void exit_hlt(void)
{
	lapic_write(LAPIC_TIMER_INIT, 20000);
	irq_wait();
}

static void (*const exits[])(void) = { exit_cpuid, exit_msr, exit_port, exit_mmio, exit_hlt };
static const char *const exit_names[] = { "CPUID", "RDMSR", "port I/O", "APIC reads",
					  "HLT and timer" };

static void exit_often(u32 which)
{
	for (u32 i = 0; i < ROUNDS; i++)
		exits[which]();
	if (which == 0 && boot_option_is("hold", "1"))
		serial_hold();
}

static void make_image(void)
{
	asm volatile("fninit; fxsave %0" : "=m"(before));
	before.fcw = 0x027f;
	before.mxcsr = 0x1fa0;
	/* All eight x87 registers in use, each with a valid exponent. */
	before.ftw = 0xff;
	for (u32 i = 0; i < 8; i++) {
		fill(before.st[i], 8, seed + i + 1);
		before.st[i][7] |= 0x80;
		before.st[i][8] = (u8)i;
		before.st[i][9] = 0x40;
	}
	fill(before.xmm[0], sizeof(before.xmm), seed + 77);
}

static void test_legacy(u32 which)
{
	bool same_xmm, same_st = true;

	memset(&after, 0, sizeof(after));
	asm volatile("fxrstor %0" : : "m"(before));
	exit_often(which);
	asm volatile("fxsave %0" : "=m"(after));
	same_xmm = memcmp(before.xmm, after.xmm, sizeof(before.xmm)) == 0;
	for (u32 i = 0; i < 8; i++)
		same_st &= memcmp(before.st[i], after.st[i], 10) == 0;
	tap_ok(same_xmm, "%s: SSE registers survive", exit_names[which]);
	tap_ok(same_st && after.ftw == 0xff, "%s: x87 registers survive", exit_names[which]);
	tap_ok(after.fcw == before.fcw && after.mxcsr == before.mxcsr, "%s: control words survive",
	       exit_names[which]);
}

#define YMM_MOVE(op)                                                                           \
	asm volatile(op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) \
			     op(12) op(13) op(14) op(15)                                       \
		     :                                                                         \
		     : "r"(ymm_before), "r"(ymm_after)                                         \
		     : "memory")
#define YMM_LOAD(n) "vmovdqu 32*" #n "(%0), %%ymm" #n "\n"
#define YMM_STORE(n) "vmovdqu %%ymm" #n ", 32*" #n "(%1)\n"

static void test_avx(void)
{
	u64 xcr0 = 0;

	fill(ymm_before[0], sizeof(ymm_before), seed + 1234);
	for (u32 which = 0; which < ARRAY_SIZE(exits); which++) {
		memset(ymm_after, 0, sizeof(ymm_after));
		YMM_MOVE(YMM_LOAD);
		exit_often(which);
		YMM_MOVE(YMM_STORE);
		tap_ok(memcmp(ymm_before, ymm_after, sizeof(ymm_before)) == 0,
		       "%s: AVX registers survive", exit_names[which]);
	}
	try_xgetbv(0, &xcr0);
	tap_eq(xcr0, XCR0_ALL_AVX, "XCR0 survives");
}

/* x87 is empty after FNINIT and stays so: tags, status and pointers too are state. */
static void test_empty(void)
{
	u16 status, control;

	asm volatile("fninit");
	for (u32 i = 0; i < ROUNDS; i++)
		exit_cpuid();
	asm volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
	tap_eq(status, 0, "an empty x87 has status 0");
	tap_eq(control, 0x37f, "and its initial control word");
	/* A pending unmasked exception waits through exits. */
	control = 0x037b;
	asm volatile("fldcw %0; fld1; fldz; fdivrp" : : "m"(control));
	for (u32 i = 0; i < ROUNDS; i++)
		exit_cpuid();
	tap_eq(TRY_INSN("fwait"), VEC_MF, "a pending x87 exception survives");
	asm volatile("fnclex; fninit");
}

/* CR0.TS is the guest's: exits neither set nor clear it. */
static void test_ts(void)
{
	u64 cr0 = read_cr0();

	write_cr0(cr0 | CR0_TS);
	for (u32 i = 0; i < ROUNDS; i++)
		exit_cpuid();
	tap_eq(TRY_INSN("movaps %%xmm0, %%xmm0"), VEC_NM, "CR0.TS survives: #NM");
	write_cr0(cr0);
	exit_cpuid();
	tap_eq(TRY_INSN("movaps %%xmm0, %%xmm0"), TRAP_NONE, "and cleared, none");
}

void guest_main(void)
{
	u32 features = cpuid(1, 0).c;

	seed = 1000 * boot_option_number("seed", 0);
	pic_init();
	lapic_enable();
	trap_set_handler(VEC_TIMER, on_timer);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, VEC_TIMER);
	make_image();
	for (u32 i = 0; i < ARRAY_SIZE(exits); i++)
		test_legacy(i);
	tap_eq(ticks, ROUNDS, "each HLT was ended by its timer");
	if ((features & CPUID_XSAVE) && (features & CPUID_AVX)) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		try_xsetbv(0, XCR0_ALL_AVX);
		test_avx();
	} else {
		tap_skip("no AVX", "AVX registers survive");
	}
	test_empty();
	test_ts();
}
