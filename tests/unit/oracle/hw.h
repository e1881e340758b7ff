/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated CPU: enters and leaves guests with the kernel's own vcpu_may_enter(), and
 * translates by a TLB and paging-structure caches that keep whatever the manuals let them.
 */
#pragma once

#include "judge.h"
#include "world.h"

#define HW_TLB 20u
#define HW_PSC 12u
#define HW_WALKS 2u
#define HW_LIST 128u

/* A cached leaf translation; of a large leaf it may be any part. */
struct hw_tlb {
	u32 leaf; /* where it is from; NO_LEAF: nothing here */
	u8 space, access;
	bool dirty; /* writes need no walk */
	u64 gfn, pages, pfn;
};

/* A table that a walk may go on from, without looking at what is above. */
struct hw_table {
	hpa_t table; /* 0: nothing here */
	u32 incarnation;
	u8 space;
	unsigned int level; /* of its entries */
	u64 gfn; /* the first */
};

/* A walk that is under way. */
struct hw_walk {
	bool busy;
	u64 gfn;
	struct hw_table at;
};

struct hw_cpu {
	struct percpu percpu; /* management threads run on CPUs too, and enter no guest */
	u32 nmi; /* [atomic] a kick is under way to it, or has come */
	struct vcpu vcpus[MAX_SPACES];
	bool in_guest;
	bool in_turn; /* it runs the vCPU of space: is in the guest, or handles its exits */
	u32 space; /* that it is in, or was in last */
	u64 flushed[MAX_SPACES]; /* the generation that it flushed for last */
	u32 tlb_next, psc_next; /* the ones to replace */
	struct hw_tlb tlb[HW_TLB];
	struct hw_table psc[HW_PSC];
	struct hw_walk walks[HW_WALKS]; /* speculative ones */
	u64 written[HW_LIST]; /* where it has set dirty bits, while it lists them (PML) */
	u32 written_count;
};

extern struct hw_cpu hw_cpus[MAX_ACTORS];

void hw_reset(void);

/* Leave what it is in and run the vCPU of space: handle its exits, that is. */
void hw_turn(struct hw_cpu *cpu, u32 space);
/* The same, and enter the guest, unless something is asked of the CPU. */
void hw_enter(struct hw_cpu *cpu, u32 space);
/* Into the handler of an exit. */
void hw_exit(struct hw_cpu *cpu);
/* The exit has been handled: run no vCPU any more. */
void hw_leave(struct hw_cpu *cpu);
/* Between two instructions: leave the guest if asked to, sooner or later. False: not in a guest. */
bool hw_stays(struct hw_cpu *cpu);
/* Something that CPUs do by themselves while they are in a guest. */
void hw_speculate(struct hw_cpu *cpu);
enum hw_result {
	HW_DONE,
	HW_VIOLATION,
	HW_MARK, /* the entry is one that says what it is by being wrong */
};
/* A guest access. */
enum hw_result hw_access(struct hw_cpu *cpu, u64 gfn, unsigned int access);

/* For the judge: report CPUs that may use what they must not. */
void hw_check_dead(void);
void hw_check_unusable(u32 leaf);
void hw_check_freed(hpa_t table);
void hw_check_frames(u64 pfn, u64 npages);
void hw_check_made(const struct leaf *leaf);
