/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses of every kind to one page, and what the architecture says of each. Used by the
 * 64-bit and the 32-bit paging guests.
 */
#pragma once

#include "tests/guest/lib/trap.h"

enum access { READ, WRITE, FETCH, USER_READ, USER_WRITE, USER_FETCH, ACCESS_KINDS };

extern const char *const access_names[ACCESS_KINDS];

/* What decides, besides the page-table entry. */
struct access_rules {
	bool wp, smep, smap, ac, nxe;
};

/* The page that is accessed, by whatever mapping: holds a little code. Page-aligned. */
extern u8 access_page[4096];

/* Fill access_page, open gates and stack. The stack's page is to be made user-accessible. */
void access_init(void);
extern u8 access_user_stack[4096];

/* An access's outcome: the #PF error code, or ACCESS_DONE. */
#define ACCESS_DONE 0x10000u

/* Access the page mapped at va. Anything but success and #PF bails out. */
u32 access_try(enum access kind, ulong va, const struct access_rules *rules);

/*
 * What access_try owes for an entry with these PTE_P, PTE_W, PTE_U, PTE_NX (as of all levels
 * together).
 */
u32 access_want(enum access kind, u64 flags, const struct access_rules *rules);

/* Set CR0.WP, CR4.SMEP and CR4.SMAP accordingly. */
void access_set_rules(const struct access_rules *rules);

/*
 * Every access kind under every combination of rules that this CPU has, to va mapped with flags.
 * Returns the number of wrong outcomes, and prints the first few.
 */
u32 access_check_all(ulong va, u64 flags, bool nxe);

/* The same under one set of rules. */
u32 access_check(ulong va, u64 flags, const struct access_rules *rules);

/* How many accesses have been checked. */
extern u32 access_count;
