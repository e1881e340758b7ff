/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two formats of second-level entries, and the only code that builds entries. Both
 * formats are in every build. No state.
 *
 *	 63  62..59  58 57  56..52  51 ... 12   11  10   9   8   7   6   5   4   3   2   1   0
 *	+---+-------+------+-------+-----------+---+---+---+---+---+---+---+---+---+---+---+---+
 * NPT	|NX |       |    soft      |   frame   |    soft   |   |PS | D | A |       | U | W | P |
 *	+---+-------+------+-------+-----------+---+---+---+---+---+---+---+---+---+---+---+---+
 * EPT	|   |       |      | soft  |   frame   |sft|   | D | A |PS |IPT|  memtype  | X | W | R |
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
#define NPT_SOFT (BITS(11, 9) | BITS(58, 52))

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
#define EPT_SOFT (BIT(11) | BITS(56, 52))

/* A sum of masks is their union only when no two have a bit in common. */
_Static_assert(NPT_P + NPT_W + NPT_U + NPT_A + NPT_D + LARGE + FRAME + NPT_SOFT + NPT_NX ==
		       (NPT_P | NPT_W | NPT_U | NPT_A | NPT_D | LARGE | FRAME | NPT_SOFT | NPT_NX),
	       "NPT masks are disjoint");
_Static_assert(EPT_R + EPT_W + EPT_X + EPT_WB + LARGE + EPT_A + EPT_D + FRAME + EPT_SOFT ==
		       (EPT_R | EPT_W | EPT_X | EPT_WB | LARGE | EPT_A | EPT_D | FRAME | EPT_SOFT),
	       "EPT masks are disjoint");
/* Frozen is all software bits: not present, not absent (0), and apart from any link's address. */
_Static_assert(NPT_SOFT && !(NPT_SOFT & (NPT_P | FRAME)), "frozen NPT entries are not present");
_Static_assert(EPT_SOFT && !(EPT_SOFT & (EPT_R | EPT_W | EPT_X | FRAME)),
	       "frozen EPT entries are not present");
/* The same code builds 32-bit PAE tables, which reserve bits 62:52; x86 software bits are 9-11. */
_Static_assert((NPT_SOFT & BITS(11, 0)) == BITS(11, 9), "software bits that every x86 format has");

const struct spte_format spte_format_npt = {
	.name = "NPT",
	.present = NPT_P,
	.read = NPT_P,
	.write = NPT_W,
	.exec = 0,
	.nx = NPT_NX,
	.user = NPT_U,
	.accessed = NPT_A,
	.dirty = NPT_D,
	.large = LARGE,
	.memtype_wb = 0, /* PAT entry 0, as after a reset */
	.frame = FRAME,
	.soft = NPT_SOFT,
	.frozen = NPT_SOFT,
	.all = NPT_P | NPT_W | NPT_U | NPT_A | NPT_D | LARGE | FRAME | NPT_SOFT | NPT_NX,
};

const struct spte_format spte_format_ept = {
	.name = "EPT",
	.present = EPT_R | EPT_W | EPT_X,
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
	.soft = EPT_SOFT,
	.frozen = EPT_SOFT,
	.all = EPT_R | EPT_W | EPT_X | EPT_WB | LARGE | EPT_A | EPT_D | FRAME | EPT_SOFT,
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
