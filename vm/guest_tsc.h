/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's TSC: the boot CPU's, times a ratio by which the CPU multiplies while the guest runs (TSC
 * scaling in VMX, the TSC ratio MSR in SVM), plus each vCPU's offset.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/types.h"

/* As VMX has it: 48 fraction bits. The last 16 are 0, as SVM has no more than 32. */
#define TSC_RATIO_SHIFT 48u
#define TSC_RATIO_ONE (1ull << TSC_RATIO_SHIFT)
/* SVM has 8 bits before the point, VMX 16. */
#define TSC_RATIO_END 256u

struct guest_tsc {
	u64 khz; /* what it counts, to a 2^32th of the host's */
	u64 ratio; /* guest ticks in one of the host's */
	u64 inverse; /* host ticks in one of the guest's, not less */
	bool scaled; /* the CPU has to multiply */
};

/* khz: 0, or VM_TSC_KHZ_MIN..VM_TSC_KHZ_MAX; 0: as the host's. */
void guest_tsc_init(struct guest_tsc *tsc, u64 host_khz, u64 khz);

static inline u64 tsc_times(u64 ticks, u64 ratio)
{
	return (u64)((unsigned __int128)ticks * ratio >> TSC_RATIO_SHIFT);
}

/* What a guest without an offset reads when the host's TSC is host; for differences, which wrap, too. */
static inline u64 guest_tsc_at(const struct guest_tsc *tsc, u64 host)
{
	if (likely(!tsc->scaled))
		return host;
	return (s64)host < 0 ? -tsc_times(-host, tsc->ratio) : tsc_times(host, tsc->ratio);
}

/* How long, in host ticks, until the guest's has gone on by ticks, at least; saturates. */
static inline u64 guest_tsc_until(const struct guest_tsc *tsc, u64 ticks)
{
	unsigned __int128 product;

	if (likely(!tsc->scaled))
		return ticks;
	product = (unsigned __int128)ticks * tsc->inverse + TSC_RATIO_ONE - 1;
	return product >> (TSC_RATIO_SHIFT + 64) ? ~0ull : (u64)(product >> TSC_RATIO_SHIFT);
}
