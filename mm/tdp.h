/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two-dimensional paging: one tree per VM from gpa to hpa, in EPT or NPT format,
 * walked by hardware under the guest's own tables. All of this may be called by any
 * number of CPUs at once, whatever vCPUs do.
 */
#pragma once

#include "arch/lock.h"
#include "lib/addr.h"
#include "mm/frames.h"
#include "mm/guest_mem.h"
#include "mm/spte.h"
#include "mm/tlb.h"

/* Each CPU counts for itself: see tdp_stats_read(). Names are KVM's where it has one. */
struct tdp_stats {
	u64 pf_fixed, pf_spurious, pf_retry, pf_emulate, pf_nomem; /* as enum tdp_result */
	u64 pf_taken; /* second-level faults: the sum of these, when it is read */
	u64 pf_mmio_spte_created; /* marks that say "a device" */
	u64 pages_4k, pages_2m, pages_1g; /* leaves mapped now */
	u64 table_pages; /* table frames owned now, the root included */
	u64 nx_lpage_splits; /* tables there are where a huge leaf was not to be executed from */
	u64 splits, collapses; /* huge leaves taken apart, and made again */
	u64 pages_freed; /* table frames freed after rounds */
} __aligned(128);

/* What the CPU and the VM's owner want. */
struct tdp_config {
	const struct spte_format *fmt;
	unsigned int max_leaf_level; /* LEVEL_4K..LEVEL_1G, what the CPU can */
	bool hw_ad; /* the CPU sets accessed and dirty bits */
	bool pml; /* it can list the pages where it sets a dirty bit */
	bool nx_huge; /* never execute from huge pages (iTLB multihit) */
	u64 mmio_signal; /* what makes the CPU tell a mark from what is just absent; 0: it cannot */
};

struct tdp {
	const struct spte_format *fmt; /* [const] */
	unsigned int root_level; /* [const] 4 */
	unsigned int max_leaf_level; /* [const] */
	bool hw_ad, pml, nx_huge; /* [const] */
	u64 mmio_signal; /* [const] */
	u64 mmio_generation; /* [const] of the slots at first: while it is theirs, all marks are right */
	hpa_t root; /* [const] what the hardware is given */
	struct frame_owner tables; /* who the table frames belong to */
	struct guest_mem *mem; /* [const] */
	struct spinlock slots_lock; /* who changes slots, or starts and stops logs */
	struct spinlock lock; /* while a slot is logged: who removes or harvests dirty leaves */
	u32 logs; /* [atomic] slots that are logged */
	u32 passes; /* [atomic] that change leaves in place, and may have to flush */
	struct tlb_space tlb;
	struct tdp_stats *stats; /* by index of the CPU */
	u64 plain[LEVEL_1G + 1]; /* [const] by level: a leaf with all rights, but for the frame */
};

enum tdp_result {
	TDP_FIXED, /* a translation was installed */
	TDP_SPURIOUS, /* it was there already: another CPU did it, or a stale TLB entry */
	TDP_RETRY, /* a zap is in progress there: run the guest again */
	TDP_EMULATE, /* a device access: no slot there, or a write to a read-only one */
	TDP_NOMEM, /* no frame for a table */
};

/* E_NOMEM; E_INVAL: max_leaf_level. mem must outlive the tree. */
int __must_check tdp_create(struct tdp *tdp, const struct tdp_config *config,
			    struct guest_mem *mem);
/* Zap everything and give all table frames back. No vCPU may use the tree any more. */
void tdp_destroy(struct tdp *tdp);

/*
 * Resolve a guest access (enum spte_access bits of what it wanted) at gpa. Takes no lock but the
 * frame allocator's, for a table.
 */
enum tdp_result tdp_fault(struct tdp *tdp, gpa_t gpa, unsigned int access);

/* The CPU says that a mark has refused the access: is it certain that no slot is there? */
static inline bool tdp_mmio_is_current(const struct tdp *tdp)
{
	return tdp->mmio_generation == guest_mem_table(tdp->mem)->generation;
}

/*
 * Remove every translation of [start, end) and free the tables that become empty: one
 * shootdown round, whatever the size. When it returns no CPU can use the old translations. A leaf
 * that is only partly in the range goes as a whole.
 */
void tdp_zap(struct tdp *tdp, gfn_t start, gfn_t end);

/* Take the right to write from every leaf that has any of [start, end). At most one round. */
void tdp_write_protect(struct tdp *tdp, gfn_t start, gfn_t end);

/*
 * Replace the huge leaves that have any of [start, end) by 4 KiB ones that say the same: no round.
 * E_NOMEM: not all of them, the others are as they were.
 */
int __must_check tdp_split(struct tdp *tdp, gfn_t start, gfn_t end);

/*
 * Replace tables in [start, end) by huge leaves, where these are right. One round for each
 * TDP_COLLAPSE_TABLES of them.
 */
void tdp_collapse(struct tdp *tdp, gfn_t start, gfn_t end);
#define TDP_COLLAPSE_TABLES 1024u

/*
 * How many 4 KiB pages of [start, end) were used since the last call: those whose leaf the CPU has
 * marked as accessed, or that have faulted where it does not. One round.
 */
u64 tdp_age(struct tdp *tdp, gfn_t start, gfn_t end);

/* Sum of what all CPUs have counted. */
void tdp_stats_read(const struct tdp *tdp, struct tdp_stats *sum);

/* What one step of a walk saw, for the shell and for tests. */
struct tdp_walk_step {
	unsigned int level;
	u64 spte;
};

/* Walk gpa from the root; fills at most root_level steps, returns how many. Lock-free. */
unsigned int tdp_walk(struct tdp *tdp, gpa_t gpa, struct tdp_walk_step *steps);
