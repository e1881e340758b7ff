/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each exception of 64-bit mode, with its vector, error code and return address. Debug
 * exceptions are in except_debug.c, faults during delivery in except_delivery.c.
 */
#include "tests/guest/except.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define NON_CANONICAL 0x0123456789abcdefull
#define SEGMENT_NOT_PRESENT 0x00cf12000000ffffull

static u8 user_stack[4096] __aligned(4096);
static void *const user_top = user_stack + sizeof(user_stack);

static void test_gate_error(u32 gate, const char *name)
{
	tap_eq_or_deviant(trap.error, GATE_ERROR(gate), GATE_ERROR_DEVIANT(gate), GATE_ERROR_REASON,
			  "error code of %s", name);
}

/* A fault's return address is the instruction itself. edx:eax is a dividend too great for 1. */
#define FAULTS_AT(insn, vector_, error_, name, ...)                   \
	do {                                                          \
		ulong _at, _a = 0, _d = 0x7fffffff;                   \
                                                                      \
		trap_clear();                                         \
		asm volatile("lea 771f(%%rip), %0\n" TRY(insn)        \
			     : "=&r"(_at), "+a"(_a), "+d"(_d)         \
			     : __VA_ARGS__                            \
			     : "memory", "cc");                       \
		tap_eq(trap.vector, vector_, "%s", name);             \
		tap_eq(trap.error, error_, "error code of %s", name); \
		tap_eq(trap.ip, _at, "return address of %s", name);   \
	} while (0)

#define GATE_FAULTS_AT(insn, vector_, gate, name)                                          \
	do {                                                                               \
		ulong _at;                                                                 \
                                                                                           \
		trap_clear();                                                              \
		asm volatile("lea 771f(%%rip), %0\n" TRY(insn) : "=&r"(_at) : : "memory"); \
		tap_eq(trap.vector, vector_, "%s", name);                                  \
		test_gate_error(gate, name);                                               \
		tap_eq(trap.ip, _at, "return address of %s", name);                        \
	} while (0)

static void test_faults(void)
{
	FAULTS_AT("divl %3", VEC_DE, 0, "#DE by division by zero", "r"(0));
	FAULTS_AT("idivl %3", VEC_DE, 0, "#DE by overflow", "r"(1));
	FAULTS_AT("ud2", VEC_UD, 0, "#UD by UD2", "r"(0));
	FAULTS_AT(".byte 0x06", VEC_UD, 0, "#UD by an instruction not in 64-bit mode", "r"(0));
	FAULTS_AT(".byte 0xf0, 0x83, 0xc0, 0x01", VEC_UD, 0, "#UD by LOCK on a register", "r"(0));
	FAULTS_AT("movl (%3), %%eax", VEC_GP, 0, "#GP by a non-canonical address",
		  "r"(NON_CANONICAL));
	FAULTS_AT("mov %3, %%ds", VEC_GP, 0xf8, "#GP by a selector beyond the GDT", "r"(0xf8));
	FAULTS_AT("mov %3, %%ds", VEC_GP, SEL_FREE0, "#GP by a null descriptor", "r"(SEL_FREE0));
	FAULTS_AT("mov %3, %%ss", VEC_GP, SEL_CODE, "#GP by code in SS", "r"(SEL_CODE));
	FAULTS_AT("ltr %w3", VEC_GP, SEL_TSS, "#GP by LTR of a busy TSS", "r"(SEL_TSS));
	GATE_FAULTS_AT("int $0x31", VEC_GP, 0x31, "#GP by INT n beyond the IDT");
}

/* INT n beyond the IDT's limit needs a short one; the others do not mind. */
static void with_short_idt(void (*test)(void))
{
	struct table_ptr ptr = { .limit = 0x31 * 16 - 1, .base = (ulong)idt };

	lidt(&ptr);
	test();
	idt_load(idt);
}

static void test_segment_faults(void)
{
	gdt[SEL_FREE1 / 8] = SEGMENT_NOT_PRESENT | 1ull << 41;
	FAULTS_AT("mov %3, %%ds", VEC_NP, SEL_FREE1, "#NP by an absent segment", "r"(SEL_FREE1));
	FAULTS_AT("mov %3, %%ss", VEC_SS, SEL_FREE1, "#SS by an absent stack segment",
		  "r"(SEL_FREE1));
	idt_set_present(0x90, false);
	GATE_FAULTS_AT("int $0x90", VEC_NP, 0x90, "#NP by an absent gate");
	idt_set_present(0x90, true);
}

/* The emulated CPU raises #GP for every non-canonical address. */
static void test_stack_fault(void)
{
	u64 bad = NON_CANONICAL;

	trap_clear();
	asm volatile("xchg %0, %%rbp\n" TRY("movl (%%rbp), %%eax") "xchg %0, %%rbp\n"
		     : "+r"(bad)
		     :
		     : "rax", "memory");
	tap_eq_or_deviant(trap.vector, VEC_SS, VEC_GP, "this CPU raises #GP",
			  "#SS by a non-canonical stack address");
	tap_eq(trap.error, 0, "with error code 0");
}

static void test_page_faults(void)
{
	u64 *page = page_alloc();

	pt_map(TEST_VA, 0, 1);
	FAULTS_AT("movl (%3), %%eax", VEC_PF, 0, "#PF by a read", "r"(TEST_VA + 0x123));
	tap_eq(trap.cr2, TEST_VA + 0x123, "CR2 has its address");
	FAULTS_AT("movl %%eax, (%3)", VEC_PF, PF_W, "#PF by a write", "r"(TEST_VA + 0xffc));
	tap_eq(trap.cr2, TEST_VA + 0xffc, "CR2 has its address");
	pt_map(TEST_VA + 4096, (uintptr_t)page | PTE_P, 1);
	FAULTS_AT("lock addl $1, (%3)", VEC_PF, PF_P | PF_W, "#PF by a read-modify-write",
		  "r"(TEST_VA + 4096));
	pt_map(TEST_VA, (uintptr_t)page | PTE_P, 1);
	pt_map(TEST_VA + 4096, 0, 1);
	FAULTS_AT("movl (%3), %%eax", VEC_PF, 0, "#PF by a read over a page's edge",
		  "r"(TEST_VA + 4094));
	tap_eq(trap.cr2, TEST_VA + 4096, "CR2 has the second page's address");
	tap_eq(trap_call((void (*)(ulong))(TEST_VA + 4096), 0), VEC_PF, "#PF by a jump");
	tap_eq(trap.ip, TEST_VA + 4096, "its return address is the target");
	tap_eq(trap.cr2, TEST_VA + 4096, "and CR2 too");
}

static void test_traps(void)
{
	ulong after;

	tap_eq(TRY_INSN("int3"), VEC_BP, "#BP by INT3");
	trap_clear();
	asm volatile("lea 772f(%%rip), %0\n" TRY("int3") : "=&r"(after) : : "memory");
	tap_eq(trap.ip, after, "returns behind it");
	asm volatile("lea 772f(%%rip), %0\n" TRY("int $3") : "=&r"(after) : : "memory");
	tap_eq(trap.vector, VEC_BP, "INT 3 of two bytes");
	tap_eq(trap.ip, after, "returns behind it");
	asm volatile("lea 772f(%%rip), %0\n" TRY("int $0x80") : "=&r"(after) : : "memory");
	tap_eq(trap.vector, 0x80, "INT 80");
	tap_eq(trap.ip, after, "returns behind it");
	asm volatile("lea 772f(%%rip), %0\n" TRY("int $0xff") : "=&r"(after) : : "memory");
	tap_eq(trap.vector, 0xff, "INT FF");
	tap_eq(TRY_INSN("int $0x20"), 0x20, "INT 20");
	tap_eq(trap.count, 1, "is taken once");
}

static void test_fpu_faults(void)
{
	u16 control = 0x037f & ~0x04;
	u64 cr0 = read_cr0();
	u32 mxcsr = 0x1f80 & ~0x200u, masked = 0x1f80;

	fninit();
	asm volatile("fldcw %0; fld1; fldz; fdivrp" : : "m"(control));
	tap_eq(TRY_INSN("fwait"), VEC_MF, "#MF by an unmasked division by zero");
	asm volatile("fnclex");
	fninit();
	asm volatile("ldmxcsr %0; pcmpeqd %%xmm0, %%xmm0; psrld $25, %%xmm0; pslld $23, %%xmm0;"
		     "pxor %%xmm1, %%xmm1"
		     :
		     : "m"(mxcsr));
	tap_eq_or_deviant(TRY_INSN("divps %%xmm1, %%xmm0"), VEC_XM, TRAP_NONE,
			  "this CPU raises no #XM", "#XM by an unmasked division by zero");
	asm volatile("ldmxcsr %0" : : "m"(masked));
	write_cr0(cr0 | CR0_TS);
	tap_eq(TRY_INSN("fld1"), VEC_NM, "#NM with CR0.TS");
	write_cr0(cr0);
}

static void __user_code user_misaligned(ulong arg)
{
	asm volatile("movl 1(%0), %%eax; " USER_RETURN : : "r"(arg) : "eax");
}

static void __user_code user_cli(ulong arg)
{
	asm volatile("cli; " USER_RETURN : : "r"(arg));
}

static void __user_code user_hlt(ulong arg)
{
	asm volatile("hlt; " USER_RETURN : : "r"(arg));
}

static void __user_code user_int3(ulong arg)
{
	asm volatile("int3; " USER_RETURN : : "r"(arg));
}

static void __user_code user_int80(ulong arg)
{
	asm volatile("int $0x80; " USER_RETURN : : "r"(arg));
}

static void __user_code user_kernel_read(ulong arg)
{
	asm volatile("movl (%0), %%eax; " USER_RETURN : : "r"(arg) : "eax");
}

static u64 __user_data user_words[2];

static void test_user(void)
{
	u64 cr0 = read_cr0();

	pt_allow_user((uintptr_t)user_start, (u64)(user_end - user_start));
	pt_allow_user((uintptr_t)user_stack, sizeof(user_stack));
	tap_eq(trap_call_user(user_cli, 0, user_top, 2), VEC_GP, "CLI at CPL 3: #GP");
	tap_eq(trap.cs, SEL_USER_CODE, "the saved CS is the user's");
	tap_ok(trap.sp > (ulong)user_stack && trap.sp <= (ulong)user_top, "the saved RSP too");
	tap_eq(trap_call_user(user_hlt, 0, user_top, 2), VEC_GP, "HLT at CPL 3: #GP");
	tap_eq(trap_call_user(user_int3, 0, user_top, 2), VEC_GP,
	       "INT3 through a closed gate: #GP");
	test_gate_error(VEC_BP, "INT3");
	tap_eq(trap_call_user(user_int80, 0, user_top, 2), VEC_GP, "INT 80 likewise");
	test_gate_error(0x80, "INT 80");
	idt_set_dpl(0x80, 3);
	tap_eq(trap_call_user(user_int80, 0, user_top, 2), 0x80, "INT 80 through an open gate");
	tap_eq(trap_call_user(user_kernel_read, (uintptr_t)&tss, user_top, 2), VEC_PF,
	       "a user's read of a supervisor page: #PF");
	tap_eq(trap.error, PF_P | PF_U, "with error code P|U");
	write_cr0(cr0 | CR0_AM);
	idt_set_dpl(VEC_USER_RETURN, 3);
	tap_eq_or_deviant(
		trap_call_user(user_misaligned, (uintptr_t)user_words, user_top, 2 | FLAGS_AC),
		VEC_AC, VEC_USER_RETURN, "this CPU raises no #AC", "#AC by a misaligned read");
	write_cr0(cr0);
	tap_eq(trap_call_user(user_misaligned, (uintptr_t)user_words, user_top, 2 | FLAGS_AC),
	       VEC_USER_RETURN, "none without CR0.AM");
}

void guest_main(void)
{
	with_short_idt(test_faults);
	test_segment_faults();
	test_stack_fault();
	test_page_faults();
	test_traps();
	test_fpu_faults();
	test_user();
	test_debug();
	test_delivery();
}
