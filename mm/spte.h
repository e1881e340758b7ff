/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of second-level page tables. A format is data: one const struct of masks per
 * table format the CPU walks. Entries are built only here and in spte.c, changed only through
 * the funnel of tdp_change.h, tested only by the predicates below.
 *
 * The CPU looks at no more of an entry than that it is not present. What else it is then is in
 * two bits which no present entry has set, and is the same in all formats: *
 *	 63 62 .. 52  51 ............ 12  11 10
 *	+--+---------+-------------------+-----+----
 *	|  |         |                   | 0 0 | 0     absent: the whole entry is 0
 *	|  |   ~0 ...     | generation   | 0 1 | 0     MMIO: no slot has any of this, in generation
 *	|  |  owner  | ~ removed table   | 1 0 | 0     frozen: being removed, a fault tries again
 *	|  | rights  | frame             | 1 1 | ...   aged: a leaf, to be made present when used
 *	+--+---------+-------------------+-----+----
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
	u64 present; /* set in every entry that the CPU can use, and in no other */
	u64 read; /* set in all of them as well */
	u64 write;
	u64 exec; /* set to allow, 0 when the format has only nx */
	u64 nx; /* set to forbid, 0 when the format has exec */
	u64 user; /* NPT walks are user accesses: set in every entry */
	u64 accessed, dirty;
	u64 large; /* a leaf above level 1 */
	u64 memtype_wb; /* the memory type field set to write-back */
	u64 frame; /* the address field */
	u64 all; /* every bit that a present entry built by spte.c can have */
};

extern const struct spte_format spte_format_npt, spte_format_ept;

#define SPTE_KIND BITS(11, 10)
#define SPTE_MMIO BIT(10)
#define SPTE_FROZEN BIT(11)
#define SPTE_AGED BITS(11, 10)
#define SPTE_LINK BITS(51, 12)
#define SPTE_OWNER_SHIFT 52
#define SPTE_OWNERS 1024u

static inline bool spte_is_present(const struct spte_format *fmt, u64 spte)
{
	return (spte & fmt->present) != 0;
}

static inline bool spte_is_frozen(u64 spte)
{
	return (spte & SPTE_KIND) == SPTE_FROZEN;
}

static inline bool spte_is_mmio(u64 spte)
{
	return (spte & SPTE_KIND) == SPTE_MMIO;
}

static inline bool spte_is_aged(u64 spte)
{
	return (spte & SPTE_KIND) == SPTE_AGED;
}

/* Does a translation depend on this entry: a table's count is of these. */
static inline bool spte_is_counted(const struct spte_format *fmt, u64 spte)
{
	return spte_is_present(fmt, spte) || spte_is_aged(spte);
}

static inline bool spte_is_table(const struct spte_format *fmt, u64 spte, unsigned int level)
{
	return spte_is_present(fmt, spte) && level > LEVEL_4K && !(spte & fmt->large);
}

/* A leaf, present or aged. */
static inline bool spte_is_leaf(const struct spte_format *fmt, u64 spte, unsigned int level)
{
	return spte_is_counted(fmt, spte) && (level == LEVEL_4K || (spte & fmt->large));
}

static inline pfn_t spte_pfn(const struct spte_format *fmt, u64 spte)
{
	return PFN((spte & fmt->frame) >> PAGE_SHIFT);
}

/* The address field of a table's entry. */
static inline hpa_t spte_hpa(const struct spte_format *fmt, u64 spte)
{
	return HPA(spte & fmt->frame);
}

/*
 * Frozen by owner, below SPTE_OWNERS, who alone will make it something else: and keeps the table
 * here that the entry linked to, HPA(0) for none: inverted, so that a CPU which guesses at the
 * target of an entry that is not present (L1TF) finds nothing.
 */
static inline u64 spte_make_frozen(u32 owner, hpa_t table)
{
	return SPTE_FROZEN | (u64)owner << SPTE_OWNER_SHIFT | (~table.raw & SPTE_LINK);
}

static inline bool spte_is_frozen_by(u64 spte, u32 owner)
{
	return (spte & ~SPTE_LINK) == (SPTE_FROZEN | (u64)owner << SPTE_OWNER_SHIFT);
}

static inline hpa_t spte_frozen_table(u64 spte)
{
	return HPA(~spte & SPTE_LINK);
}

/*
 * The mark of generation, of which 28 bits are kept. The address field says more than any machine
 * has, for the same reason.
 */
static inline u64 spte_make_mmio(u64 generation)
{
	return BITS(51, 40) | (generation << PAGE_SHIFT & BITS(39, 12)) | SPTE_MMIO;
}

/*
 * With one of these a mark is not absent for the CPU, but wrong, and it says so: EPT entries that allow
 * writing but not reading; NPT entries whose frame is beyond its physical addresses.
 */
#define SPTE_EPT_MISCONFIGURED BIT(1)
#define SPTE_NPT_RESERVED BIT(0)

/* enum spte_access bits that spte allows; 0 when not present. */
unsigned int spte_access(const struct spte_format *fmt, u64 spte);

/*
 * A leaf at level for pfn, which must be aligned to it. Readable whatever access says.
 * Accessed (and dirty, when writable) are set from the start: a hardware update of them would be
 * a locked access to the table.
 */
u64 spte_make_leaf(const struct spte_format *fmt, pfn_t pfn, unsigned int level,
		   unsigned int access);

/* A link to a lower table, all rights allowed: leaves decide. */
u64 spte_make_table(const struct spte_format *fmt, hpa_t table);

/* What an entry at level is, in a word. */
const char *spte_name(const struct spte_format *fmt, u64 spte, unsigned int level);

/*
 * What the leaf spte at level says of the first of its 512 pieces, as a leaf one level below. The
 * others differ from it by their frames.
 */
u64 spte_make_piece(const struct spte_format *fmt, u64 spte, unsigned int level);

/* The leaf spte with these rights instead of those it has. */
u64 spte_set_access(const struct spte_format *fmt, u64 spte, unsigned int access);

/*
 * A present leaf as one that the CPU cannot use until somebody notices, for CPUs that have no
 * accessed bit; and back, with all else as it was.
 */
u64 spte_make_aged(const struct spte_format *fmt, u64 spte);
u64 spte_make_young(const struct spte_format *fmt, u64 spte);
