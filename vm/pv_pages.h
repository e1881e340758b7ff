/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The structures in guest memory by which KVM's guests are told the time, and what they wait for;
 * laid out as Linux's documentation of KVM's MSRs and its pvclock ABI say. An address that a guest has given is looked up
 * at each use: slots come and go. To be called within a walk (mm/tlb.h) or an exit.
 *
 * A structure's version is odd while it is being written: the guest reads again until it has seen
 * the same even number before and after.
 */
#pragma once

#include "mm/guest_mem.h"

/* The time of a vCPU: ((tsc - tsc_timestamp) << shift) * mul / 2^32 + system_time, in ns. */
struct pv_clock_page {
	u32 version, pad0;
	u64 tsc_timestamp, system_time;
	u32 mul;
	s8 shift;
	u8 flags;
	u8 pad[2];
} __packed;
_Static_assert(sizeof(struct pv_clock_page) == 32, "as guests know it");
#define PV_CLOCK_STABLE 0x01u /* the clocks of all vCPUs are one */

/* The date, since 1970, at which the above gave 0. */
struct pv_wall_page {
	u32 version, sec, nsec;
} __packed;
_Static_assert(sizeof(struct pv_wall_page) == 12, "as guests know it");

struct pv_steal_page {
	u64 steal; /* ns that the vCPU could have run and has waited */
	u32 version, flags;
	u8 preempted; /* PV_PREEMPTED, to which other vCPUs add PV_FLUSH_TLB */
	u8 pad0[3];
	u32 pad[11];
} __packed;
_Static_assert(sizeof(struct pv_steal_page) == 64, "as guests know it");
_Static_assert(offsetof(struct pv_steal_page, preempted) == 16, "as guests know it");
#define PV_PREEMPTED 0x01u
#define PV_FLUSH_TLB 0x02u

/* Do len bytes at gpa lie in one page that the guest may write? */
bool pv_page_usable(const struct guest_mem *mem, u64 gpa, u64 len);

/*
 * Write what is behind the version; nothing happens where the guest has no memory any more. gpa is a
 * multiple of 4, and was usable.
 */
void pv_clock_page_write(const struct guest_mem *mem, u64 gpa, const struct pv_clock_page *clock);
void pv_wall_page_write(const struct guest_mem *mem, u64 gpa, u64 ns);

/* steal in ns; gpa is a multiple of 64. */
void pv_steal_page_write(const struct guest_mem *mem, u64 gpa, u64 steal);

/*
 * Say that the vCPU does not run. False: it cannot be said, and others will not ask anything of it
 * that way.
 */
bool pv_steal_page_out(const struct guest_mem *mem, u64 gpa);

/* Take that back. Must the vCPU flush its TLB? Also when it cannot be read what was asked. */
bool pv_steal_page_in(const struct guest_mem *mem, u64 gpa);

/* How guests get ns from TSC ticks, scale being ns per tick with 32 fraction bits. */
void pv_clock_scale(u64 scale, struct pv_clock_page *clock);
