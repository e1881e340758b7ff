/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the last instruction fetch's walk of the guest's page tables read, so that the next fetch from
 * the same page need not walk: it looks whether every entry is still the same. That is as
 * good as a walk, and needs no INVLPG to stay right. Kept for long mode only; whoever changes CR0,
 * CR4 or EFER for the guest forgets it, and so does an entry that flushes: its pointers are as old as
 * what is in the TLB.
 */
#pragma once

#include "lib/addr.h"
#include "lib/atomic.h"
#include "vm/insn.h"

#define FETCH_MEMO_LEVELS 4u
#define FETCH_MEMO_INSNS 8u
#define FETCH_MEMO_NONE (1ull << 62) /* more than a page away from all addresses that there are */

/* An instruction that had to be decoded, good for all bytes that are the same in the same mode. */
struct fetch_insn {
	bool decoded; /* bytes and mode give insn */
	bool plain; /* and it is what vcpu_fetch_plain_mov() is about */
	u8 bytes[16];
	enum insn_mode mode;
	struct insn insn;
};

struct fetch_memo {
	u64 rip_page; /* RIP without the offset, FETCH_MEMO_NONE: nothing is remembered */
	u64 cs_base, cr3;
	const u64 *
		entry[FETCH_MEMO_LEVELS]; /* from the root; the leaf stands in for missing levels */
	u64 value[FETCH_MEMO_LEVELS];
	const u8 *page; /* where the hypervisor sees that page */
	struct fetch_insn insns[FETCH_MEMO_INSNS]; /* by address: loops come back to them */
};

static inline void fetch_memo_forget(struct fetch_memo *memo)
{
	memo->rip_page = FETCH_MEMO_NONE;
}

/* The size bytes at rip, if all of them are on the remembered page and that is still true. Or NULL. */
static inline const u8 *fetch_memo_find(const struct fetch_memo *memo, u64 rip, u64 size,
					u64 cs_base, u64 cr3)
{
	u64 offset = rip - memo->rip_page;

	if (unlikely(offset > PAGE_SIZE - size || memo->cr3 != cr3 || memo->cs_base != cs_base))
		return NULL;
#pragma GCC unroll 4
	for (unsigned int i = 0; i < FETCH_MEMO_LEVELS; i++) {
		if (unlikely(atomic_load(memo->entry[i]) != memo->value[i]))
			return NULL;
	}
	return memo->page + offset;
}

/* Where the instruction at rip is kept, if it is. */
static inline struct fetch_insn *fetch_memo_insn(struct fetch_memo *memo, u64 rip)
{
	return &memo->insns[rip % FETCH_MEMO_INSNS];
}
