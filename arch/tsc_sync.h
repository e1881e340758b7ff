/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far another CPU's TSC is from this one's. The CPU that asks takes its own TSC before and
 * after the other one has read its: in step, the other's lies between the two.
 *
 *	asker    t0 ---- request ---------------- answer ---- t1
 *	other                    \---- tsc ----/
 */
#pragma once

#include "lib/types.h"

struct tsc_skew {
	u64 samples;
	s64 ticks; /* the other CPU's TSC minus the asker's */
	u64 error; /* ticks may be wrong by so much: half of the shortest round trip */
};

/* One exchange; the shortest one counts. Start with a zeroed skew. */
void tsc_skew_add(struct tsc_skew *skew, u64 before, u64 other, u64 after);

/* Is the difference more than can be told from none? */
bool tsc_skew_is_real(const struct tsc_skew *skew);

/* Where two CPUs meet. Zeroed before each measurement. */
struct tsc_meeting {
	u32 request,
		answer; /* [atomic] the exchange that is asked for, and the last one answered */
	u64 tsc; /* [atomic] */
};

/* The other CPU's side: returns when the asker has seen enough. */
void tsc_sync_answer(struct tsc_meeting *meeting);

/* The asker's. False: the other CPU has stopped answering. */
bool __must_check tsc_sync_ask(struct tsc_meeting *meeting, struct tsc_skew *skew);
