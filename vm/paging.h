/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's own page tables, read in software: from gva to gpa in every paging mode.
 * One walker over const descriptors of the table formats. Touches guest memory only.
 */
#pragma once

#include "lib/addr.h"
#include "mm/guest_mem.h"

/* The guest state that decides how it translates. */
struct guest_paging {
	u64 cr0, cr3, cr4, efer;
	bool user; /* CPL 3 */
};

/* Bits of a page-fault error code, also used to say what kind of access is asked for. */
#define PF_PRESENT 0x01u
#define PF_WRITE 0x02u
#define PF_USER 0x04u
#define PF_RSVD 0x08u
#define PF_FETCH 0x10u

/*
 * Translate gva for access (PF_WRITE, PF_USER, PF_FETCH). A user access is one with PF_USER or with
 * paging->user. 0: *gpa is set; it need not lie in guest memory. E_FAULT: the guest's tables refuse
 * it; *error is the error code of the #PF that the guest is owed, or 0 with a gva that is not
 * canonical (gva_is_canonical tells: the guest is owed #GP or #SS then). E_RANGE: a table lies
 * outside of guest memory (*gpa says where). Does not set accessed or dirty bits.
 * Permission bits are checked as the manuals say (CR0.WP, SMEP, SMAP, NX). SMAP is checked as with
 * RFLAGS.AC clear: who wants its override clears CR4.SMAP in paging. Taken for granted: MAXPHYADDR
 * is 52 (address bits that a smaller one reserves lead outside of memory instead), PSE-36 and
 * 1 GiB pages are there, protection keys are not.
 */
int __must_check guest_walk(const struct guest_mem *mem, const struct guest_paging *paging,
			    gva_t gva, u32 access, gpa_t *gpa, u32 *error);

/* Can gva be used at all? False in 64-bit mode for what is not sign-extended from 48 or 57 bits. */
bool gva_is_canonical(const struct guest_paging *paging, gva_t gva);

/*
 * Copy len bytes at gva, page by page, with the access rights in access. On E_FAULT *fault_gva and
 * *error describe the #PF. E_RANGE: guest-physical address without memory. buf is filled up to
 * the page that failed. A gva behind the last one goes on at 0.
 */
int __must_check guest_read_gva(const struct guest_mem *mem, const struct guest_paging *paging,
				gva_t gva, void *buf, u64 len, u32 access, gva_t *fault_gva,
				u32 *error);

/* Room that guest_fetch wants: one byte more than the longest instruction, for whole loads. */
#define GUEST_FETCH_ROOM 16u

/*
 * Fetch the bytes of the instruction at linear address rip: *len of them, 1 to 15, less than 15
 * when the page behind is not readable. buf has GUEST_FETCH_ROOM bytes. E_FAULT: not even the first
 * byte: *fault_gva and *error describe the fault. E_RANGE: the first byte is not in guest memory.
 * A decoder that wants more than *len bytes ran into the next page: guest_walk of rip + *len says
 * why it could not be read.
 */
int __must_check guest_fetch(const struct guest_mem *mem, const struct guest_paging *paging,
			     gva_t rip, u8 *buf, size_t *len, gva_t *fault_gva, u32 *error);
