/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own page tables: one tree for all CPUs, built at start-up. No page is
 * both writable and executable. Changed by the boot CPU only.
 */
#pragma once

#include "arch/percpu.h"
#include "lib/addr.h"
#include "mm/frames.h"

enum host_rights { HOST_RO, HOST_RW, HOST_RX, HOST_IO /* RW, uncached */, HOST_WC /* RW */ };

/*
 * Build the tree: the image with each section's rights, and all of memory in the direct map in the
 * largest pages. Table pages come from ram below 4 GiB that is not reserved; what was taken is
 * returned in *used, which the caller adds to the reserved ranges. E_NOMEM: no such range.
 */
int __must_check host_tables_init(const struct mem_range *ram, size_t ram_count,
				  const struct mem_range *reserved, size_t reserved_count,
				  struct mem_range *used);

/* From now on take table pages and stacks from the frame allocator. E_NOMEM. */
int __must_check host_tables_use_frames(void);

/* Load the tree on the calling CPU. */
void host_tables_load(void);

/* Physical address of the root, for CPUs that are starting. Below 4 GiB. */
hpa_t host_tables_root(void);

/*
 * Make [hpa, hpa + len) readable in the direct map where it is not there yet (firmware tables in
 * reserved memory). E_RANGE: beyond the physical width or the direct map; E_NOMEM.
 */
int __must_check host_map_firmware(hpa_t hpa, u64 len);

/* Map device registers. NULL: beyond the physical width, or no memory. */
volatile void *host_map_io(hpa_t hpa, u64 len);

/* As host_map_io, write-combining and in large pages. */
volatile void *host_map_framebuffer(hpa_t hpa, u64 len);

/* A stack of pages frames with an unmapped page below. E_NOMEM. */
int __must_check host_map_stack(u32 pages, struct stack *stack);

/* Identity-map one page for CPUs that are starting, read-only and executable; and take it away. */
int __must_check host_map_trampoline(hpa_t page);
void host_unmap_trampoline(hpa_t page);

/* Start-up is over: what was __ro_after_init is read-only from now on. */
void host_tables_seal(void);
