/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to the operations: those at positions, and what all of them need.
 */
#pragma once

#include "ops.h"
#include "world.h"

static inline struct tdp *op_tdp(const struct op *op)
{
	return &world.vms[op->space].tdp;
}

/* A failed result is only right when memory may be short. */
void op_expect_memory(int err);

/* A position. What else an operation on it wants to know is in access. */
void choose_position(struct op *op, u64 *rng);

void run_slot(struct actor *actor, const struct op *op);
void run_move(struct actor *actor, const struct op *op);
void run_readonly(struct actor *actor, const struct op *op);
void run_log(struct actor *actor, const struct op *op);
void run_harvest(struct actor *actor, const struct op *op);
