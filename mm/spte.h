/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of second-level page tables. A format is data: one const struct of masks per
 * table format the CPU walks. Entries are built only in spte.c, changed only through the
 * atomic helpers of tdp.c's funnel, tested only by the predicates below.
 */
#pragma once

#include "lib/addr.h"
#include "lib/types.h"

enum spte_access {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_EXEC = 4,
	ACCESS_ALL = 7,
};

struct spte_format {
	const char *name;
	u64 present; /* any of these bits set: present (EPT: R|W|X; NPT: P) */
	u64 read; /* set in every present entry */
	u64 write;
	u64 exec; /* set to allow, 0 when the format has only nx */
	u64 nx; /* set to forbid, 0 when the format has exec */
	u64 user; /* NPT walks are user accesses: set in every entry */
	u64 accessed, dirty;
	u64 large; /* a leaf above level 1 */
	u64 memtype_wb; /* the memory type field set to write-back */
	u64 frame; /* the address field */
	u64 soft; /* bits hardware ignores, ours to use */
	u64 frozen; /* a non-present pattern: a walker that meets it retries */
	u64 all; /* every bit that an entry built by spte.c can have */
};

extern const struct spte_format spte_format_npt, spte_format_ept;

/* An absent entry is 0 in both formats. */
static inline bool spte_is_present(const struct spte_format *fmt, u64 spte)
{
	return (spte & fmt->present) != 0;
}

static inline bool spte_is_frozen(const struct spte_format *fmt, u64 spte)
{
	return (spte & ~fmt->frame) == fmt->frozen;
}

static inline bool spte_is_leaf(const struct spte_format *fmt, u64 spte, unsigned int level)
{
	return spte_is_present(fmt, spte) && (level == LEVEL_4K || (spte & fmt->large));
}

static inline bool spte_is_table(const struct spte_format *fmt, u64 spte, unsigned int level)
{
	return spte_is_present(fmt, spte) && !spte_is_leaf(fmt, spte, level);
}

static inline pfn_t spte_pfn(const struct spte_format *fmt, u64 spte)
{
	return PFN((spte & fmt->frame) >> PAGE_SHIFT);
}

/*
 * A frozen entry. The CPU ignores the address field of an entry that is not present, and link is
 * the caller's: removed tables are chained by it (HPA(0) where there is nothing to chain).
 */
static inline u64 spte_make_frozen(const struct spte_format *fmt, hpa_t link)
{
	return fmt->frozen | link.raw;
}

/* The address field: a table's address, or a frozen entry's link. */
static inline hpa_t spte_hpa(const struct spte_format *fmt, u64 spte)
{
	return HPA(spte & fmt->frame);
}

/* enum spte_access bits that spte allows; 0 when not present. */
unsigned int spte_access(const struct spte_format *fmt, u64 spte);

/*
 * A leaf at level for pfn, which must be aligned to it. Readable whatever access says.
 * Accessed (and dirty, when writable) are set from the start: nobody harvests them yet, and
 * a hardware update of them would be a locked access to the table.
 */
u64 spte_make_leaf(const struct spte_format *fmt, pfn_t pfn, unsigned int level,
		   unsigned int access);

/* A link to a lower table, all rights allowed: leaves decide. */
u64 spte_make_table(const struct spte_format *fmt, hpa_t table);
