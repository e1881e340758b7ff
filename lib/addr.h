/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses and frame numbers as one-member structs, so that passing the wrong
 * kind does not compile. gva: guest-virtual, gpa: guest-physical, hpa:
 * host-physical; gfn and pfn are the 4 KiB frame numbers of gpa and hpa.
 */
#pragma once

#include "lib/types.h"

typedef struct {
	u64 raw;
} gva_t;

typedef struct {
	u64 raw;
} gpa_t;

typedef struct {
	u64 raw;
} gfn_t;

typedef struct {
	u64 raw;
} hpa_t;

typedef struct {
	u64 raw;
} pfn_t;

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ull

/* Paging levels as everywhere in Sill: 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB. */
#define LEVEL_4K 1
#define LEVEL_2M 2
#define LEVEL_1G 3
#define TABLE_ENTRIES 512u

#define GVA(x) ((gva_t){ (u64)(x) })
#define GPA(x) ((gpa_t){ (u64)(x) })
#define GFN(x) ((gfn_t){ (u64)(x) })
#define HPA(x) ((hpa_t){ (u64)(x) })
#define PFN(x) ((pfn_t){ (u64)(x) })

static inline unsigned int level_shift(unsigned int level)
{
	return PAGE_SHIFT + 9 * (level - 1);
}

/* Bytes mapped by one entry at level. */
static inline u64 level_size(unsigned int level)
{
	return 1ull << level_shift(level);
}

/* 4 KiB frames mapped by one entry at level. */
static inline u64 level_pages(unsigned int level)
{
	return 1ull << (9 * (level - 1));
}

static inline gfn_t gpa_to_gfn(gpa_t gpa)
{
	return GFN(gpa.raw >> PAGE_SHIFT);
}

static inline gpa_t gfn_to_gpa(gfn_t gfn)
{
	return GPA(gfn.raw << PAGE_SHIFT);
}

static inline pfn_t hpa_to_pfn(hpa_t hpa)
{
	return PFN(hpa.raw >> PAGE_SHIFT);
}

static inline hpa_t pfn_to_hpa(pfn_t pfn)
{
	return HPA(pfn.raw << PAGE_SHIFT);
}
