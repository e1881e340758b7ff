/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct map: all of host-physical memory at one virtual offset, never
 * executable. Host tests replace this header by one over a simulated memory.
 */
#pragma once

#include "arch/layout.h"
#include "lib/addr.h"

#define DIRECT_MAP_BASE LAYOUT_DIRECT_MAP

static inline void *hpa_to_ptr(hpa_t hpa)
{
	return (void *)(DIRECT_MAP_BASE + hpa.raw);
}

/* ptr must be inside the direct map (a frame or heap object, not image data or a stack). */
static inline hpa_t ptr_to_hpa(const void *ptr)
{
	return HPA((u64)ptr - DIRECT_MAP_BASE);
}
