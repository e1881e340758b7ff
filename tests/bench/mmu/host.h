/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bench's machine: see host.c.
 */
#pragma once

#include "lib/addr.h"

/* Make [0, size) of host-physical memory there. Once. */
void memory_map(u64 size);

/* In place of frame_zero(), where other files of mm/ call it. */
void __wrap_frame_zero(unsigned int level, hpa_t block);
