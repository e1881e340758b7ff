/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host-test version of the direct map: host-physical memory is one sparse
 * anonymous mapping, hpa 0 at its start. Same interface as the kernel's header, which
 * this one shadows by coming first on the include path.
 */
#pragma once

#include "lib/addr.h"

extern unsigned char *host_memory;

static inline void *hpa_to_ptr(hpa_t hpa)
{
	return host_memory + hpa.raw;
}

static inline hpa_t ptr_to_hpa(const void *ptr)
{
	return HPA((u64)((const unsigned char *)ptr - host_memory));
}
