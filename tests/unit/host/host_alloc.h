/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocations that fail when a test wants it. Works in tests that are linked with ALLOC_WRAP, see
 * the Makefile: what the kernel's files ask of the heap and of the frames then comes by here. So
 * does the zeroing of 1 GiB blocks, which here gives the pages back to the host instead.
 */
#pragma once

#include "lib/types.h"

/* Let the n-th allocation from now on fail; with more: and all that follow. 0: none. */
void host_alloc_fail(u32 n, bool more);

/* Allocations that have failed since. */
extern u32 host_alloc_failed;
