/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model-specific registers: those of the architecture keep what is written and refuse what they
 * must, the others do not exist. Emulated CPUs without a hypervisor take nearly any MSR and any
 * value, so refusals are demanded of Sill's guests only.
 */
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define CANONICAL_HIGH 0xffff800012345678ull
#define NON_CANONICAL 0x0100000000000000ull
#define PAT_RESET 0x0007040600070406ull
#define CPUID_TSC_ADJUST BIT(1) /* 7.ebx */
#define MSR_TSC_ADJUST 0x3b

static bool has_rdtscp(void)
{
	return cpuid(0x80000001, 0).d & BIT(27);
}

/* The MSR holds each of the two values in turn, and then its old one again. */
static void test_holds(u32 msr, const char *name, u64 first, u64 second)
{
	u64 old, got;

	if (!tap_eq(try_rdmsr(msr, &old), TRAP_NONE, "%s can be read", name))
		return;
	wrmsr(msr, first);
	got = rdmsr(msr);
	tap_eq(got, first, "%s holds 0x%llx", name, (unsigned long long)first);
	wrmsr(msr, second);
	got = rdmsr(msr);
	tap_eq(got, second, "%s holds 0x%llx", name, (unsigned long long)second);
	wrmsr(msr, old);
}

static void test_plain(void)
{
	test_holds(MSR_FS_BASE, "FS_BASE", 0x123456789000, CANONICAL_HIGH);
	test_holds(MSR_GS_BASE, "GS_BASE", 0x7fff00000001, CANONICAL_HIGH);
	test_holds(MSR_KERNEL_GS_BASE, "KERNEL_GS_BASE", 0x1000, CANONICAL_HIGH);
	test_holds(MSR_STAR, "STAR", 0x0023001000000000, 0x001b000800000000);
	test_holds(MSR_LSTAR, "LSTAR", 0x100000, CANONICAL_HIGH);
	test_holds(MSR_CSTAR, "CSTAR", 0x200000, CANONICAL_HIGH);
	test_holds(MSR_SFMASK, "SFMASK", 0x47700, 0x200);
	test_holds(MSR_SYSENTER_CS, "SYSENTER_CS", 0x8, 0x10);
	test_holds(MSR_SYSENTER_ESP, "SYSENTER_ESP", 0x105000, 0x7ffff000);
	test_holds(MSR_SYSENTER_EIP, "SYSENTER_EIP", 0x100000, 0x7fffe000);
	test_holds(MSR_PAT, "PAT", 0x0007010600070106, 0x0000000000000000);
	if (has_rdtscp())
		test_holds(MSR_TSC_AUX, "TSC_AUX", 0x12345, 0xffffffff);
	else
		tap_skip("no RDTSCP", "TSC_AUX");
}

/* The bases are those that segments and SWAPGS use. */
static void test_bases(void)
{
	static u64 a = 0x1111, b = 0x2222;
	u64 old_gs = rdmsr(MSR_GS_BASE), got;

	wrmsr(MSR_FS_BASE, (uintptr_t)&a);
	asm volatile("mov %%fs:0, %0" : "=r"(got));
	tap_eq(got, 0x1111, "FS_BASE is the base of FS");
	wrmsr(MSR_GS_BASE, (uintptr_t)&a);
	wrmsr(MSR_KERNEL_GS_BASE, (uintptr_t)&b);
	asm volatile("swapgs; mov %%gs:0, %0" : "=r"(got));
	tap_eq(got, 0x2222, "SWAPGS brings in KERNEL_GS_BASE");
	tap_eq(rdmsr(MSR_KERNEL_GS_BASE), (uintptr_t)&a, "KERNEL_GS_BASE then has the old base");
	asm volatile("swapgs; mov %%gs:0, %0" : "=r"(got));
	tap_eq(got, 0x1111, "SWAPGS again brings back GS_BASE");
	/* A null selector leaves or clears the base; a real one loads it from the descriptor. */
	asm volatile("mov %0, %%fs" : : "r"(0x10));
	tap_eq(rdmsr(MSR_FS_BASE), 0, "loading FS with a flat segment clears FS_BASE");
	asm volatile("mov %0, %%fs" : : "r"(0));
	wrmsr(MSR_GS_BASE, old_gs);
	wrmsr(MSR_FS_BASE, 0);
}

static void test_efer(void)
{
	u64 efer = rdmsr(MSR_EFER);

	tap_eq(efer & (EFER_LMA | EFER_LME), EFER_LMA | EFER_LME, "EFER shows long mode");
	tap_eq(efer & EFER_SVME, 0, "EFER.SVME is off");
	wrmsr(MSR_EFER, efer | EFER_SCE);
	tap_eq(rdmsr(MSR_EFER), efer | EFER_SCE, "EFER.SCE can be set");
	wrmsr(MSR_EFER, efer & ~(u64)EFER_SCE);
	tap_eq(rdmsr(MSR_EFER), efer & ~(u64)EFER_SCE, "EFER.SCE can be cleared");
	if (cpuid(0x80000001, 0).d & BIT(20)) {
		wrmsr(MSR_EFER, efer | EFER_NXE);
		tap_eq(rdmsr(MSR_EFER), efer | EFER_NXE, "EFER.NXE can be set");
		wrmsr(MSR_EFER, efer & ~(u64)EFER_NXE);
		tap_eq(rdmsr(MSR_EFER), efer & ~(u64)EFER_NXE, "EFER.NXE can be cleared");
	} else {
		tap_skip("no NX", "EFER.NXE");
	}
	wrmsr(MSR_EFER, efer);
	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "refusals of EFER");
		return;
	}
	tap_eq(try_wrmsr(MSR_EFER, efer | EFER_SVME), VEC_GP, "EFER.SVME cannot be set: #GP");
	tap_eq(try_wrmsr(MSR_EFER, efer & ~(u64)EFER_LME), VEC_GP,
	       "EFER.LME cannot change while paging is on: #GP");
	tap_eq(try_wrmsr(MSR_EFER, efer | BIT(2)), VEC_GP, "EFER bit 2 is reserved: #GP");
	tap_eq(try_wrmsr(MSR_EFER, efer | BIT(40)), VEC_GP, "EFER bit 40 is reserved: #GP");
	/* One vendor ignores this write, the other refuses it. */
	try_wrmsr(MSR_EFER, efer & ~(u64)EFER_LMA);
	tap_eq(rdmsr(MSR_EFER), efer, "EFER.LMA cannot be cleared by a write");
}

static void test_pat(void)
{
	static const u8 bad_types[] = { 2, 3, 8, 0x80, 0xff };

	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "PAT after reset, and its refusals");
		return;
	}
	tap_eq(rdmsr(MSR_PAT), PAT_RESET, "PAT has its reset value");
	for (unsigned int i = 0; i < ARRAY_SIZE(bad_types); i++)
		tap_eq(try_wrmsr(MSR_PAT, (u64)bad_types[i] << (8 * i)), VEC_GP,
		       "PAT refuses type 0x%x", bad_types[i]);
	tap_eq(rdmsr(MSR_PAT), PAT_RESET, "refused values change nothing");
}

static void test_apic_base(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	tap_eq(base & 0xfffff000, 0xfee00000, "APIC_BASE is FEE00000");
	tap_eq(base & (APIC_BASE_BSP | APIC_BASE_EN), APIC_BASE_BSP | APIC_BASE_EN,
	       "boot processor, APIC enabled");
	wrmsr(MSR_APIC_BASE, base);
	tap_eq(rdmsr(MSR_APIC_BASE), base, "APIC_BASE can be written with its value");
	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "refusals of APIC_BASE");
		return;
	}
	if (!(cpuid(1, 0).c & BIT(21)))
		tap_eq(try_wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2), VEC_GP,
		       "x2APIC mode without the feature: #GP");
	tap_eq(try_wrmsr(MSR_APIC_BASE, base | 1), VEC_GP, "APIC_BASE bit 0 is reserved: #GP");
	tap_eq(try_wrmsr(MSR_APIC_BASE, base | BIT(60)), VEC_GP,
	       "APIC_BASE above the physical width: #GP");
	tap_eq(rdmsr(MSR_APIC_BASE), base, "refused values change nothing");
}

static void test_tsc(void)
{
	u64 a = rdtsc(), b, got;

	for (int i = 0; i < 1000; i++) {
		b = rdtsc();
		if (b < a)
			break;
		a = b;
	}
	tap_ok(b >= a, "RDTSC never goes back");
	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "the TSC's MSR");
		return;
	}
	a = rdtsc();
	tap_eq(try_rdmsr(MSR_TSC, &got), TRAP_NONE, "the TSC's MSR can be read");
	b = rdtsc();
	tap_ok(a <= got && got <= b, "and agrees with RDTSC");
	wrmsr(MSR_TSC, 0x100000000000);
	b = rdtsc();
	tap_ok(b >= 0x100000000000 && b < 0x110000000000, "the TSC can be set");
	wrmsr(MSR_TSC, a);
	if (cpuid(0, 0).a >= 7 && (cpuid(7, 0).b & CPUID_TSC_ADJUST))
		tap_eq(try_rdmsr(MSR_TSC_ADJUST, &got), TRAP_NONE, "TSC_ADJUST can be read");
}

/* MSRs that a CPUID bit promises. */
static void test_promised(void)
{
	u64 value;

	if (cpuid(1, 0).d & BIT(12)) {
		tap_eq(try_rdmsr(MSR_MTRRCAP, &value), TRAP_NONE, "MTRR: MTRRCAP can be read");
		tap_eq(try_rdmsr(MSR_MTRR_DEF_TYPE, &value), TRAP_NONE,
		       "MTRR: the default type can be read");
		tap_eq(try_wrmsr(MSR_MTRR_DEF_TYPE, value), TRAP_NONE, "and written");
		if (on_sill())
			tap_eq(try_wrmsr(MSR_MTRRCAP, 0), VEC_GP, "MTRRCAP is read-only: #GP");
	}
	if (cpuid(1, 0).d & BIT(14))
		tap_eq(try_rdmsr(MSR_MCG_CAP, &value), TRAP_NONE, "MCA: MCG_CAP can be read");
}

static void test_unknown(void)
{
	static const u32 unknown[] = { 0x1234,     0x1fff,         0x2000,     0x480,
				       0x4b564d02, 0x80000000,     0xbfffffff, 0xc0001234,
				       0xc0002000, 0xc0011ffe,     0xc0012000, 0xffffffff,
				       MSR_VM_CR,  MSR_VM_HSAVE_PA };
	u64 value;

	for (unsigned int i = 0; i < ARRAY_SIZE(unknown); i++) {
		u32 msr = unknown[i];

		if (!on_sill()) {
			tap_skip(SKIP_NOT_SILL, "MSR 0x%x does not exist", msr);
			continue;
		}
		tap_eq(try_rdmsr(msr, &value), VEC_GP, "RDMSR of 0x%x: #GP", msr);
		tap_eq(trap.error, 0, "with error code 0");
		tap_eq(try_wrmsr(msr, 0), VEC_GP, "WRMSR of 0x%x: #GP", msr);
		tap_eq(trap.error, 0, "with error code 0");
	}
}

/*
 * A hypervisor leaves these MSRs to its guest, and their refusals to the CPU; the emulated one
 * does not refuse.
 */
static void test_non_canonical(void)
{
	static const struct {
		u32 msr;
		const char *name;
	} bases[] = {
		{ MSR_LSTAR, "LSTAR" },
		{ MSR_CSTAR, "CSTAR" },
		{ MSR_FS_BASE, "FS_BASE" },
		{ MSR_GS_BASE, "GS_BASE" },
		{ MSR_KERNEL_GS_BASE, "KERNEL_GS_BASE" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bases); i++) {
		u64 old = rdmsr(bases[i].msr);
		u32 vector = try_wrmsr(bases[i].msr, NON_CANONICAL);

		wrmsr(bases[i].msr, old);
		tap_eq_or_deviant(vector, VEC_GP, TRAP_NONE, "this CPU takes any address",
				  "%s refuses a non-canonical address", bases[i].name);
	}
}

static u8 user_stack[4096] __aligned(4096);

static void __user_code user_rdmsr(ulong msr)
{
	asm volatile("rdmsr; " USER_RETURN : : "c"((u32)msr) : "rax", "rdx");
}

static void __user_code user_wrmsr(ulong msr)
{
	asm volatile("wrmsr; " USER_RETURN : : "c"((u32)msr), "a"(0), "d"(0));
}

static void test_user(void)
{
	void *top = user_stack + sizeof(user_stack);

	pt_allow_user((uintptr_t)user_start, (u64)(user_end - user_start));
	pt_allow_user((uintptr_t)user_stack, sizeof(user_stack));
	tap_eq(trap_call_user(user_rdmsr, MSR_EFER, top, 2), VEC_GP, "RDMSR at CPL 3: #GP");
	tap_eq(trap_call_user(user_wrmsr, MSR_LSTAR, top, 2), VEC_GP, "WRMSR at CPL 3: #GP");
}

void guest_main(void)
{
	test_plain();
	test_bases();
	test_efer();
	test_pat();
	test_apic_base();
	test_tsc();
	test_promised();
	test_unknown();
	test_non_canonical();
	test_user();
}
