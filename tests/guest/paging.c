/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four-level paging: every access kind against every permission, at each page size; accessed and
 * dirty bits; reserved bits; and when changed entries must take effect.
 */
#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/paging_access.h"

#define VA_4K TEST_VA
#define VA_2M (TEST_VA + GIB(1))
#define VA_1G (TEST_VA + GIB(2))

static bool have_nx, have_1g;

static u64 page_shift(unsigned int level)
{
	return 12 + 9 * (level - 1);
}

/* Where access_page appears when a page of level is mapped at base. */
static u64 page_va(u64 base, unsigned int level)
{
	return base + ((uintptr_t)access_page & (BIT(page_shift(level)) - 1));
}

/* Map the page of level that holds access_page; all levels above permit everything. */
static u64 map_access_page(u64 base, unsigned int level, u64 flags)
{
	u64 pa = (uintptr_t)access_page & ~(BIT(page_shift(level)) - 1);

	for (unsigned int above = 4; above > level; above--) {
		u64 *entry = pt_entry(base, above);

		pt_entry(base, above - 1);
		*entry = (*entry & ~PTE_NX) | PTE_W | PTE_U;
	}
	pt_map(base, pa | flags | (level > 1 ? PTE_PS : 0), level);
	invlpg(page_va(base, level));
	return page_va(base, level);
}

static void test_permissions(u64 base, unsigned int level, const char *size)
{
	u32 wrong = 0, before = access_count;

	for (u32 i = 0; i < 16; i++) {
		u64 flags = (i & 1 ? PTE_P : 0) | (i & 2 ? PTE_W : 0) | (i & 4 ? PTE_U : 0) |
			    (i & 8 ? PTE_NX : 0);

		if ((flags & PTE_NX) && !have_nx)
			continue;
		wrong += access_check_all(map_access_page(base, level, flags), flags, have_nx);
	}
	tap_eq(wrong, 0, "%s pages: %u accesses are allowed or refused as they must", size,
	       access_count - before);
}

/* One permission taken away at one level above the leaf counts as taken away. */
static void test_upper_levels(void)
{
	const u64 all = PTE_P | PTE_W | PTE_U;
	u32 wrong = 0, before = access_count;
	u64 va = map_access_page(VA_4K, 1, all);

	for (unsigned int level = 2; level <= 4; level++) {
		u64 *entry = pt_entry(VA_4K, level), saved = *entry;
		const u64 changed[] = { saved & ~(u64)PTE_P, saved & ~(u64)PTE_W,
					saved & ~(u64)PTE_U, have_nx ? saved | PTE_NX : saved };

		for (u32 i = 0; i < ARRAY_SIZE(changed); i++) {
			*(volatile u64 *)entry = changed[i];
			write_cr3(read_cr3());
			wrong += access_check_all(va, (all & changed[i]) | (changed[i] & PTE_NX),
						  have_nx);
		}
		*(volatile u64 *)entry = saved;
		write_cr3(read_cr3());
	}
	tap_eq(wrong, 0, "upper levels: %u accesses are allowed or refused as they must",
	       access_count - before);
}

static void test_accessed_dirty(u64 base, unsigned int level, const char *size)
{
	const struct access_rules rules = { .wp = true, .nxe = have_nx };
	u64 va = map_access_page(base, level, PTE_P | PTE_W);
	volatile u64 *entry = pt_entry(base, level);

	tap_eq(*entry & (PTE_A | PTE_D), 0, "%s: entry starts clean", size);
	access_try(READ, va, &rules);
	tap_eq(*entry & (PTE_A | PTE_D), PTE_A, "%s: a read sets A", size);
	access_try(WRITE, va, &rules);
	tap_eq(*entry & (PTE_A | PTE_D), PTE_A | PTE_D, "%s: a write sets D", size);
	*entry &= ~(u64)(PTE_A | PTE_D);
	invlpg(va);
	access_try(FETCH, va, &rules);
	tap_eq(*entry & (PTE_A | PTE_D), PTE_A, "%s: a fetch sets A", size);
	*entry &= ~(u64)(PTE_A | PTE_D);
	invlpg(va);
	access_try(WRITE, va, &rules);
	tap_eq(*entry & (PTE_A | PTE_D), PTE_A | PTE_D, "%s: after INVLPG both are set again",
	       size);
	map_access_page(base, level, PTE_P);
	access_try(WRITE, va, &rules);
	tap_eq(*entry & PTE_D, 0, "%s: a refused write does not set D", size);
}

static void test_upper_accessed(void)
{
	const struct access_rules rules = { .wp = true, .nxe = have_nx };
	u64 va = map_access_page(VA_4K, 1, PTE_P | PTE_W);
	u64 all = PTE_A;

	for (unsigned int level = 2; level <= 4; level++)
		*pt_entry(va, level) &= ~(u64)(PTE_A | PTE_D);
	write_cr3(read_cr3());
	access_try(WRITE, va, &rules);
	for (unsigned int level = 2; level <= 4; level++)
		all &= *(volatile u64 *)pt_entry(va, level);
	tap_eq(all, PTE_A, "an access sets A at every level");
}

static u32 fault_of_entry(u64 entry, unsigned int level, u64 base)
{
	u32 value, vector;
	u64 *at = pt_entry(base, level), saved = *at;

	*(volatile u64 *)at = entry;
	write_cr3(read_cr3());
	vector = try_read(base, &value);
	*(volatile u64 *)at = saved;
	write_cr3(read_cr3());
	return vector == VEC_PF ? trap.error : ACCESS_DONE;
}

static void test_reserved(u32 got, const char *what)
{
	tap_eq_or_deviant(got, PF_P | PF_RSVD, PF_RSVD, "this CPU leaves P clear",
			  "%s: #PF with P|RSVD", what);
}

static void test_reserved_bits(void)
{
	u32 width = cpuid(0x80000000, 0).a >= 0x80000008 ? cpuid(0x80000008, 0).a & 0xff : 36;
	u64 pa = (uintptr_t)access_page | PTE_P | PTE_W;
	u64 efer = rdmsr(MSR_EFER);

	map_access_page(VA_4K, 1, PTE_P);
	map_access_page(VA_2M, 2, PTE_P);
	if (width < 52) {
		test_reserved(fault_of_entry(pa | BIT(51), 1, VA_4K),
			      "an address above the physical width");
		test_reserved(fault_of_entry(pa | BIT(width), 1, VA_4K),
			      "the lowest bit above the physical width");
		test_reserved(fault_of_entry(*pt_entry(VA_4K, 3) | BIT(51), 3, VA_4K),
			      "an address above the physical width in an upper level");
	}
	test_reserved(fault_of_entry(PTE_P | PTE_PS | BIT(13), 2, VA_2M),
		      "address bit 13 of a 2 MiB page");
	test_reserved(fault_of_entry(*pt_entry(VA_4K, 4) | PTE_PS, 4, VA_4K),
		      "PS at the top level");
	if (!have_nx)
		return;
	wrmsr(MSR_EFER, efer & ~(u64)EFER_NXE);
	test_reserved(fault_of_entry(pa | PTE_NX, 1, VA_4K), "NX without EFER.NXE");
	wrmsr(MSR_EFER, efer);
	tap_eq(fault_of_entry(pa | PTE_NX, 1, VA_4K), ACCESS_DONE, "and with it, readable");
}

static u32 read_at(u64 va)
{
	return *(volatile u32 *)va;
}

static void test_remap(void)
{
	u32 *one = page_alloc(), *two = page_alloc();
	u64 entry_one = (uintptr_t)one | PTE_P | PTE_W, entry_two = (uintptr_t)two | PTE_P | PTE_W;
	u64 cr4 = read_cr4();

	*one = 1;
	*two = 2;
	map_access_page(VA_4K, 1, 0);
	pt_map(VA_4K, entry_one, 1);
	tap_eq(read_at(VA_4K), 1, "a page");
	pt_map(VA_4K, entry_two, 1);
	tap_eq(read_at(VA_4K), 2, "INVLPG: another page at the same address");
	*pt_entry(VA_4K, 1) = entry_one;
	write_cr3(read_cr3());
	tap_eq(read_at(VA_4K), 1, "CR3 load: the first page again");
	write_cr4(cr4 | CR4_PGE);
	pt_map(VA_4K, entry_one | PTE_G, 1);
	tap_eq(read_at(VA_4K), 1, "a global page");
	pt_map(VA_4K, entry_two | PTE_G, 1);
	tap_eq(read_at(VA_4K), 2, "INVLPG of a global page");
	*pt_entry(VA_4K, 1) = entry_one | PTE_G;
	write_cr4(cr4 & ~(u64)CR4_PGE);
	tap_eq(read_at(VA_4K), 1, "CR4.PGE cleared: global pages are forgotten");
	write_cr4(cr4);
	pt_map(VA_4K, entry_two, 1);
	*(volatile u32 *)VA_4K = 22;
	tap_eq(*(volatile u32 *)two, 22, "a write by one address is seen by the other");
	pt_map(VA_4K, 0, 1);
	tap_eq(trap_call((void (*)(ulong))(uintptr_t)read_at, VA_4K), VEC_PF, "an unmapped page");
	/* A non-present entry is not cached: no INVLPG is needed to make it present. */
	*(volatile u64 *)pt_entry(VA_4K, 1) = entry_one;
	tap_eq(read_at(VA_4K), 1, "made present, without INVLPG");
}

/* Two roots, alternately loaded, which differ in one page. */
static void test_roots(void)
{
	u64 *root = page_alloc(), *pdpt = page_alloc(), *dir = page_alloc(), *table = page_alloc();
	u32 *one = page_alloc(), *two = page_alloc();
	u64 cr3 = read_cr3(), wrong = 0;

	*one = 1;
	*two = 2;
	pt_map(VA_4K, (uintptr_t)one | PTE_P | PTE_W, 1);
	for (u32 i = 0; i < 512; i++)
		root[i] = boot_pml4[i];
	root[VA_4K >> 39 & 511] = (uintptr_t)pdpt | PTE_P | PTE_W;
	pdpt[VA_4K >> 30 & 511] = (uintptr_t)dir | PTE_P | PTE_W;
	dir[VA_4K >> 21 & 511] = (uintptr_t)table | PTE_P | PTE_W;
	table[VA_4K >> 12 & 511] = (uintptr_t)two | PTE_P | PTE_W;
	for (u32 i = 0; i < 100; i++) {
		write_cr3((uintptr_t)root);
		wrong += read_at(VA_4K) != 2;
		write_cr3(cr3);
		wrong += read_at(VA_4K) != 1;
	}
	tap_eq(wrong, 0, "100 switches between two roots");
}

void guest_main(void)
{
	have_nx = cpuid(0x80000001, 0).d & BIT(20);
	have_1g = cpuid(0x80000001, 0).d & BIT(26);
	if (have_nx)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	access_init();
	pt_allow_user((uintptr_t)user_start, (u64)(user_end - user_start));
	pt_allow_user((uintptr_t)access_user_stack, sizeof(access_user_stack));
	test_permissions(VA_4K, 1, "4 KiB");
	test_permissions(VA_2M, 2, "2 MiB");
	test_upper_levels();
	test_accessed_dirty(VA_4K, 1, "4 KiB");
	test_accessed_dirty(VA_2M, 2, "2 MiB");
	if (have_1g) {
		test_permissions(VA_1G, 3, "1 GiB");
		test_accessed_dirty(VA_1G, 3, "1 GiB");
	} else {
		tap_skip("no 1 GiB pages", "1 GiB pages");
	}
	test_upper_accessed();
	test_reserved_bits();
	test_remap();
	test_roots();
}
