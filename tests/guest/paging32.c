/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two paging modes of 32-bit protected mode: two levels of 4-byte entries with 4 MiB pages,
 * and PAE. All of it is mapped one to one, and access_page again at TEST_VA.
 */
#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/paging_access.h"

#define TEST_VA 0xc0000000u
#define CPUID_PSE BIT(3) /* 1.edx */
#define CPUID_PAE BIT(6)
#define CPUID_PGE BIT(13)

static u32 dir32[1024] __aligned(4096), table32[1024] __aligned(4096);
static u32 low_table32[2][1024] __aligned(4096);
static u64 pdpt[4] __aligned(32), pae_dirs[4][512] __aligned(4096);
static u64 pae_table[512] __aligned(4096), pae_low_table[2][512] __aligned(4096);

static bool have_nx;

/* The user's code and stack must be open to it, and the rest of the image not. */
static bool is_user_page(u32 at)
{
	return (at >= (u32)user_start && at < (u32)user_end) || at == (u32)access_user_stack;
}

static u32 page_address(const void *page)
{
	return (u32)(uintptr_t)page;
}

/* 4 KiB pages for the first 8 MiB, 4 MiB pages for the rest. */
static void build32(void)
{
	for (u32 i = 0; i < 2048; i++)
		low_table32[i / 1024][i % 1024] = i << 12 | PTE_P | PTE_W |
						  (is_user_page(i << 12) ? PTE_U : 0);
	dir32[0] = page_address(low_table32[0]) | PTE_P | PTE_W | PTE_U;
	dir32[1] = page_address(low_table32[1]) | PTE_P | PTE_W | PTE_U;
	for (u32 i = 2; i < 1024; i++)
		dir32[i] = i << 22 | PTE_P | PTE_W | PTE_PS;
	dir32[TEST_VA >> 22] = page_address(table32) | PTE_P | PTE_W | PTE_U;
}

static void build_pae(void)
{
	for (u32 i = 0; i < 1024; i++)
		pae_low_table[i / 512][i % 512] = i << 12 | PTE_P | PTE_W |
						  (is_user_page(i << 12) ? PTE_U : 0);
	for (u32 i = 0; i < 2048; i++)
		pae_dirs[i / 512][i % 512] = (u64)i << 21 | PTE_P | PTE_W | PTE_PS;
	pae_dirs[0][0] = page_address(pae_low_table[0]) | PTE_P | PTE_W | PTE_U;
	pae_dirs[0][1] = page_address(pae_low_table[1]) | PTE_P | PTE_W | PTE_U;
	pae_dirs[TEST_VA >> 30][TEST_VA >> 21 & 511] = page_address(pae_table) | PTE_P | PTE_W |
						       PTE_U;
	for (u32 i = 0; i < 4; i++)
		pdpt[i] = page_address(pae_dirs[i]) | PTE_P;
}

static void paging_on(u32 cr3, u32 cr4_bits)
{
	write_cr4((read_cr4() & ~(ulong)(CR4_PAE | CR4_PSE)) | cr4_bits);
	write_cr3(cr3);
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
}

static void paging_off(void)
{
	write_cr0(read_cr0() & ~(ulong)CR0_PG);
}

static u64 flags_of(u32 i)
{
	return (i & 1 ? PTE_P : 0) | (i & 2 ? PTE_W : 0) | (i & 4 ? PTE_U : 0) |
	       (i & 8 ? PTE_NX : 0);
}

static void report(u32 wrong, u32 before, const char *what)
{
	tap_eq(wrong, 0, "%s: %u accesses are allowed or refused as they must", what,
	       access_count - before);
}

static void test_32_permissions(void)
{
	u32 wrong = 0, before = access_count;

	for (u32 i = 0; i < 8; i++) {
		table32[0] = page_address(access_page) | (u32)flags_of(i);
		invlpg(TEST_VA);
		wrong += access_check_all(TEST_VA, flags_of(i), false);
	}
	report(wrong, before, "32-bit, 4 KiB pages");
	wrong = 0;
	before = access_count;
	table32[0] = page_address(access_page) | PTE_P | PTE_W | PTE_U;
	for (u32 i = 0; i < 8; i++) {
		dir32[TEST_VA >> 22] = page_address(table32) | (u32)flags_of(i);
		write_cr3(read_cr3());
		wrong += access_check_all(TEST_VA, flags_of(i), false);
	}
	dir32[TEST_VA >> 22] = page_address(table32) | PTE_P | PTE_W | PTE_U;
	report(wrong, before, "32-bit, directory entries");
}

static void test_32_large(void)
{
	u32 wrong = 0, before = access_count;
	u32 page = page_address(access_page), va = TEST_VA + 0x400000 + (page & 0x3fffff);
	u32 *entry = &dir32[(TEST_VA >> 22) + 1];

	for (u32 i = 0; i < 8; i++) {
		*entry = (page & 0xffc00000) | PTE_PS | (u32)flags_of(i);
		invlpg(va);
		wrong += access_check_all(va, flags_of(i), false);
	}
	report(wrong, before, "32-bit, 4 MiB pages");
}

static void test_accessed_dirty(volatile u32 *low_half, u32 va, const char *what)
{
	const struct access_rules rules = { .wp = true, .nxe = have_nx };

	*low_half &= ~(u32)(PTE_A | PTE_D);
	invlpg(va);
	access_try(READ, va, &rules);
	tap_eq(*low_half & (PTE_A | PTE_D), PTE_A, "%s: a read sets A", what);
	access_try(WRITE, va, &rules);
	tap_eq(*low_half & (PTE_A | PTE_D), PTE_A | PTE_D, "%s: a write sets D", what);
}

static void test_remap(volatile u32 *low_half, const char *what)
{
	static u8 one[4096] __aligned(4096), two[4096] __aligned(4096);
	volatile u32 *at = (volatile u32 *)TEST_VA;

	one[0] = 1;
	two[0] = 2;
	*low_half = page_address(one) | PTE_P | PTE_W;
	invlpg(TEST_VA);
	tap_eq(*at, 1, "%s: a page", what);
	*low_half = page_address(two) | PTE_P | PTE_W;
	invlpg(TEST_VA);
	tap_eq(*at, 2, "%s: INVLPG: another page", what);
	*low_half = page_address(one) | PTE_P | PTE_W;
	write_cr3(read_cr3());
	tap_eq(*at, 1, "%s: CR3 load: the first again", what);
	*low_half = page_address(two) | PTE_P | PTE_W;
	paging_off();
	write_cr0(read_cr0() | CR0_PG);
	tap_eq(*at, 2, "%s: paging off and on: the other again", what);
}

static void test_32(void)
{
	u32 page = page_address(access_page);

	build32();
	paging_on(page_address(dir32), CR4_PSE);
	test_32_permissions();
	test_32_large();
	table32[0] = page | PTE_P | PTE_W;
	test_accessed_dirty(&table32[0], TEST_VA, "32-bit, 4 KiB");
	dir32[(TEST_VA >> 22) + 1] = (page & 0xffc00000) | PTE_PS | PTE_P | PTE_W;
	test_accessed_dirty(&dir32[(TEST_VA >> 22) + 1], TEST_VA + 0x400000 + (page & 0x3fffff),
			    "32-bit, 4 MiB");
	test_remap(&table32[0], "32-bit");
	paging_off();
}

/* Without CR4.PSE the PS bit is ignored: a directory entry leads to a table. */
static void test_32_without_pse(void)
{
	for (u32 i = 2; i < 1024; i++)
		dir32[i] = page_address(low_table32[0]) | PTE_P | PTE_W | PTE_PS;
	paging_on(page_address(dir32), 0);
	tap_ok(memcmp((void *)(0x800000 + page_address(access_page)), access_page, 64) == 0,
	       "no PSE: the PS bit is ignored");
	paging_off();
}

static void test_pae_permissions(void)
{
	u32 wrong = 0, before = access_count, page = page_address(access_page);
	u32 va = TEST_VA + 0x200000 + (page & 0x1fffff);
	u64 *large = &pae_dirs[TEST_VA >> 30][(TEST_VA >> 21 & 511) + 1];
	u32 kinds = have_nx ? 16 : 8;

	for (u32 i = 0; i < kinds; i++) {
		*(volatile u64 *)&pae_table[0] = page | flags_of(i);
		invlpg(TEST_VA);
		wrong += access_check_all(TEST_VA, flags_of(i), have_nx);
	}
	report(wrong, before, "PAE, 4 KiB pages");
	wrong = 0;
	before = access_count;
	for (u32 i = 0; i < kinds; i++) {
		*(volatile u64 *)large = (page & 0xffe00000) | PTE_PS | flags_of(i);
		invlpg(va);
		wrong += access_check_all(va, flags_of(i), have_nx);
	}
	report(wrong, before, "PAE, 2 MiB pages");
	*(volatile u64 *)large = (page & 0xffe00000) | PTE_PS | PTE_P | PTE_W;
	test_accessed_dirty((volatile u32 *)large, va, "PAE, 2 MiB");
}

/* The four top entries are read by the CR3 load. */
static void test_pdptes(void)
{
	static u64 other[4] __aligned(32);
	u32 value;

	memcpy(other, pdpt, sizeof(other));
	other[3] = 0;
	write_cr3(page_address(other));
	tap_eq(try_read(TEST_VA, &value), VEC_PF, "an absent PDPTE: #PF");
	tap_eq(trap.error, 0, "with error code 0");
	write_cr3(page_address(pdpt));
	tap_eq(try_read(TEST_VA, &value), TRAP_NONE, "and with the first ones back, none");
	other[3] = pdpt[3] | BIT(1);
	tap_eq_or_deviant(TRY_INSN_REG("mov %0, %%cr3", page_address(other)), VEC_GP, TRAP_NONE,
			  "this CPU does not check PDPTEs",
			  "a reserved bit in a PDPTE: #GP by the CR3 load");
	write_cr3(page_address(pdpt));
}

static struct tss other_tss;
static volatile u32 seen_by_task;

static void __noreturn other_task(void)
{
	for (;;) {
		seen_by_task = *(volatile u32 *)TEST_VA;
		asm volatile("iret");
	}
}

/* A hardware task switch loads CR3, and with it these entries, there and back. */
static void test_pae_task_switch(void)
{
	static u64 other[4] __aligned(32), other_dir[512] __aligned(4096);
	static u64 other_table[512] __aligned(4096);
	static u32 pages[2][1024] __aligned(4096);
	const u32 target[2] = { 0, SEL_FREE0 };

	pages[0][0] = 0xaaaa;
	pages[1][0] = 0xbbbb;
	memcpy(other, pdpt, sizeof(other));
	memcpy(other_dir, pae_dirs[3], sizeof(other_dir));
	other[3] = page_address(other_dir) | PTE_P;
	other_dir[TEST_VA >> 21 & 511] = page_address(other_table) | PTE_P | PTE_W;
	other_table[0] = page_address(pages[1]) | PTE_P | PTE_W;
	pae_table[0] = page_address(pages[0]) | PTE_P | PTE_W;
	invlpg(TEST_VA);
	other_tss = (struct tss){
		.cr3 = page_address(other),
		.eip = (u32)(uintptr_t)other_task,
		.eflags = 2,
		.esp = page_address(access_user_stack) + 4096,
		.cs = SEL_CODE,
		.ds = SEL_DATA,
		.es = SEL_DATA,
		.ss = SEL_DATA,
		.io_map = sizeof(other_tss),
	};
	tss.cr3 = page_address(pdpt);
	gdt_set_tss(SEL_FREE0, &other_tss, sizeof(other_tss) - 1);
	tap_eq(*(volatile u32 *)TEST_VA, 0xaaaa, "PAE: a page of one task");
	asm volatile("lcall *%0" : : "m"(target) : "memory", "cc");
	tap_eq(seen_by_task, 0xbbbb, "another task's CR3 maps another page");
	tap_eq(*(volatile u32 *)TEST_VA, 0xaaaa, "and the first one is back with the first task");
	tap_eq(read_cr3(), page_address(pdpt), "CR3 is the first task's");
}

static void test_pae(void)
{
	if (!(cpuid(1, 0).d & CPUID_PAE)) {
		tap_skip("no PAE", "PAE paging");
		return;
	}
	if (have_nx)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	build_pae();
	paging_on(page_address(pdpt), CR4_PAE);
	test_pae_permissions();
	pae_table[0] = page_address(access_page) | PTE_P | PTE_W;
	invlpg(TEST_VA);
	test_accessed_dirty((volatile u32 *)&pae_table[0], TEST_VA, "PAE, 4 KiB");
	test_pdptes();
	test_pae_task_switch();
	pae_table[0] = 0;
	test_remap((volatile u32 *)&pae_table[0], "PAE");
	paging_off();
}

void guest_main(void)
{
	have_nx = cpuid(0x80000000, 0).a >= 0x80000001 && (cpuid(0x80000001, 0).d & BIT(20));
	access_init();
	test_32();
	test_32_without_pse();
	test_pae();
	/* And the first mode again, after the second. */
	test_32();
}
