/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to the judge: the records of leaves. judge.c says when an entry becomes one or stops
 * being one.
 */
#pragma once

#include "judge.h"

static inline u64 judge_frame(const u64 *sptep)
{
	return ptr_to_hpa(sptep).raw / PAGE_SIZE;
}

/* No records. */
void leaves_reset(void);

/* A page becomes a table, without leaves; stops being one, and all that were in it are dead. */
void leaves_begin_table(hpa_t hpa);
void leaves_end_table(hpa_t hpa);

/* The entry at sptep, in table, is the leaf spte from now on: is that right? */
void leaf_begin(u64 *sptep, u64 spte, const struct table *table);
/* It is no leaf any more, if it was one, by what the current operation does. */
void leaf_end(u64 *sptep);
/* What it has allowed is still right, but it is no longer what the tables say. */
void leaf_superseded(const u64 *sptep);

bool leaf_overlaps(const struct leaf *leaf, const struct op *op);

/* After a zap of op's range: what was there before has to be gone; or what could be written. */
void leaves_check_range(const struct op *op, u64 since, bool writable);
/* Forget the dead. */
void leaves_bury(void);
