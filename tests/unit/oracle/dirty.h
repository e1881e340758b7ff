/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge's book about written pages: what the guest has written and a harvest of the
 * dirty log has to report, once.
 */
#pragma once

#include "sched.h"

#define DIRTY_PAGES 64u

/* A harvest of [gfn, end) that is under way. */
struct dirty_harvest {
	u32 space;
	u64 gfn, end;
	u64 since; /* the clock when it began */
	bool reported[DIRTY_PAGES];
};

/* Nothing has been written, and no log is kept. */
void dirty_reset(void);
/*
 * From now on writes to the slot at gfn, a position, may be reported, or no longer; and after this,
 * they have to be.
 */
void dirty_log(u32 space, u64 gfn, bool on);
void dirty_log_runs(u32 space, u64 gfn);
/* The guest writes, or the hypervisor for it. */
void dirty_written(u32 space, u64 gfn);
/*
 * From here on, until off, somebody tells the log of a write that he makes meanwhile, or lets the
 * guest make: it may be reported before it is made, and after.
 */
void dirty_told(u32 space, u64 gfn, bool on);

/*
 * A harvest begins; says that a page is dirty; has returned. What was written before it began must
 * have been reported, what is written while it runs may be left to the next one; nothing that was
 * not written since it was reported last.
 */
void dirty_harvest_begin(struct dirty_harvest *harvest, u32 space, u64 gfn, u64 end);
void dirty_harvest_report(struct dirty_harvest *harvest, u64 gfn);
void dirty_harvest_end(const struct dirty_harvest *harvest);
