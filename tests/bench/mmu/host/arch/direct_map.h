/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bench's version of arch/direct_map.h: simulated memory at a constant that is no shorter to
 * load than the kernel's.
 */
#pragma once

#include "lib/addr.h"

#define DIRECT_MAP_BASE 0x4000000000ull

static inline void *hpa_to_ptr(hpa_t hpa)
{
	return (void *)(DIRECT_MAP_BASE + hpa.raw);
}

static inline hpa_t ptr_to_hpa(const void *ptr)
{
	return HPA((u64)ptr - DIRECT_MAP_BASE);
}
