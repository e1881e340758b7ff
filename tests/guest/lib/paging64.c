/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building four-level page tables.
 */
#include "tests/guest/lib/paging64.h"

#include "tests/guest/lib/tap.h"

#define POOL_PAGES 96u

static u8 pool[POOL_PAGES][4096] __aligned(4096);
static u32 pool_used;

void *page_alloc(void)
{
	if (pool_used == POOL_PAGES)
		tap_bail_out("no page left");
	return pool[pool_used++];
}

static unsigned int level_shift(unsigned int level)
{
	return 12 + 9 * (level - 1);
}

/* Fill table with what the huge page *entry at level maps, in pages of the level below. */
static void split(const u64 *entry, u64 *table, unsigned int level)
{
	u64 flags = *entry & ~PTE_ADDR;
	u64 base = *entry & PTE_ADDR & ~(BIT(level_shift(level)) - 1);

	/* The PAT bit of huge pages, bit 12, is not used here. */
	if (level == 2)
		flags &= ~(u64)PTE_PS;
	for (u64 i = 0; i < 512; i++)
		table[i] = (base + (i << level_shift(level - 1))) | flags;
}

u64 *pt_entry(u64 va, unsigned int level)
{
	u64 *table = boot_pml4;
	u64 *entry;

	for (unsigned int at = 4;; at--) {
		entry = &table[va >> level_shift(at) & 511];
		if (at == level)
			return entry;
		if (!(*entry & PTE_P) || (at < 4 && (*entry & PTE_PS))) {
			table = page_alloc();
			if (*entry & PTE_P)
				split(entry, table, at);
			*entry = (uintptr_t)table | PTE_P | PTE_W | (*entry & PTE_U);
		}
		table = (u64 *)(uintptr_t)(*entry & PTE_ADDR);
	}
}

void pt_map(u64 va, u64 entry, unsigned int level)
{
	*(volatile u64 *)pt_entry(va, level) = entry;
	invlpg(va);
}

void pt_allow_user(u64 va, u64 len)
{
	for (u64 at = va; at < va + len; at += 4096) {
		pt_entry(at, 1);
		for (unsigned int level = 1; level <= 4; level++)
			*pt_entry(at, level) |= PTE_U;
	}
	write_cr3(read_cr3());
}
