/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the loader's memory map to page tables and a frame allocator.
 */
#pragma once

#include "boot/bootinfo.h"

/* The RAM that Sill itself was loaded to. */
struct mem_range boot_memory_image(void);

/* Host tables, frames and heap. Logs what there is. E_NOMEM. */
int __must_check boot_memory_init(const struct boot_info *info);

/* The page below 1 MiB set aside for CPUs that start, or 0 when there was none free. */
hpa_t boot_memory_trampoline(void);
