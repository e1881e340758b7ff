/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The path of every atomic access: scheduling point, store buffer, judge.
 */
#pragma once

#include "sched.h"

/* Make all stores that actor holds back visible. */
void access_drain(struct actor *actor);

/* What is at at, size bytes. */
u64 access_value(const void *at, u32 size);

/* Forget what is known of the words at [at, at + size): they were set by other means. */
void access_adopt(const void *at, u64 size);

/*
 * Is at part of a table, a tree's state or a CPU's? Elsewhere are figures that are only added to,
 * and the frame allocator: who comes first there is not worth a schedule of its own.
 */
bool access_matters(const void *at);
