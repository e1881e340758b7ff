/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two formats of second-level entries, and the only code that builds entries. Both
 * formats are in every build. No state.
 *
 *	 63  62..59  58 57  56..52  51 ... 12   11  10   9   8   7   6   5   4   3   2   1   0
 *	+---+-------+------+-------+-----------+---+---+---+---+---+---+---+---+---+---+---+---+
 * NPT	|NX |       |              |   frame   |           |   |PS | D | A |       | U | W | P |
 *	+---+-------+------+-------+-----------+---+---+---+---+---+---+---+---+---+---+---+---+
 * EPT	|   |       |      |       |   frame   |   |   | D | A |PS |IPT|  memtype  | X | W | R |
 *	+---+-------+------+-------+-----------+---+---+---+---+---+---+---+---+---+---+---+---+
 */
#include "mm/spte.h"

#include "lib/log.h"

#define FRAME BITS(51, 12)
#define LARGE BIT(7)

#define NPT_P BIT(0)
#define NPT_W BIT(1)
#define NPT_U BIT(2)
#define NPT_A BIT(5)
#define NPT_D BIT(6)
#define NPT_NX BIT(63)

#define EPT_R BIT(0)
#define EPT_W BIT(1)
#define EPT_X BIT(2)
/*
 * Write-back, and the guest's PAT ignored: all its memory is RAM that the hypervisor accesses as
 * write-back, and a mix of types on one line is undefined.
 */
#define EPT_WB ((6ull << 3) | BIT(6))
#define EPT_A BIT(8)
#define EPT_D BIT(9)

#define NPT_ALL (NPT_P | NPT_W | NPT_U | NPT_A | NPT_D | LARGE | FRAME | NPT_NX)
#define EPT_ALL (EPT_R | EPT_W | EPT_X | EPT_WB | LARGE | EPT_A | EPT_D | FRAME)

/* A sum of masks is their union only when no two have a bit in common. */
_Static_assert(NPT_P + NPT_W + NPT_U + NPT_A + NPT_D + LARGE + FRAME + NPT_NX == NPT_ALL,
	       "NPT masks are disjoint");
_Static_assert(EPT_R + EPT_W + EPT_X + EPT_WB + LARGE + EPT_A + EPT_D + FRAME == EPT_ALL,
	       "EPT masks are disjoint");
/* Nobody sees a present entry in one that is not, or the other way round. */
_Static_assert(!(SPTE_KIND & (NPT_ALL | EPT_ALL)), "kinds are apart from present entries");
_Static_assert(!(BITS(54, 52) & (NPT_ALL | EPT_ALL)), "room for an aged entry's rights");

const struct spte_format spte_format_npt = {
	.name = "NPT",
	.present = NPT_U,
	.read = NPT_P | NPT_U,
	.write = NPT_W,
	.exec = 0,
	.nx = NPT_NX,
	.user = NPT_U,
	.accessed = NPT_A,
	.dirty = NPT_D,
	.large = LARGE,
	.memtype_wb = 0, /* PAT entry 0, as after a reset */
	.frame = FRAME,
	.all = NPT_ALL,
};

const struct spte_format spte_format_ept = {
	.name = "EPT",
	.present = EPT_R,
	.read = EPT_R,
	.write = EPT_W,
	.exec = EPT_X,
	.nx = 0,
	.user = 0,
	.accessed = EPT_A,
	.dirty = EPT_D,
	.large = LARGE,
	.memtype_wb = EPT_WB,
	.frame = FRAME,
	.all = EPT_ALL,
};

unsigned int spte_access(const struct spte_format *fmt, u64 spte)
{
	unsigned int access = 0;

	if (!spte_is_present(fmt, spte))
		return 0;
	if (spte & fmt->read)
		access |= ACCESS_READ;
	if (spte & fmt->write)
		access |= ACCESS_WRITE;
	if (fmt->exec ? spte & fmt->exec : !(spte & fmt->nx))
		access |= ACCESS_EXEC;
	return access;
}

u64 spte_make_leaf(const struct spte_format *fmt, pfn_t pfn, unsigned int level,
		   unsigned int access)
{
	u64 spte = pfn_to_hpa(pfn).raw | fmt->read | fmt->user | fmt->accessed | fmt->memtype_wb;

	assert(is_aligned(pfn.raw, level_pages(level)) && !(pfn_to_hpa(pfn).raw & ~fmt->frame));
	if (level > LEVEL_4K)
		spte |= fmt->large;
	if (access & ACCESS_WRITE)
		spte |= fmt->write | fmt->dirty;
	spte |= access & ACCESS_EXEC ? fmt->exec : fmt->nx;
	return spte;
}

u64 spte_make_table(const struct spte_format *fmt, hpa_t table)
{
	assert(table.raw && !(table.raw & ~fmt->frame));
	return table.raw | fmt->read | fmt->write | fmt->exec | fmt->user | fmt->accessed;
}

u64 spte_make_piece(const struct spte_format *fmt, u64 spte, unsigned int level)
{
	assert(level > LEVEL_4K && spte_is_leaf(fmt, spte, level));
	return level - 1 == LEVEL_4K ? spte & ~fmt->large : spte;
}

u64 spte_set_access(const struct spte_format *fmt, u64 spte, unsigned int access)
{
	spte &= ~(fmt->read | fmt->write | fmt->exec | fmt->nx);
	if (access)
		spte |= fmt->read;
	if (access & ACCESS_WRITE)
		spte |= fmt->write;
	return spte | (access & ACCESS_EXEC ? fmt->exec : fmt->nx);
}

u64 spte_make_aged(const struct spte_format *fmt, u64 spte)
{
	u64 rights = (u64)spte_access(fmt, spte) << SPTE_OWNER_SHIFT;

	return spte_set_access(fmt, spte, 0) | rights | SPTE_AGED;
}

u64 spte_make_young(const struct spte_format *fmt, u64 spte)
{
	unsigned int access = (unsigned int)(spte >> SPTE_OWNER_SHIFT) & ACCESS_ALL;

	return spte_set_access(fmt, spte & ~(SPTE_KIND | BITS(54, 52)), access);
}

const char *spte_name(const struct spte_format *fmt, u64 spte, unsigned int level)
{
	if (spte_is_present(fmt, spte))
		return spte_is_leaf(fmt, spte, level) ? "leaf" : "table";
	if (spte_is_frozen(spte))
		return "frozen";
	if (spte_is_mmio(spte))
		return "mmio";
	if (spte_is_aged(spte))
		return "aged";
	return spte ? "garbage" : "absent";
}
