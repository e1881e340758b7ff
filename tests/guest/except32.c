/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions that only 32-bit protected mode has, or has in another way: #OF, #BR, #TS, segment
 * limits, expand-down stacks, virtual-8086 mode's refusals, and a hardware task switch.
 */
#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define DATA_32 0x00409200000000ffull /* base 0, limit 255 bytes */
#define DATA_ABSENT 0x00cf12000000ffffull
#define DATA_READ_ONLY 0x00cf90000000ffffull
#define NO_SEGMENT_CHECKS "this CPU does not check the segment of an access"

static void test_into(void)
{
	trap_clear();
	asm volatile("mov $0x7fffffff, %%eax; add $1, %%eax\n" TRY("into") : : : "eax", "cc");
	tap_eq(trap.vector, VEC_OF, "#OF by INTO");
	trap_clear();
	asm volatile("xor %%eax, %%eax\n" TRY("into") : : : "eax", "cc");
	tap_eq(trap.vector, TRAP_NONE, "INTO without overflow does nothing");
	tap_eq(TRY_INSN("int3"), VEC_BP, "#BP by INT3");
	tap_eq(TRY_INSN("int $0x80"), 0x80, "INT 80");
}

static void test_bound(void)
{
	const s32 bounds[2] = { -2, 5 };

	trap_clear();
	asm volatile(TRY("bound %0, %1") : : "r"(6), "m"(bounds) : "memory");
	tap_eq(trap.vector, VEC_BR, "#BR by BOUND above");
	trap_clear();
	asm volatile(TRY("bound %0, %1") : : "r"(-3), "m"(bounds) : "memory");
	tap_eq(trap.vector, VEC_BR, "#BR by BOUND below");
	trap_clear();
	asm volatile(TRY("bound %0, %1") : : "r"(-2), "m"(bounds) : "memory");
	tap_eq(trap.vector, TRAP_NONE, "BOUND within does nothing");
}

static void test_plain_faults(void)
{
	trap_clear();
	asm volatile(TRY("divl %0") : : "r"(0), "a"(1), "d"(0) : "cc");
	tap_eq(trap.vector, VEC_DE, "#DE by division by zero");
	tap_eq(TRY_INSN("ud2"), VEC_UD, "#UD by UD2");
	tap_eq(TRY_INSN("syscall; nop"), VEC_UD, "#UD by SYSCALL without EFER.SCE");
	tap_eq(TRY_INSN_REG("mov %0, %%ds", 0xf8), VEC_GP, "#GP by a selector beyond the GDT");
	tap_eq(trap.error, 0xf8, "which is the error code");
	idt_set_present(0x90, false);
	tap_eq(TRY_INSN("int $0x90"), VEC_NP, "#NP by an absent gate");
	tap_eq(trap.error, 0x90 * 8 + 2, "which the error code names");
	idt_set_present(0x90, true);
}

static u32 read_fs(u32 selector, u32 offset)
{
	trap_clear();
	asm volatile(TRY("mov %0, %%fs") : : "r"(selector) : "memory");
	if (trap.vector == TRAP_NONE)
		asm volatile(TRY("movl %%fs:(%0), %%eax") : : "r"(offset) : "memory", "eax");
	asm volatile("mov %0, %%fs" : : "r"(0));
	return trap.vector;
}

static u32 write_fs(u32 selector, u32 offset)
{
	trap_clear();
	asm volatile("mov %0, %%fs" : : "r"(selector) : "memory");
	asm volatile(TRY("movl %%eax, %%fs:(%0)") : : "r"(offset) : "memory");
	asm volatile("mov %0, %%fs" : : "r"(0));
	return trap.vector;
}

/*
 * Limits are the segment unit's: they hold without paging. The emulated CPU checks segments when
 * they are loaded, but not when they are used.
 */
static void test_limits(void)
{
	static u32 scratch;

	gdt[SEL_FREE0 / 8] = DATA_32;
	tap_eq(read_fs(SEL_FREE0, 252), TRAP_NONE, "the last doubleword within a limit");
	tap_eq_or_deviant(read_fs(SEL_FREE0, 253), VEC_GP, TRAP_NONE, NO_SEGMENT_CHECKS,
			  "#GP one byte further");
	gdt[SEL_FREE0 / 8] = DATA_ABSENT;
	tap_eq(read_fs(SEL_FREE0, 0), VEC_NP, "#NP by an absent segment");
	tap_eq(trap.error, SEL_FREE0, "which the error code names");
	gdt[SEL_FREE0 / 8] = DATA_READ_ONLY;
	tap_eq_or_deviant(write_fs(SEL_FREE0, (u32)(uintptr_t)&scratch), VEC_GP, TRAP_NONE,
			  NO_SEGMENT_CHECKS, "#GP by a write to a read-only segment");
	tap_eq_or_deviant(read_fs(0, (u32)(uintptr_t)&scratch), VEC_GP, TRAP_NONE,
			  NO_SEGMENT_CHECKS, "#GP by a null selector's use");
}

static void test_stack_segment(void)
{
	gdt[SEL_FREE0 / 8] = DATA_ABSENT;
	tap_eq(TRY_INSN_REG("mov %0, %%ss", SEL_FREE0), VEC_SS, "#SS by an absent stack segment");
	tap_eq(trap.error, SEL_FREE0, "which the error code names");
	tap_eq(TRY_INSN_REG("mov %0, %%ss", SEL_CODE), VEC_GP, "#GP by code in SS");
	tap_eq(TRY_INSN_REG("mov %0, %%ss", 0), VEC_GP, "#GP by a null SS");
}

static struct tss other_tss __aligned(128);
static u8 other_stack[4096] __aligned(16);
static volatile u32 task_ran;

static void __noreturn other_task(void)
{
	for (;;) {
		task_ran++;
		asm volatile("iret");
	}
}

static void far_jump(u32 selector)
{
	struct {
		u32 offset;
		u16 selector;
	} __packed target = { 0, (u16)selector };

	asm volatile(TRY("ljmp *%0") : : "m"(target) : "memory");
}

static void far_call(u32 selector)
{
	struct {
		u32 offset;
		u16 selector;
	} __packed target = { 0, (u16)selector };

	asm volatile(TRY("lcall *%0") : : "m"(target) : "memory", "cc");
}

static void test_bad_tss(void)
{
	gdt_set_tss(SEL_FREE1, &other_tss, sizeof(other_tss) - 2);
	trap_clear();
	far_jump(SEL_FREE1);
	tap_eq(trap.vector, VEC_TS, "#TS by a TSS that is too short");
	tap_eq(trap.error, SEL_FREE1, "which the error code names");
	gdt_set_tss(SEL_FREE1, &other_tss, sizeof(other_tss) - 1);
	gdt[SEL_FREE1 / 8] &= ~(1ull << 47);
	trap_clear();
	far_jump(SEL_FREE1);
	tap_eq(trap.vector, VEC_NP, "#NP by an absent TSS");
	trap_clear();
	far_jump(SEL_TSS);
	tap_eq(trap.vector, VEC_GP, "#GP by a jump to the busy TSS");
}

static void test_task_switch(void)
{
	other_tss = (struct tss){
		.eip = (u32)(uintptr_t)other_task,
		.eflags = 2,
		.esp = (u32)(uintptr_t)(other_stack + sizeof(other_stack)),
		.cs = SEL_CODE,
		.ds = SEL_DATA,
		.es = SEL_DATA,
		.ss = SEL_DATA,
		.io_map = sizeof(other_tss),
	};
	gdt_set_tss(SEL_FREE1, &other_tss, sizeof(other_tss) - 1);
	trap_clear();
	far_call(SEL_FREE1);
	tap_eq(trap.vector, TRAP_NONE, "a call to another task");
	tap_eq(task_ran, 1, "which ran");
	far_call(SEL_FREE1);
	tap_eq(task_ran, 2, "and goes on where it was");
	tap_eq(other_tss.link, SEL_TSS, "its TSS links back");
}

void guest_main(void)
{
	test_into();
	test_bound();
	test_plain_faults();
	test_limits();
	test_stack_segment();
	test_bad_tss();
	test_task_switch();
}
