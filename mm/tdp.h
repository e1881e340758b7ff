/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two-dimensional paging: one tree per VM from gpa to hpa, in EPT or NPT format,
 * walked by hardware under the guest's own tables.
 */
#pragma once

#include "arch/lock.h"
#include "lib/addr.h"
#include "mm/frames.h"
#include "mm/guest_mem.h"
#include "mm/spte.h"
#include "mm/tlb.h"

struct tdp_stats { /* [atomic] */
	u64 pf_taken; /* of which the next four are the common results */
	u64 pf_fixed, pf_spurious, pf_emulate, pf_retry;
	u64 pages_4k, pages_2m, pages_1g; /* leaves mapped now */
	u64 table_pages; /* table frames owned now, the root included */
};

struct tdp {
	const struct spte_format *fmt; /* [const] */
	unsigned int root_level; /* [const] 4 */
	unsigned int max_leaf_level; /* [const] LEVEL_4K..LEVEL_1G, what the CPU can */
	hpa_t root; /* [const] what the hardware is given */
	struct frame_owner tables; /* who the table frames belong to */
	const struct guest_mem *mem; /* [const] */
	struct spinlock lock; /* held to remove translations; adding them takes none */
	struct tlb_space tlb;
	struct tdp_stats stats;
};

enum tdp_result {
	TDP_FIXED, /* a translation was installed */
	TDP_SPURIOUS, /* it was there already: another CPU did it, or a stale TLB entry */
	TDP_RETRY, /* a zap is in progress there: run the guest again */
	TDP_EMULATE, /* no slot there: a device access */
	TDP_DENY, /* the slot forbids this access */
	TDP_NOMEM, /* no frame for a table */
};

/* E_NOMEM; E_INVAL: max_leaf_level. mem must outlive the tree. */
int __must_check tdp_create(struct tdp *tdp, const struct spte_format *fmt,
			    unsigned int max_leaf_level, const struct guest_mem *mem);
/* Zap everything and give all table frames back. No vCPU may use the tree any more. */
void tdp_destroy(struct tdp *tdp);

/* Resolve a guest access (enum spte_access bits of what it wanted) at gpa. Lock-free. */
enum tdp_result tdp_fault(struct tdp *tdp, gpa_t gpa, unsigned int access);

/*
 * Remove every translation of [start, end) and free the tables that become empty: one
 * shootdown round, whatever the size. When it returns no CPU can use the old translations.
 */
void tdp_zap(struct tdp *tdp, gfn_t start, gfn_t end);

/* What one step of a walk saw, for the shell and for tests. */
struct tdp_walk_step {
	unsigned int level;
	u64 spte;
};

/* Walk gpa from the root; fills at most root_level steps, returns how many. Lock-free. */
unsigned int tdp_walk(struct tdp *tdp, gpa_t gpa, struct tdp_walk_step *steps);
