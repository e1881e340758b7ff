/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest that dirty_check.c watches, tests/guest/dirty.c, and the check agree on.
 */
#pragma once

#include "lib/types.h"

#define DIRTY_MAGIC 0x5d1a7e0c4ec4b10cull
#define DIRTY_PAGES_MAX 65536u

/* In guest memory, at an address that the guest prints. */
struct dirty_control {
	u64 magic;
	u64 seed;
	u64 first; /* gpa of the pages */
	u64 pages;
	u64 done; /* so many writes have been made, and nothing of any other */
	u64 stop; /* 1: enough */
};

/* Which page write number i, from 1, goes to. */
static inline u64 dirty_page(const struct dirty_control *control, u64 i)
{
	u64 z = control->seed + i * 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (z ^ z >> 31) % control->pages;
}
