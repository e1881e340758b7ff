/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For test_paging.c: guest memory in scattered pieces, entries set in any format, and a second
 * page-table walker, written from the manuals' prose case by case.
 */
#pragma once

#include "host.h"

#include <string.h>

#include "host_slots.h"
#include "lib/err.h"
#include "vm/paging.h"

#define CR0_PG_WP 0x80010000ull
#define CR0_PG 0x80000000ull
#define CR4_PSE 0x10ull
#define CR4_PAE 0x20ull
#define CR4_LA57 0x1000ull
#define CR4_SMEP 0x100000ull
#define CR4_SMAP 0x200000ull
#define EFER_LMA 0x400ull
#define EFER_NXE 0x800ull
#define NX BIT(63)

/* Two slots, in host memory in pieces of 2 MiB in no order. */
#define LOW_CHUNKS 4u
#define HIGH_CHUNKS 2u
#define HIGH_BASE GIB(4)
static pfn_t low_backing[LOW_CHUNKS] = { { 0xa00 }, { 0x200 }, { 0xc00 }, { 0x600 } };
static pfn_t high_backing[HIGH_CHUNKS] = { { 0x800 }, { 0x400 } };
static struct guest_mem mem;
static struct host_slots slots;

enum format { F32, F32_PSE, FPAE, F4, F5, FORMATS };
static const u64 format_cr4[FORMATS] = {
	[F32] = 0, [F32_PSE] = CR4_PSE, [FPAE] = CR4_PAE, [F4] = CR4_PAE, [F5] = CR4_PAE | CR4_LA57,
};
static const int format_depth[FORMATS] = { 2, 2, 3, 4, 5 };

static u64 seed = 0x9a91;

static u64 random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static u64 random_below(u64 n)
{
	return (random_u64() >> 20) % n;
}

/* gpa to simulated memory without the code under test. */
static u8 *at(u64 gpa)
{
	if (gpa < LOW_CHUNKS * MIB(2))
		return host_memory + low_backing[gpa / MIB(2)].raw * PAGE_SIZE + gpa % MIB(2);
	if (gpa - HIGH_BASE < HIGH_CHUNKS * MIB(2)) {
		gpa -= HIGH_BASE;
		return host_memory + high_backing[gpa / MIB(2)].raw * PAGE_SIZE + gpa % MIB(2);
	}
	return NULL;
}

static bool is_32bit(enum format format)
{
	return format == F32 || format == F32_PSE;
}

static struct guest_paging paging_of(enum format format, u64 cr3)
{
	return (struct guest_paging){
		.cr0 = CR0_PG_WP,
		.cr3 = cr3,
		.cr4 = format_cr4[format],
		.efer = EFER_NXE | (format >= F4 ? EFER_LMA : 0),
	};
}

static unsigned int shift_of(enum format format, int level)
{
	return is_32bit(format) ? (level == 2 ? 22 : 12) : 12 + 9 * ((unsigned int)level - 1);
}

static u64 entry_gpa(enum format format, int level, u64 table, u64 gva)
{
	u64 index = gva >> shift_of(format, level);

	return is_32bit(format) ? table + (index & 1023) * 4 : table + (index & 511) * 8;
}

static void set_entry(enum format format, int level, u64 table, u64 gva, u64 entry)
{
	memcpy(at(entry_gpa(format, level, table, gva)), &entry, is_32bit(format) ? 4 : 8);
}

/* The result of a walk, ours or the reference's. */
struct result {
	int err;
	u64 gpa;
	u32 error;
};

static struct result ref_fault(const struct guest_paging *p, u32 access, u32 bits)
{
	if (access & PF_WRITE)
		bits |= PF_WRITE;
	if (access & PF_USER)
		bits |= PF_USER;
	if (access & PF_FETCH && (p->cr4 & CR4_SMEP || (p->cr4 & CR4_PAE && p->efer & EFER_NXE)))
		bits |= PF_FETCH;
	return (struct result){ .err = E_FAULT, .error = bits };
}

static u64 ref_reserved(const struct guest_paging *p, enum format format, int level, u64 entry)
{
	bool large = entry & 0x80;
	u64 rsvd = 0;

	if (is_32bit(format))
		return format == F32_PSE && level == 2 && large ? BIT(21) : 0;
	if (!(p->efer & EFER_NXE))
		rsvd |= NX;
	if (format == FPAE)
		rsvd |= BITS(62, 52);
	if (format == FPAE && level == 3)
		return rsvd | NX | 0x1c6; /* not bit 5: see paging_formats.h */
	if (level >= 4)
		rsvd |= 0x80;
	if (level == 2 && large)
		rsvd |= BITS(20, 13);
	if (level == 3 && large)
		rsvd |= BITS(29, 13);
	return rsvd;
}

static bool ref_large(enum format format, int level, u64 entry)
{
	if (!(entry & 0x80) || format == F32)
		return false;
	return level == 2 || (level == 3 && format >= F4);
}

static bool ref_allowed(const struct guest_paging *p, u32 access, bool user, bool write, bool exec)
{
	if (access & PF_USER) {
		if (!user || (access & PF_WRITE && !write))
			return false;
	} else {
		if (access & PF_WRITE && !write && p->cr0 & 0x10000)
			return false;
		if (user && access & PF_FETCH && p->cr4 & CR4_SMEP)
			return false;
		if (user && !(access & PF_FETCH) && p->cr4 & CR4_SMAP)
			return false;
	}
	return !(access & PF_FETCH) || exec;
}

static struct result ref_walk(const struct guest_paging *p, enum format format, u64 gva, u32 access)
{
	u64 table = p->cr3 & (format >= F4     ? BITS(51, 12)
			      : format == FPAE ? 0xffffffe0ull
					       : 0xfffff000ull);
	bool user = true, write = true, exec = true;

	access |= p->user ? PF_USER : 0;
	if (format < F4)
		gva &= 0xffffffff;
	else if (gva + BIT(format == F4 ? 47 : 56) >= BIT(format == F4 ? 48 : 57))
		return (struct result){ .err = E_FAULT };
	for (int level = format_depth[format];; level--) {
		u64 entry = 0, size = BIT(shift_of(format, level));

		if (!at(table))
			return (struct result){ .err = E_RANGE, .gpa = table };
		memcpy(&entry, at(entry_gpa(format, level, table, gva)), is_32bit(format) ? 4 : 8);
		if (!(entry & 1))
			return ref_fault(p, access, 0);
		if (entry & ref_reserved(p, format, level, entry))
			return ref_fault(p, access, PF_PRESENT | PF_RSVD);
		if (format != FPAE || level != 3) {
			write &= entry >> 1 & 1;
			user &= entry >> 2 & 1;
		}
		exec &= !(entry & NX);
		table = entry & BITS(51, 12);
		if (level != 1 && !ref_large(format, level, entry))
			continue;
		if (!ref_allowed(p, access, user, write, exec))
			return ref_fault(p, access, PF_PRESENT);
		if (is_32bit(format) && level == 2)
			table = (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
		return (struct result){ .gpa = (table & ~(size - 1)) | (gva & (size - 1)) };
	}
}
