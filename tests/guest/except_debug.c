/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #DB: single steps, also over instructions that a hypervisor executes for its guest, and
 * hardware breakpoints.
 */
#include "tests/guest/except.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define INT1 ".byte 0xf1"
#define NO_INT1 "this CPU has no INT1"
#define DR6_RESET 0xffff0ff0u
#define DR6_B(n) BIT(n)
#define DR6_BS BIT(14)
#define DR7_RESET 0x400u
#define DR7_L(n) BIT(2 * (n))
#define DR7_G(n) BIT(2 * (n) + 1)
#define DR7_WRITE(n) (1ull << (16 + 4 * (n)))
#define DR7_ACCESS(n) (3ull << (16 + 4 * (n)))
#define DR7_LEN4(n) (3ull << (18 + 4 * (n)))

/* Addresses at which #DB came, in order. */
static volatile ulong steps[16];
static volatile u32 step_count;
static volatile u64 step_dr6;

static void on_step(struct trap_frame *frame)
{
	if (step_count < ARRAY_SIZE(steps))
		steps[step_count++] = frame->ip;
	step_dr6 |= read_dr6();
	write_dr6(DR6_RESET);
}

/* A breakpoint's handler lets the instruction run by the resume flag. */
static void on_breakpoint(struct trap_frame *frame)
{
	on_step(frame);
	frame->flags |= FLAGS_RF;
}

static void steps_clear(void)
{
	step_count = 0;
	steps[0] = 0;
	step_dr6 = 0;
	write_dr6(DR6_RESET);
}

/*
 * Single-step one instruction: TF is set by POPF, which itself is not followed by a step, and
 * cleared behind the instruction. One step is due at its end; a CPU may be late by some bytes.
 */
#define STEP_OVER_OR_LATE(insn, name, late, rcx, rdx, rdi)                          \
	do {                                                                        \
		ulong _end, _a = 0, _c = rcx, _d = rdx, _di = rdi;                  \
                                                                                    \
		steps_clear();                                                      \
		asm volatile("lea 9f(%%rip), %0\n"                                  \
			     "pushf\n"                                              \
			     "orl $0x100, (%%rsp)\n"                                \
			     "popf\n" insn "\n"                                     \
			     "9: pushf\n"                                           \
			     "andl $~0x100, (%%rsp)\n"                              \
			     "popf\n"                                               \
			     : "=&S"(_end), "+a"(_a), "+c"(_c), "+d"(_d), "+D"(_di) \
			     :                                                      \
			     : "memory", "cc", "rbx");                              \
		tap_eq_or_deviant(steps[0] - _end, 0, late, "this CPU steps later", \
				  "a step ends behind " name);                      \
		tap_eq(step_dr6 &DR6_BS, DR6_BS, "DR6.BS says it was a step");      \
	} while (0)

#define STEP_OVER(insn, name, rcx, rdx, rdi) STEP_OVER_OR_LATE(insn, name, 0, rcx, rdx, rdi)

static void test_steps(void)
{
	trap_set_handler(VEC_DB, on_step);
	STEP_OVER("nop", "NOP", 0, 0, 0);
	STEP_OVER("xor %%eax, %%eax", "XOR", 0, 0, 0);
	STEP_OVER("cpuid", "CPUID", 0, 0, 0);
	STEP_OVER("rdmsr", "RDMSR", MSR_APIC_BASE, 0, 0);
	STEP_OVER("wrmsr", "WRMSR", MSR_SYSENTER_CS, 0, 0);
	STEP_OVER("inb %%dx, %%al", "IN", 0, 0x230, 0);
	STEP_OVER("outb %%al, %%dx", "OUT", 0, 0x230, 0);
	STEP_OVER("movl (%%rdi), %%eax", "an APIC read", 0, 0, LAPIC_BASE + LAPIC_VERSION);
	STEP_OVER("movl %%eax, (%%rdi)", "an APIC write", 0, 0, LAPIC_BASE + LAPIC_EOI);
	STEP_OVER("wbinvd", "WBINVD", 0, 0, 0);
	trap_set_handler(VEC_DB, NULL);
}

/* STI does not put off a step as it does an interrupt; MOV SS does, until the next one's end. */
static void test_shadow_steps(void)
{
	trap_set_handler(VEC_DB, on_step);
	/* The emulated CPU keeps it off like an interrupt. */
	STEP_OVER_OR_LATE("sti", "STI", on_qemu_cpu(), 0, 0, 0);
	asm volatile("cli");
	STEP_OVER("mov %%ecx, %%ss; nop", "MOV SS and a NOP", SEL_DATA, 0, 0);
	STEP_OVER("mov %%ecx, %%ss; cpuid", "MOV SS and CPUID", SEL_DATA, 0, 0);
	if (on_qemu_cpu())
		tap_skip(NO_INT1, "a step behind MOV SS and INT1");
	else
		STEP_OVER("mov %%ecx, %%ss; " INT1, "MOV SS and INT1", SEL_DATA, 0, 0);
	trap_set_handler(VEC_DB, NULL);
}

static void test_int1(void)
{
	ulong behind;

	if (on_qemu_cpu()) {
		tap_skip(NO_INT1, "#DB by INT1");
		return;
	}
	trap_set_handler(VEC_DB, on_step);
	steps_clear();
	asm volatile(INT1 "; 1: lea 1b(%%rip), %0" : "=r"(behind) : : "memory");
	trap_set_handler(VEC_DB, NULL);
	tap_eq(step_count, 1, "#DB by INT1, once");
	tap_eq(steps[0], behind, "it returns behind it");
	tap_eq(step_dr6 & DR6_BS, 0, "it is no step");
}

/* Each step of a short run of instructions, with exits among them. */
static void test_step_sequence(void)
{
	ulong at[6];
	bool right = true;

	trap_set_handler(VEC_DB, on_step);
	steps_clear();
	asm volatile("lea 1f(%%rip), %%rdi; mov %%rdi, %0\n"
		     "lea 2f(%%rip), %%rdi; mov %%rdi, %1\n"
		     "lea 3f(%%rip), %%rdi; mov %%rdi, %2\n"
		     "lea 4f(%%rip), %%rdi; mov %%rdi, %3\n"
		     "lea 5f(%%rip), %%rdi; mov %%rdi, %4\n"
		     "lea 6f(%%rip), %%rdi; mov %%rdi, %5\n"
		     "xor %%eax, %%eax\n"
		     "pushf\n"
		     "orl $0x100, (%%rsp)\n"
		     "popf\n"
		     "nop\n"
		     "1: cpuid\n"
		     "2: nop\n"
		     "3: pushf\n"
		     "4: andl $~0x100, (%%rsp)\n"
		     "5: popf\n"
		     "6: nop\n"
		     : "=m"(at[0]), "=m"(at[1]), "=m"(at[2]), "=m"(at[3]), "=m"(at[4]), "=m"(at[5])
		     :
		     : "memory", "cc", "rax", "rbx", "rcx", "rdx", "rdi");
	trap_set_handler(VEC_DB, NULL);
	for (u32 i = 0; i < 6; i++)
		right &= steps[i] == at[i];
	tap_eq(step_count, 6, "six instructions are six steps");
	tap_ok(right, "each ends where the next instruction begins");
}

static volatile u32 watched;

static void test_data_breakpoints(void)
{
	ulong behind;

	trap_set_handler(VEC_DB, on_step);
	steps_clear();
	write_dr1((uintptr_t)&watched);
	write_dr7(DR7_RESET | DR7_G(1) | DR7_WRITE(1) | DR7_LEN4(1));
	(void)watched;
	tap_eq(step_count, 0, "a write breakpoint does not mind reads");
	asm volatile("movl $1, %1; 1: lea 1b(%%rip), %0" : "=r"(behind), "=m"(watched));
	tap_ok(step_count == 1 && steps[0] == behind, "a write hits it, behind the instruction");
	tap_eq(step_dr6 & 0xf, DR6_B(1), "DR6 names breakpoint 1");
	steps_clear();
	/* Exits before and in between must not disarm it. */
	cpuid(0, 0);
	asm volatile("movl $2, %1; 1: lea 1b(%%rip), %0" : "=r"(behind), "=m"(watched));
	tap_ok(step_count == 1 && steps[0] == behind, "it hits again after an exit");
	steps_clear();
	write_dr7(DR7_RESET | DR7_G(1) | DR7_ACCESS(1) | DR7_LEN4(1));
	(void)watched;
	tap_eq(step_count, 1, "an access breakpoint is hit by a read");
	steps_clear();
	write_dr7(DR7_RESET);
	watched = 3;
	tap_eq(step_count, 0, "disabled, it is not hit");
	trap_set_handler(VEC_DB, NULL);
}

static void test_code_breakpoint(void)
{
	ulong at;

	trap_set_handler(VEC_DB, on_breakpoint);
	steps_clear();
	asm volatile("lea 1f(%%rip), %0\n"
		     "mov %0, %%dr0\n"
		     "mov %1, %%dr7\n"
		     "xor %%eax, %%eax\n"
		     "1: nop\n"
		     "mov %2, %%dr7\n"
		     : "=&r"(at)
		     : "r"(DR7_RESET | DR7_G(0)), "r"((u64)DR7_RESET)
		     : "rax", "memory");
	tap_ok(step_count == 1 && steps[0] == at, "an instruction breakpoint: before it, once");
	tap_eq(step_dr6 & 0xf, DR6_B(0), "DR6 names breakpoint 0");
	steps_clear();
	asm volatile("lea 1f(%%rip), %0\n"
		     "mov %0, %%dr0\n"
		     "mov %1, %%dr7\n"
		     "xor %%eax, %%eax\n"
		     "1: cpuid\n"
		     "mov %2, %%dr7\n"
		     : "=&S"(at)
		     : "D"(DR7_RESET | DR7_G(0)), "r"((u64)DR7_RESET)
		     : "rax", "rbx", "rcx", "rdx", "memory");
	tap_ok(step_count == 1 && steps[0] == at, "an instruction breakpoint on CPUID");
	trap_set_handler(VEC_DB, NULL);
	write_dr6(DR6_RESET);
}

void test_debug(void)
{
	test_steps();
	test_shadow_steps();
	test_step_sequence();
	test_int1();
	test_data_breakpoints();
	test_code_breakpoint();
}
