/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults in the delivery of exceptions: second faults that become a double fault, and an IDT
 * of which a page is missing.
 */
#include "tests/guest/except.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

/* Gates 0..127 on the first page, 128..255 on the second. */
#define IDT_VA (TEST_VA + 0x100000)
#define IDT_AT (IDT_VA + 4096 - 128 * sizeof(struct idt_gate))

static u8 *idt_pages[2];

static void map_idt(bool second)
{
	pt_map(IDT_VA, (uintptr_t)idt_pages[0] | PTE_P | PTE_W, 1);
	pt_map(IDT_VA + 4096, (uintptr_t)idt_pages[1] | (second ? PTE_P | PTE_W : 0), 1);
}

static void raise_ud(ulong arg)
{
	(void)arg;
	asm volatile("ud2");
}

static void raise_gp(ulong arg)
{
	(void)arg;
	asm volatile("mov %0, %%ds" : : "r"(0xf8));
}

static void read_word(ulong arg)
{
	(void)*(volatile u32 *)arg;
}

static void test_contributory(void)
{
	/* #UD is benign: #NP for its absent gate is just #NP. */
	idt_set_present(VEC_UD, false);
	tap_eq(trap_call(raise_ud, 0), VEC_NP, "#UD through an absent gate is #NP");
	tap_eq_or_deviant(trap.error, GATE_ERROR_EXT(VEC_UD), GATE_ERROR_DEVIANT(VEC_UD),
			  GATE_ERROR_REASON,
			  "which names the gate, and that no instruction asked for it");
	idt_set_present(VEC_UD, true);
	idt_set_present(VEC_GP, false);
	tap_eq(trap_call(raise_gp, 0), VEC_DF, "#GP through an absent gate is #DF");
	tap_eq(trap.error, 0, "with error code 0");
	idt_set_present(VEC_GP, true);
	idt_set_present(VEC_PF, false);
	pt_map(TEST_VA, 0, 1);
	tap_eq(trap_call(read_word, TEST_VA), VEC_DF, "#PF through an absent gate is #DF");
	tap_eq(trap.cr2, TEST_VA, "CR2 keeps the first fault's address");
	idt_set_present(VEC_PF, true);
}

static void push_nowhere(ulong stack)
{
	asm volatile("mov %0, %%rsp; push %%rax" : : "r"(stack) : "memory");
}

static void test_bad_stack(void)
{
	pt_map(TEST_VA, 0, 1);
	tap_eq(trap_call(push_nowhere, TEST_VA + 4096), VEC_DF,
	       "#PF that cannot be pushed for #PF is #DF, on its own stack");
	tap_ok(trap.cr2 >= TEST_VA && trap.cr2 < TEST_VA + 4096, "CR2 is on the missing stack");
}

static void int_90(ulong arg)
{
	(void)arg;
	asm volatile("int $0x90");
}

static void test_missing_idt_page(void)
{
	idt_pages[0] = page_alloc();
	idt_pages[1] = page_alloc();
	map_idt(true);
	memcpy((void *)IDT_AT, idt, sizeof(idt));
	map_idt(false);
	idt_load((void *)IDT_AT);
	tap_eq(trap_call(raise_ud, 0), VEC_UD, "#UD by the IDT's present page");
	tap_eq(trap_call(int_90, 0), VEC_PF, "INT 90 by its missing page: #PF");
	tap_eq(trap.cr2, IDT_AT + 0x90 * sizeof(struct idt_gate), "CR2 is the gate's address");
	tap_eq(trap.error, 0, "a supervisor's read of an absent page");
	map_idt(true);
	tap_eq(trap_call(int_90, 0), 0x90, "with the page back it is taken");
	idt_load(idt);
}

static u8 fresh[3 * 4096] __aligned(4096);

static void ud_on_stack(ulong stack)
{
	asm volatile("mov %0, %%rsp; ud2" : : "r"(stack) : "memory");
}

/* Pages that are there, but were never touched: the hypervisor may have to bring them in. */
static void test_fresh_pages(void)
{
	struct idt_gate *table = (struct idt_gate *)fresh;

	memcpy(table, idt, sizeof(idt));
	idt_load(table);
	tap_eq(trap_call(int_90, 0), 0x90, "an IDT elsewhere");
	tap_eq(trap_call(ud_on_stack, (uintptr_t)fresh + sizeof(fresh)), VEC_UD,
	       "a stack on fresh pages");
	tap_eq(trap.sp, (uintptr_t)fresh + sizeof(fresh), "which is the one of the exception");
	idt_load(idt);
}

void test_delivery(void)
{
	test_contributory();
	test_bad_stack();
	test_missing_idt_page();
	test_fresh_pages();
}
