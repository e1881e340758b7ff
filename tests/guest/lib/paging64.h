/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 64-bit guests' own page tables: four levels below boot_pml4. Tables come from a fixed pool
 * and are never freed.
 */
#pragma once

#include "tests/guest/lib/x86.h"

#define PTE_ADDR 0x000ffffffffff000ull

/* A linear address far from the one-to-one mapping, for tests to map at. */
#define TEST_VA 0x10000000000ull

extern u64 boot_pml4[512];

/* A zeroed page of the guest's image. */
void *page_alloc(void);

/*
 * The entry that maps va at level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB), after splitting larger pages and
 * adding tables as needed. Changes no translation.
 */
u64 *pt_entry(u64 va, unsigned int level);

/* Store one entry and forget the old translation of va. */
void pt_map(u64 va, u64 entry, unsigned int level);

/*
 * Map [va, va + len) for privilege 3 too, all levels included; multiples of 4 KiB. The pages stay
 * where they are.
 */
void pt_allow_user(u64 va, u64 len);
