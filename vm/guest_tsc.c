/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ratio of a guest's TSC. See guest_tsc.h.
 */
#include "vm/guest_tsc.h"

void guest_tsc_init(struct guest_tsc *tsc, u64 host_khz, u64 khz)
{
	u64 ratio = khz ? (khz << 32) / host_khz : 1ull << 32;

	tsc->khz = khz ? khz : host_khz;
	tsc->ratio = ratio << (TSC_RATIO_SHIFT - 32);
	tsc->scaled = tsc->ratio != TSC_RATIO_ONE;
	/* Of what the CPU multiplies by, which is rounded. */
	tsc->inverse = (~0ull / ratio + 1) << (TSC_RATIO_SHIFT - 32);
}
