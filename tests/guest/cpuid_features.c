/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CPUID advertises works; what it hides is #UD where the architecture has it so.
 */
#include "tests/guest/cpuid.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define XCR0_X87 0x1u
#define XCR0_SSE 0x2u
#define XCR0_AVX 0x4u

static u8 buffer[64] __aligned(64);
static u8 xsave_area[8192] __aligned(64);

/* An instruction behind one CPUID bit. */
struct feature {
	const char *name;
	u32 leaf;
	char reg;
	u8 bit;
	u32 (*run)(void); /* the vector it raised */
	u32 cr4; /* must be on for it */
};

/* All zero, so that what compares and exchanges stores zero. */
#define INSN_TEST(name, insn)                                     \
	static u32 name(void)                                     \
	{                                                         \
		u64 a = 0, b = 0, c = 0, d = 0;                   \
                                                                  \
		trap_clear();                                     \
		asm volatile(TRY(insn)                            \
			     : "+a"(a), "+b"(b), "+c"(c), "+d"(d) \
			     : "D"(buffer), "S"(xsave_area)       \
			     : "memory", "cc", "r8");             \
		return trap.vector;                               \
	}

INSN_TEST(run_sse2, "paddq %%xmm0, %%xmm0")
INSN_TEST(run_sse3, "addsubps %%xmm0, %%xmm0")
INSN_TEST(run_ssse3, "pabsb %%xmm0, %%xmm0")
INSN_TEST(run_sse41, "pmulld %%xmm0, %%xmm0")
INSN_TEST(run_sse42, "pcmpgtq %%xmm0, %%xmm0")
INSN_TEST(run_pclmul, "pclmulqdq $0, %%xmm0, %%xmm0")
INSN_TEST(run_aes, "aesenc %%xmm0, %%xmm0")
INSN_TEST(run_popcnt, "popcnt %%edi, %%r8d")
INSN_TEST(run_movbe, "movbe (%%rdi), %%r8d")
INSN_TEST(run_cx16, "cmpxchg16b (%%rdi)")
INSN_TEST(run_clflush, "clflush (%%rdi)")
INSN_TEST(run_fxsr, "fxsave (%%rsi)")
INSN_TEST(run_cmov, "cmovz %%edi, %%r8d")
INSN_TEST(run_rdrand, "rdrand %%r8d")
INSN_TEST(run_rdseed, "rdseed %%r8d")
INSN_TEST(run_adx, "adcx %%edi, %%r8d")
INSN_TEST(run_bmi1, "andn %%edi, %%esi, %%r8d")
INSN_TEST(run_bmi2, "rorx $3, %%edi, %%r8d")
INSN_TEST(run_fsgsbase, "rdfsbase %%r8")
INSN_TEST(run_invpcid, "invpcid (%%rdi), %%rax")
INSN_TEST(run_rdtscp, "rdtscp")
INSN_TEST(run_lahf, "lahf")
INSN_TEST(run_monitor, "monitor")
INSN_TEST(run_clflushopt, "clflushopt (%%rdi)")
INSN_TEST(run_rdpid, "rdpid %%r8")
INSN_TEST(run_smap, "stac; clac")
INSN_TEST(run_pku, "rdpkru")

static const struct feature features[] = {
	{ "FXSR", 1, 'd', 24, run_fxsr, 0 },
	{ "CMOV", 1, 'd', 15, run_cmov, 0 },
	{ "CLFLUSH", 1, 'd', 19, run_clflush, 0 },
	{ "SSE2", 1, 'd', 26, run_sse2, 0 },
	{ "SSE3", 1, 'c', 0, run_sse3, 0 },
	{ "PCLMULQDQ", 1, 'c', 1, run_pclmul, 0 },
	{ "SSSE3", 1, 'c', 9, run_ssse3, 0 },
	{ "CMPXCHG16B", 1, 'c', 13, run_cx16, 0 },
	{ "SSE4.1", 1, 'c', 19, run_sse41, 0 },
	{ "SSE4.2", 1, 'c', 20, run_sse42, 0 },
	{ "MOVBE", 1, 'c', 22, run_movbe, 0 },
	{ "POPCNT", 1, 'c', 23, run_popcnt, 0 },
	{ "AES", 1, 'c', 25, run_aes, 0 },
	{ "RDRAND", 1, 'c', 30, run_rdrand, 0 },
	{ "MONITOR", 1, 'c', 3, run_monitor, 0 },
	{ "FSGSBASE", 7, 'b', 0, run_fsgsbase, CR4_FSGSBASE },
	{ "BMI1", 7, 'b', 3, run_bmi1, 0 },
	{ "BMI2", 7, 'b', 8, run_bmi2, 0 },
	{ "INVPCID", 7, 'b', 10, run_invpcid, 0 },
	{ "RDSEED", 7, 'b', 18, run_rdseed, 0 },
	{ "ADX", 7, 'b', 19, run_adx, 0 },
	{ "SMAP", 7, 'b', 20, run_smap, 0 },
	{ "CLFLUSHOPT", 7, 'b', 23, run_clflushopt, 0 },
	{ "PKU", 7, 'c', 3, run_pku, CR4_PKE },
	{ "RDPID", 7, 'c', 22, run_rdpid, 0 },
	{ "RDTSCP", 0x80000001, 'd', 27, run_rdtscp, 0 },
	{ "LAHF in long mode", 0x80000001, 'c', 0, run_lahf, 0 },
};

static bool advertised(const struct feature *f)
{
	struct cpuid r;

	if (!cpuid_has_leaf(f->leaf))
		return false;
	r = cpuid(f->leaf, 0);
	return (f->reg == 'b' ? r.b : f->reg == 'c' ? r.c : r.d) & BIT(f->bit);
}

/*
 * A hypervisor can make a hidden instruction #UD only where the CPU lets it: that is demanded of
 * MONITOR, which can be intercepted, and reported of the others.
 */
static void test_feature(const struct feature *f)
{
	bool there = advertised(f);
	u64 cr4 = read_cr4();
	u32 vector;

	if (there && f->cr4)
		write_cr4(cr4 | f->cr4);
	vector = f->run();
	write_cr4(cr4);
	if (there)
		tap_eq(vector, TRAP_NONE, "%s is advertised and works", f->name);
	else if (f->run == run_monitor && on_sill())
		tap_eq(vector, VEC_UD, "%s is hidden: #UD", f->name);
	else
		tap_diag("%s is not advertised: %s", f->name, vector == VEC_UD ? "#UD" : "no #UD");
}

static void test_rdtscp_aux(void)
{
	u32 lo, hi, aux;

	if (!cpuid_has_leaf(0x80000001) || !(cpuid(0x80000001, 0).d & BIT(27))) {
		tap_skip("no RDTSCP", "RDTSCP returns TSC_AUX");
		return;
	}
	wrmsr(MSR_TSC_AUX, 0x2345);
	asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
	tap_eq(aux, 0x2345, "RDTSCP returns TSC_AUX");
	wrmsr(MSR_TSC_AUX, 0);
}

/* Returns as SYSRET would, but stays in privilege 0. */
void syscall_entry(void);
asm(".text\n"
    "syscall_entry:\n"
    "mov %r11, %rdx\n"
    "jmp *%rcx\n");

static u32 run_syscall(void)
{
	u64 flags = 0;

	trap_clear();
	asm volatile(TRY("syscall") : "+d"(flags) : : "rcx", "r11", "memory", "cc");
	if (trap.vector == TRAP_NONE)
		tap_eq(flags & 2, 2, "SYSCALL leaves RFLAGS in r11");
	return trap.vector;
}

static void test_syscall(void)
{
	u64 efer = rdmsr(MSR_EFER);

	if (!(cpuid(0x80000001, 0).d & BIT(11))) {
		tap_skip("no SYSCALL", "SYSCALL");
		return;
	}
	wrmsr(MSR_STAR, (u64)SEL_CODE << 32 | (u64)SEL_USER_CODE32 << 48);
	wrmsr(MSR_LSTAR, (uintptr_t)syscall_entry);
	wrmsr(MSR_SFMASK, FLAGS_TF | FLAGS_DF);
	wrmsr(MSR_EFER, efer | EFER_SCE);
	tap_eq(run_syscall(), TRAP_NONE, "SYSCALL goes to LSTAR with EFER.SCE");
	wrmsr(MSR_EFER, efer & ~(u64)EFER_SCE);
	tap_eq(run_syscall(), VEC_UD, "SYSCALL without EFER.SCE: #UD");
}

/* The size of the XSAVE area for what XCR0 enables now. */
static u32 xsave_size(void)
{
	return cpuid(0xd, 0).b;
}

static void test_xcr0(u64 supported)
{
	u64 xcr0;

	tap_eq(try_xsetbv(0, supported), TRAP_NONE, "all of leaf D's XCR0 bits can be set");
	try_xgetbv(0, &xcr0);
	tap_eq(xcr0, supported, "and are read back");
	tap_eq(xsave_size(), cpuid(0xd, 0).c, "the size for XCR0 is then the greatest size");
	tap_eq(try_xsetbv(0, supported & ~1ull), VEC_GP, "XCR0 without x87: #GP");
	tap_eq(try_xsetbv(0, supported | BIT(62)), VEC_GP, "XCR0 with a reserved bit: #GP");
	tap_eq(try_xsetbv(1, supported), VEC_GP, "XSETBV of a register that is not there: #GP");
	if (supported & XCR0_AVX)
		tap_eq(try_xsetbv(0, XCR0_X87 | XCR0_AVX), VEC_GP,
		       "XCR0 with AVX but not SSE: #GP");
	try_xgetbv(0, &xcr0);
	tap_eq(xcr0, supported, "refused values change nothing");
	tap_eq(try_xsetbv(0, XCR0_X87), TRAP_NONE, "XCR0 can go down to x87");
	tap_eq(xsave_size(), 576, "the area is then 576 bytes");
}

static void test_xsave_round_trip(u64 supported)
{
	u64 in = 0x1122334455667788, out = 0;
	u32 lo = (u32)supported, hi = (u32)(supported >> 32);

	try_xsetbv(0, supported);
	asm volatile("movq %1, %%xmm5\n"
		     "xsave (%%rdi)\n"
		     "pxor %%xmm5, %%xmm5\n"
		     "cpuid\n"
		     "mov %2, %%eax\n"
		     "mov %3, %%edx\n"
		     "xrstor (%%rdi)\n"
		     "movq %%xmm5, %0\n"
		     : "=&r"(out)
		     : "r"(in), "r"(lo), "r"(hi), "a"(lo), "d"(hi), "D"(xsave_area)
		     : "rbx", "rcx", "memory");
	tap_eq(out, in, "XSAVE and XRSTOR bring a register back");
	if (supported & XCR0_AVX) {
		tap_eq(TRY_INSN("vpxor %%ymm0, %%ymm0, %%ymm0"), TRAP_NONE,
		       "AVX works with XCR0.AVX");
		try_xsetbv(0, XCR0_X87 | XCR0_SSE);
		tap_eq(TRY_INSN("vpxor %%ymm0, %%ymm0, %%ymm0"), VEC_UD,
		       "AVX without XCR0.AVX: #UD");
	}
}

static void test_xsave(void)
{
	u64 cr4 = read_cr4(), supported, xcr0;
	struct cpuid leaf;

	if (!(cpuid(1, 0).c & CPUID_XSAVE) || !cpuid_has_leaf(0xd)) {
		tap_skip("no XSAVE", "XSAVE");
		tap_eq(try_xgetbv(0, &xcr0), VEC_UD, "XGETBV is #UD");
		return;
	}
	write_cr4(cr4 & ~(u64)CR4_OSXSAVE);
	tap_eq(try_xgetbv(0, &xcr0), VEC_UD, "XGETBV without CR4.OSXSAVE: #UD");
	write_cr4(cr4 | CR4_OSXSAVE);
	leaf = cpuid(0xd, 0);
	supported = (u64)leaf.d << 32 | leaf.a;
	tap_diag("XCR0 bits 0x%llx", (unsigned long long)supported);
	tap_eq(supported & 3, 3, "leaf D has x87 and SSE");
	tap_eq(try_xgetbv(0, &xcr0), TRAP_NONE, "XGETBV works");
	tap_eq(xcr0, XCR0_X87, "XCR0 is 1 after reset");
	tap_ok(leaf.b >= 576 && leaf.c >= leaf.b && leaf.c <= sizeof(xsave_area),
	       "the area is between 576 bytes and the greatest size");
	test_xcr0(supported);
	test_xsave_round_trip(supported);
	try_xsetbv(0, XCR0_X87);
	write_cr4(cr4);
}

void test_features(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(features); i++)
		test_feature(&features[i]);
	test_rdtscp_aux();
	test_syscall();
	test_xsave();
}

/*
 * With a valid operand: what the CPU checks of it, it checks before the hypervisor hears of the
 * instruction.
 */
#define TRY_VIRTUALIZATION(insn)                                                               \
	({                                                                                     \
		trap_clear();                                                                  \
		asm volatile(TRY(insn) : : "a"(0x1000), "c"(0), "D"(buffer) : "memory", "cc"); \
		trap.vector;                                                                   \
	})

/* All of them are #UD where neither VMX nor SVM is on. */
void test_virtualization_insns(void)
{
	if (!on_sill()) {
		tap_skip(SKIP_NOT_SILL, "instructions of VMX and SVM are #UD");
		return;
	}
	tap_eq(TRY_VIRTUALIZATION("vmrun %%rax"), VEC_UD, "VMRUN is #UD");
	tap_eq(TRY_VIRTUALIZATION("vmload %%rax"), VEC_UD, "VMLOAD is #UD");
	tap_eq(TRY_VIRTUALIZATION("vmsave %%rax"), VEC_UD, "VMSAVE is #UD");
	tap_eq(TRY_VIRTUALIZATION("stgi"), VEC_UD, "STGI is #UD");
	tap_eq(TRY_VIRTUALIZATION("clgi"), VEC_UD, "CLGI is #UD");
	tap_eq(TRY_VIRTUALIZATION("invlpga %%rax, %%ecx"), VEC_UD, "INVLPGA is #UD");
	tap_eq(TRY_VIRTUALIZATION("vmxon (%%rdi)"), VEC_UD, "VMXON is #UD");
	tap_eq(TRY_VIRTUALIZATION("vmclear (%%rdi)"), VEC_UD, "VMCLEAR is #UD");
	tap_eq(TRY_VIRTUALIZATION("vmlaunch"), VEC_UD, "VMLAUNCH is #UD");
}
