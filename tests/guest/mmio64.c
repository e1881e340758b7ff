/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device memory in 64-bit mode: the extended registers, RIP-relative and segment-relative
 * addresses, other mappings, and faults of the ordinary operand.
 */
#include "tests/guest/mmio.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define REG (LAPIC_BASE + LAPIC_TIMER_INIT)
/* Within reach of a RIP-relative operand; mmio_near of the linker script is REG in it. */
#define NEAR_VA 0x30000000ul
#define PATTERN 0x1badcafeu

static void reg_set(u32 value)
{
	lapic_write(LAPIC_TIMER_INIT, value);
}

static u32 reg_get(void)
{
	return lapic_read(LAPIC_TIMER_INIT);
}

/* Load through base register base into register data, and store data back inverted. */
#define EXTENDED(base, data)                                                         \
	do {                                                                         \
		u64 _got;                                                            \
                                                                                     \
		reg_set(PATTERN);                                                    \
		asm volatile("mov %1, %%" #base "\n"                                 \
			     "mov $-1, %%" #data "\n"                                \
			     "movl (%%" #base "), %%" #data "d\n"                    \
			     "mov %%" #data ", %0\n"                                 \
			     "notl %%" #data "d\n"                                   \
			     "movl %%" #data "d, (%%" #base ")\n"                    \
			     : "=&a"(_got)                                           \
			     : "c"((u64)REG)                                         \
			     : "memory", #base, #data);                              \
		tap_eq(_got, PATTERN, "mov (" #base "), " #data "d, zero-extended"); \
		tap_eq(reg_get(), ~PATTERN, "mov " #data "d, (" #base ")");          \
	} while (0)

static void test_registers(void)
{
	EXTENDED(r8, r9);
	EXTENDED(r10, r11);
	EXTENDED(r12, r13);
	EXTENDED(r13, r12);
	EXTENDED(r14, r15);
	EXTENDED(r15, r8);
}

static void test_stack_pointer(void)
{
	u32 got;

	reg_set(PATTERN);
	asm volatile("mov %%rsp, %%rbx\n"
		     "mov %1, %%rsp\n"
		     "movl (%%rsp), %0\n"
		     "mov %%rbx, %%rsp\n"
		     : "=&r"(got)
		     : "r"((u64)REG)
		     : "rbx", "memory");
	tap_eq(got, PATTERN, "mov (rsp), r32");
	asm volatile("mov %%rbp, %%rbx\n"
		     "lea -16(%1), %%rbp\n"
		     "movl 16(%%rbp), %0\n"
		     "mov %%rbx, %%rbp\n"
		     : "=&r"(got)
		     : "r"((u64)REG)
		     : "rbx", "memory");
	tap_eq(got, PATTERN, "mov disp8(rbp), r32");
}

static void test_addressing(void)
{
	u32 got;
	u64 wide = 0xffffffff00000000 | REG;

	pt_map(NEAR_VA, LAPIC_BASE | PTE_P | PTE_W | PTE_PCD, 1);
	reg_set(PATTERN);
	asm volatile("movl mmio_near(%%rip), %0" : "=r"(got) : : "memory");
	tap_eq(got, PATTERN, "mov disp32(rip), r32");
	asm volatile("movl $0x76543210, mmio_near(%%rip)" : : : "memory");
	tap_eq(reg_get(), 0x76543210, "mov imm32, disp32(rip)");
	asm volatile("movl $0x01234567, 0x30000380" : : : "memory");
	tap_eq(reg_get(), 0x01234567, "mov imm32, disp32");
	wrmsr(MSR_FS_BASE, LAPIC_BASE);
	asm volatile("movl %%fs:0x380, %0" : "=r"(got) : : "memory");
	tap_eq(got, 0x01234567, "mov fs:disp32, r32");
	asm volatile("movl %1, %%fs:(%0)" : : "r"(0x380ul), "r"(0x89) : "memory");
	tap_eq(reg_get(), 0x89, "mov r32, fs:(reg)");
	wrmsr(MSR_FS_BASE, 0);
	asm volatile("movl (%%edi), %0" : "=r"(got) : "D"(wide) : "memory");
	tap_eq(got, 0x89, "a 32-bit address size cuts the address off");
	asm volatile("movslq (%1), %0" : "=r"(wide) : "r"((u64)REG) : "memory");
	tap_eq(wide, 0x89, "movsxd");
	reg_set(0x80000000);
	asm volatile("movslq (%1), %0" : "=r"(wide) : "r"((u64)REG) : "memory");
	tap_eq(wide, 0xffffffff80000000, "movsxd of a negative value");
}

struct state {
	u64 si, di;
};

static u32 movs(u64 to, u64 from, struct state *s)
{
	*s = (struct state){ from, to };
	trap_clear();
	asm volatile(TRY("movsl") : "+S"(s->si), "+D"(s->di) : : "memory");
	return trap.vector;
}

/* One operand is the device, the other's page is missing: the guest's #PF, nothing done. */
static void test_faults(void)
{
	struct state s;
	u32 *page = page_alloc();

	reg_set(PATTERN);
	pt_map(TEST_VA, 0, 1);
	tap_eq(movs(TEST_VA, REG, &s), VEC_PF, "movs from the device to a missing page: #PF");
	tap_eq(trap.cr2, TEST_VA, "its address is in CR2");
	tap_eq(trap.error, PF_W, "error code W");
	tap_ok(s.si == REG && s.di == TEST_VA, "the registers are as before");
	pt_map(TEST_VA, (uintptr_t)page | PTE_P, 1);
	tap_eq(movs(TEST_VA, REG, &s), VEC_PF, "movs from the device to a read-only page: #PF");
	tap_eq(trap.error, PF_P | PF_W, "error code P|W");
	pt_map(TEST_VA, (uintptr_t)page | PTE_P | PTE_W, 1);
	tap_eq(movs(TEST_VA, REG, &s), TRAP_NONE, "movs to a page that is there");
	tap_eq(*page, PATTERN, "arrives");
	tap_ok(s.si == REG + 4 && s.di == TEST_VA + 4, "and moves the registers");
	pt_map(TEST_VA, 0, 1);
	tap_eq(movs(REG, TEST_VA, &s), VEC_PF, "movs from a missing page to the device: #PF");
	tap_eq(trap.error, 0, "error code 0");
	tap_eq(reg_get(), PATTERN, "the device is as before");
}

static u8 user_stack[4096] __aligned(4096);

static void __user_code user_read(ulong at)
{
	asm volatile("movl (%0), %%eax; movl %%eax, user_word(%%rip); " USER_RETURN
		     :
		     : "r"(at)
		     : "eax", "memory");
}

u32 user_word __user_data;

static void test_mappings(void)
{
	void *top = user_stack + sizeof(user_stack);

	reg_set(PATTERN);
	pt_map(TEST_VA, LAPIC_BASE | PTE_P | PTE_PCD, 1);
	tap_eq(*(volatile u32 *)(TEST_VA + LAPIC_TIMER_INIT), PATTERN, "a mapping elsewhere");
	tap_eq(try_write(TEST_VA + LAPIC_TIMER_INIT, 1), VEC_PF,
	       "a write through a read-only mapping: #PF");
	tap_eq(trap.error, PF_P | PF_W, "error code P|W");
	tap_eq(reg_get(), PATTERN, "the device does not see it");
	pt_allow_user((uintptr_t)user_start, (u64)(user_end - user_start));
	pt_allow_user((uintptr_t)user_stack, sizeof(user_stack));
	idt_set_dpl(VEC_USER_RETURN, 3);
	tap_eq(trap_call_user(user_read, TEST_VA + LAPIC_TIMER_INIT, top, 2), VEC_PF,
	       "a user's read of a supervisor mapping: #PF");
	pt_allow_user(TEST_VA, 4096);
	tap_eq(trap_call_user(user_read, TEST_VA + LAPIC_TIMER_INIT, top, 2), VEC_USER_RETURN,
	       "a user's read of a user mapping");
	tap_eq(user_word, PATTERN, "gets the value");
}

/* Instruction bytes on two pages, the second one not next to the first in memory. */
static void test_split_instruction(void)
{
	static const u8 code[] = { 0xc7, 0x07, 0x44, 0x33, 0x22, 0x11, 0xc3 }; /* movl, ret */
	u8 *first = page_alloc(), *gap = page_alloc(), *second = page_alloc();

	gap[0] = 0xcc;
	for (u32 at = 1; at < 6; at++) {
		for (u32 i = 0; i < sizeof(code); i++) {
			if (i < at)
				first[4096 - at + i] = code[i];
			else
				second[i - at] = code[i];
		}
		pt_map(TEST_VA, (uintptr_t)first | PTE_P, 1);
		pt_map(TEST_VA + 4096, (uintptr_t)second | PTE_P, 1);
		reg_set(0);
		trap_call((void (*)(ulong))(TEST_VA + 4096 - at), REG);
		tap_eq(reg_get(), 0x11223344, "an instruction with %u bytes on its first page", at);
	}
}

void test_mmio64(void)
{
	test_registers();
	test_stack_pointer();
	test_addressing();
	test_faults();
	test_mappings();
	test_split_instruction();
	test_wide();
}
