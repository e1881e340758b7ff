/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small objects for the hypervisor: power-of-two size classes up to 1 KiB cut from
 * 4 KiB frames, runs of frames above that. Everything comes zeroed and aligned to its
 * class (so a 4 KiB object is page-aligned and physically contiguous).
 */
#pragma once

#include "lib/types.h"

struct frame_owner;

/* Before the first kzalloc. */
int __must_check heap_init(void);

/* NULL when there is no memory or size is 0 or above 2 MiB. */
void *__must_check kzalloc(size_t size);
/* size is the one given to kzalloc. ptr may be NULL. */
void kfree(void *ptr, size_t size);
