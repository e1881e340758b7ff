/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations that random programs are made of. A new one is an entry of op_kinds[].
 */
#pragma once

#include "sched.h"

enum op_id {
	OP_ACCESS, /* a guest access, with all the faults that it takes */
	OP_STAY, /* some time in the guest: speculation only */
	OP_LEAVE,
	OP_FAULT, /* tdp_fault() for no guest access */
	OP_WALK,
	OP_ZAP,
	OP_ROUND, /* a shootdown of its own */
	OP_PROTECT, /* no writing, until the next fault */
	OP_SPLIT,
	OP_COLLAPSE,
	OP_AGE,
	OP_WRITE, /* the hypervisor writes to guest memory */
	/* At a position: */
	OP_SLOT, /* a slot comes, or goes */
	OP_MOVE, /* it moves to the next position */
	OP_READONLY, /* on or off */
	OP_LOG, /* a dirty log begins, or ends */
	OP_HARVEST,
	OP_KINDS
};

struct op_kind {
	const char *name;
	u8 cpu_weight, manager_weight; /* how often, in random programs */
	void (*choose)(struct op *op, u64 *rng); /* its arguments; kind and space are set */
	void (*run)(struct actor *actor, const struct op *op);
	bool in_guest; /* a CPU need not leave the guest for it */
	bool removes; /* what it removes, and what [gfn, end) had before, is dead when it returns */
	bool narrows; /* what it replaces by less is so */
	bool protects; /* what was writable in [gfn, end) before is so */
	bool asks_round; /* it makes a round even if nothing is removed */
	bool shares_round; /* it does so when others are at work */
	u8 max_rounds;
};

extern const struct op_kind op_kinds[OP_KINDS];

/* For directed programs. */
struct op op_access(u64 gfn);
struct op op_read(u64 gfn);
/* The fault that a write would take, without the write. */
struct op op_write_fault(u64 gfn);
/* how: the operation's variant. */
struct op op_position(enum op_id kind, u8 how);
struct op op_range(enum op_id kind, u64 gfn, u64 end);
