/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exchanges say about two CPUs' TSCs. See tsc_sync.h. Pure functions.
 */
#include "arch/tsc_sync.h"

void tsc_skew_add(struct tsc_skew *skew, u64 before, u64 other, u64 after)
{
	u64 error = (after - before + 1) / 2;

	if (skew->samples++ && error >= skew->error)
		return;
	skew->error = error;
	skew->ticks = (s64)(other - (before + (after - before) / 2));
}

bool tsc_skew_is_real(const struct tsc_skew *skew)
{
	u64 distance = skew->ticks < 0 ? 0 - (u64)skew->ticks : (u64)skew->ticks;

	return distance > skew->error;
}
