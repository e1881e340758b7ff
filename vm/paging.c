/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's page tables, walked in software. One walker over const descriptions of the formats;
 * the tables are hostile: an entry may point anywhere, to its own table too, and change under us.
 * So each entry is read once, the depth is bounded by the format, and every table address goes
 * through guest_mem_ptr. No locks, no state.
 */
#include "vm/paging.h"

#include "lib/err.h"
#include "lib/string.h"
#include "vm/insn.h"
#include "vm/paging_formats.h"

#define CR0_WP BIT(16)
#define CR0_PG BIT(31)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_LA57 BIT(12)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define OFFSET_MASK (PAGE_SIZE - 1)

/* One walk on its way down. */
struct walk {
	const struct guest_mem *mem;
	const struct guest_paging *paging;
	u64 gva;
	u32 access;
	u64 nx_stop; /* PTE_NX when an entry with it is not a plain one: reserved, or forbidden */
};

/* The error code of the #PF for this access; bits are PF_PRESENT and PF_RSVD. */
static u32 fault_error(const struct walk *walk, u32 bits)
{
	const struct guest_paging *paging = walk->paging;
	bool nx = paging->cr4 & CR4_PAE && paging->efer & EFER_NXE;

	bits |= walk->access & (PF_WRITE | PF_USER);
	if (nx || paging->cr4 & CR4_SMEP)
		bits |= walk->access & PF_FETCH;
	return bits;
}

/* What to make of an entry that is not a plain one. */
enum verdict { VERDICT_TABLE, VERDICT_LARGE, VERDICT_ABSENT, VERDICT_RSVD };

static enum verdict judge(const struct walk *walk, const struct pt_level *level, u64 entry)
{
	u64 rsvd = level->stop & ~(PTE_P | level->large);
	bool large = entry & level->large;

	if (!(walk->paging->efer & EFER_NXE))
		rsvd |= walk->nx_stop;
	if (!(entry & PTE_P))
		return VERDICT_ABSENT;
	if (entry & (rsvd | (large ? level->large_rsvd : 0)))
		return VERDICT_RSVD;
	return large ? VERDICT_LARGE : VERDICT_TABLE;
}

/* Do the rights on the way down, which were present, forbid this access? */
static inline bool forbidden(const struct walk *walk, u64 rights, bool nx)
{
	const struct guest_paging *paging = walk->paging;
	bool user = walk->access & PF_USER, fetch = walk->access & PF_FETCH;
	u64 need = user ? PTE_U : 0;

	if (walk->access & PF_WRITE && (user || paging->cr0 & CR0_WP))
		need |= PTE_W;
	if (~rights & need || (nx && fetch))
		return true;
	return !user && rights & PTE_U && paging->cr4 & (fetch ? CR4_SMEP : CR4_SMAP);
}

static inline u64 read_entry(const void *table, u64 index, const struct pt_format *format)
{
	/* Once and whole: another vCPU may be writing it. */
	if (format->entry_size == 4)
		return __atomic_load_n((const u32 *)table + index, __ATOMIC_RELAXED);
	return __atomic_load_n((const u64 *)table + index, __ATOMIC_RELAXED);
}

static int fault(const struct walk *walk, u32 bits, u32 *error)
{
	*error = fault_error(walk, bits);
	return E_FAULT;
}

/* The frame that a leaf maps at this level. */
static inline u64 leaf_frame(const struct pt_format *format, const struct pt_level *level,
			     u64 entry)
{
	u64 frame = entry & ADDR_MASK & ~(BIT(level->shift) - 1);

	return level->large ? frame | (entry & format->pse36) << 19 : frame;
}

static int walk_tables(const struct walk *walk, const struct pt_format *format, gpa_t *gpa,
		       u32 *error)
{
	u64 next = walk->paging->cr3 & format->root_mask, gva = walk->gva & format->gva_mask;
	const struct pt_level *level = &format->level[format->depth];
	u64 rights = ~0ull, entry;
	bool nx = false, large = false;

	do {
		const void *table = guest_mem_ptr(walk->mem, GPA(next));

		level--;
		if (unlikely(!table)) {
			*gpa = GPA(next);
			return E_RANGE;
		}
		entry = read_entry(table, gva >> level->shift & format->index_mask, format);
		rights &= entry | level->implied;
		if (unlikely((entry - PTE_P) & (level->stop | walk->nx_stop))) {
			enum verdict verdict = judge(walk, level, entry);

			if (verdict == VERDICT_ABSENT)
				return fault(walk, 0, error);
			if (verdict == VERDICT_RSVD)
				return fault(walk, PF_PRESENT | PF_RSVD, error);
			nx |= entry >> 63;
			large = verdict == VERDICT_LARGE;
		}
		next = entry & ADDR_MASK;
	} while (level != format->level && !large);
	if (unlikely(forbidden(walk, rights, nx)))
		return fault(walk, PF_PRESENT, error);
	*gpa = GPA(leaf_frame(format, level, entry) | (gva & (BIT(level->shift) - 1)));
	return 0;
}

_Static_assert(PF_WRITE == PTE_W && PF_USER == PTE_U, "plain_allowed compares them");

/* What walk_plain has come to. */
struct plain_end {
	u64 all; /* the AND of all entries on the way */
	u64 tables; /* the OR of those above the leaf */
	u64 leaf;
};

/*
 * Does access need no second thought? P and U must be as wanted in all entries; W may be there
 * without need; a bit that makes an entry more than a plain one is for walk_any.
 */
static inline bool plain_allowed(const struct plain_end *end, u64 leaf_stop, u64 efer, u32 access)
{
	u64 want = PTE_P | (access & (PTE_W | PTE_U));
	u64 same = PTE_P | PTE_U | (want & PTE_W);

	if ((end->all ^ want) & same || end->tables & PTE_PS || end->leaf & leaf_stop)
		return false;
	if (likely(!(end->leaf & PTE_NX)))
		return true;
	return efer & EFER_NXE && !(access & PF_FETCH);
}

static inline bool in_slot(const struct mem_slot *slot, gfn_t gfn)
{
	return gfn.raw - slot->base.raw < slot->npages;
}

static inline u64 plain_entry(const struct mem_slot *slot, gfn_t gfn, u64 gva, unsigned int row)
{
	const struct pt_format *format = &format_4level;
	u64 index = gva >> format->level[row].shift & format->index_mask;

	return read_entry(hpa_to_ptr(pfn_to_hpa(mem_slot_pfn(slot, gfn))), index, format);
}

static inline u64 plain_gpa(u64 leaf, u64 gva, u64 size)
{
	return (leaf & ADDR_MASK & ~(size - 1)) | (gva & (size - 1));
}

/*
 * The walk that nearly all walks are, in few instructions, for it runs at most exits: 4 levels,
 * pages of 4 KiB or 2 MiB, all tables in one slot, user accesses to user pages and supervisor ones
 * to supervisor pages. It follows entries first and judges them at the end: what it reads on the
 * way may be no table, but it is memory of the guest. Bits above the address, NX too, must be 0 in
 * all but the leaf: with one of them set the gfn is in no slot. False for all that is not so plain:
 * walk_any then starts over and finds out what it is.
 */
static inline __attribute__((always_inline)) bool walk_plain(const struct guest_mem *mem,
							     const struct guest_paging *paging,
							     u64 gva, u32 access, gpa_t *gpa)
{
	struct plain_end end = { .all = ~0ull };
	gfn_t gfn = GFN((paging->cr3 & ADDR_MASK) >> PAGE_SHIFT);
	const struct slot_table *table = guest_mem_table(mem);
	const struct mem_slot *slot = table->slots;

	if (unlikely(!in_slot(slot, gfn))) {
		slot = slot_find(table, gfn);
		if (!slot)
			return false;
	}
#pragma GCC unroll 3
	for (unsigned int row = 3; row > 0; row--) {
		end.leaf = plain_entry(slot, gfn, gva, row);
		end.all &= end.leaf;
		if (row == 1 && unlikely(end.leaf & PTE_PS)) {
			*gpa = GPA(plain_gpa(end.leaf, gva, level_size(LEVEL_2M)));
			return plain_allowed(&end, format_4level.level[1].large_rsvd, paging->efer,
					     access);
		}
		end.tables |= end.leaf;
		gfn = GFN(end.leaf >> PAGE_SHIFT);
		if (unlikely(!in_slot(slot, gfn)))
			return false;
	}
	end.leaf = plain_entry(slot, gfn, gva, 0);
	end.all &= end.leaf;
	*gpa = GPA(plain_gpa(end.leaf, gva, PAGE_SIZE));
	return plain_allowed(&end, 0, paging->efer, access);
}

static const struct pt_format *paging_format(const struct guest_paging *paging)
{
	if (paging->efer & EFER_LMA)
		return paging->cr4 & CR4_LA57 ? &format_5level : &format_4level;
	if (paging->cr4 & CR4_PAE)
		return &format_pae;
	return paging->cr4 & CR4_PSE ? &format_32bit_pse : &format_32bit;
}

bool gva_is_canonical(const struct guest_paging *paging, gva_t gva)
{
	unsigned int unused = paging->cr4 & CR4_LA57 ? 7 : 16;

	if (!(paging->efer & EFER_LMA))
		return true;
	return (u64)((s64)(gva.raw << unused) >> unused) == gva.raw;
}

/* guest_walk, for all that walk_plain does not know. */
static __attribute__((noinline)) int walk_any(const struct guest_mem *mem,
					      const struct guest_paging *paging, gva_t gva,
					      u32 access, gpa_t *gpa, u32 *error)
{
	struct walk walk = {
		.mem = mem,
		.paging = paging,
		.gva = gva.raw,
		.access = paging->user ? access | PF_USER : access,
		.nx_stop = access & PF_FETCH || !(paging->efer & EFER_NXE) ? PTE_NX : 0,
	};

	if (!(paging->cr0 & CR0_PG)) {
		*gpa = GPA((u32)gva.raw);
		return 0;
	}
	if (!gva_is_canonical(paging, gva)) {
		*error = 0;
		return E_FAULT;
	}
	return walk_tables(&walk, paging_format(paging), gpa, error);
}

/* walk_plain where it applies. Inlined into the two callers that are on the way of most exits. */
static inline __attribute__((always_inline)) bool walk_fast(const struct guest_mem *mem,
							    const struct guest_paging *paging,
							    gva_t gva, u32 access, gpa_t *gpa)
{
	bool plain = paging->efer & EFER_LMA && !(paging->cr4 & CR4_LA57); /* so CR0.PG is set */
	u64 half = BIT(47);

	if (unlikely(!plain || (gva.raw + half) >> 48))
		return false;
	return walk_plain(mem, paging, gva.raw, paging->user ? access | PF_USER : access, gpa);
}

int guest_walk(const struct guest_mem *mem, const struct guest_paging *paging, gva_t gva,
	       u32 access, gpa_t *gpa, u32 *error)
{
	if (likely(walk_fast(mem, paging, gva, access, gpa)))
		return 0;
	return walk_any(mem, paging, gva, access, gpa, error);
}

/* Outside of long mode linear addresses wrap around at 4 GiB. */
static gva_t gva_add(const struct guest_paging *paging, gva_t gva, u64 offset)
{
	u64 sum = gva.raw + offset;

	return GVA(paging->efer & EFER_LMA ? sum : (u32)sum);
}

/* Where the hypervisor sees the byte at gva: valid to the end of its page. */
static int gva_to_ptr(const struct guest_mem *mem, const struct guest_paging *paging, gva_t gva,
		      u32 access, const u8 **ptr, u32 *error)
{
	gpa_t gpa;
	int err = guest_walk(mem, paging, gva, access, &gpa, error);

	if (unlikely(err))
		return err;
	*ptr = guest_mem_ptr(mem, gpa);
	return likely(*ptr) ? 0 : E_RANGE;
}

int guest_read_gva(const struct guest_mem *mem, const struct guest_paging *paging, gva_t gva,
		   void *buf, u64 len, u32 access, gva_t *fault_gva, u32 *error)
{
	u8 *to = buf;

	while (len) {
		u64 part = MIN(len, PAGE_SIZE - (gva.raw & OFFSET_MASK));
		const u8 *from;
		int err = gva_to_ptr(mem, paging, gva, access, &from, error);

		if (err) {
			*fault_gva = gva;
			return err;
		}
		memcpy(to, from, part);
		to += part;
		len -= part;
		gva = gva_add(paging, gva, part);
	}
	return 0;
}

/*
 * The first room bytes, less than GUEST_FETCH_ROOM, are at from; the rest is on the next page. How
 * many there are. Apart, so that the usual fetch does not pay for it.
 */
static __attribute__((noinline)) size_t fetch_split(const struct guest_mem *mem,
						    const struct guest_paging *paging, gva_t rip,
						    const u8 *from, u8 *buf)
{
	size_t room = PAGE_SIZE - (rip.raw & OFFSET_MASK);
	u32 error;

	memcpy(buf, from, room);
	if (room == INSN_MAX_LEN ||
	    gva_to_ptr(mem, paging, gva_add(paging, rip, room), PF_FETCH, &from, &error))
		return room;
	memcpy(buf + room, from, INSN_MAX_LEN - room);
	return INSN_MAX_LEN;
}

int guest_fetch(const struct guest_mem *mem, const struct guest_paging *paging, gva_t rip, u8 *buf,
		size_t *len, gva_t *fault_gva, u32 *error)
{
	const u8 *from;
	gpa_t gpa;

	if (unlikely(!walk_fast(mem, paging, rip, PF_FETCH, &gpa))) {
		int err = walk_any(mem, paging, rip, PF_FETCH, &gpa, error);

		*fault_gva = rip;
		if (err)
			return err;
	}
	from = guest_mem_ptr(mem, gpa);
	if (unlikely(!from))
		return E_RANGE;
	*len = INSN_MAX_LEN;
	if (likely((rip.raw & OFFSET_MASK) <= PAGE_SIZE - GUEST_FETCH_ROOM))
		__builtin_memcpy(buf, from, GUEST_FETCH_ROOM); /* two loads */
	else
		*len = fetch_split(mem, paging, rip, from, buf);
	return 0;
}
