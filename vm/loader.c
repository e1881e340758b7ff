/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one entry point of the guest loaders: finds out what kind of kernel it is given, and
 * builds what both kinds share: the descriptor table, and the page tables of a kernel that
 * starts in long mode. No state; the VM does not run yet, so no lock.
 */
#include "vm/loader.h"

#include "arch/cpu.h"
#include "lib/bytes.h"
#include "lib/elf.h"
#include "lib/string.h"
#include "vm/bzimage.h"
#include "vm/mbguest.h"

/* Flat segments as Linux's boot protocol wants them: code at selector 0x10, data at 0x18. */
#define SELECTOR_CODE 0x10u
#define SELECTOR_DATA 0x18u
#define GDT_ENTRIES 4u
/* Present, granular, accessed: 32-bit code, 64-bit code, 32-bit data. */
#define ATTR_CODE32 0xc9bu
#define ATTR_CODE64 0xa9bu
#define ATTR_DATA 0xc93u

/* Present, writable; and for the last level: a 2 MiB page. */
#define TABLE_FLAGS 0x03ull
#define PAGE_2M_FLAGS 0x83ull
/* One level 4 table, one level 3 table, and one level 2 table per GiB. */
#define IDENTITY_GIB 4u
#define IDENTITY_L3 (LOAD_PAGE_TABLES + PAGE_SIZE)
#define IDENTITY_L2 (LOAD_PAGE_TABLES + 2 * PAGE_SIZE)

_Static_assert(IDENTITY_L2 + IDENTITY_GIB * PAGE_SIZE <= LOAD_INFO, "page tables have room");
_Static_assert(LOAD_AREA_END <= GUEST_BASE_END, "the load area is usable memory");

int load_write(const struct load_request *req, u64 gpa, const void *data, u64 len)
{
	if (guest_mem_write(req->mem, GPA(gpa), data, len) == 0)
		return 0;
	load_error(req, "no guest memory for %lu bytes at 0x%lx", len, gpa);
	return E_NOMEM;
}

int load_zero(const struct load_request *req, u64 gpa, u64 len)
{
	if (guest_mem_zero(req->mem, GPA(gpa), len) == 0)
		return 0;
	load_error(req, "no guest memory for %lu bytes at 0x%lx", len, gpa);
	return E_NOMEM;
}

/* The descriptor that loads as segment; its base is 0. */
static u64 segment_descriptor(const struct segment *segment)
{
	u64 limit = segment->limit >> PAGE_SHIFT;
	u64 attr = segment->attr;

	return (limit & 0xffff) | (attr & 0xff) << 40 | (limit >> 16) << 48 | (attr >> 8) << 52;
}

static int load_table(const struct load_request *req, u64 gpa, u64 first, u64 step, u32 count)
{
	u64 *table = guest_mem_ptr(req->mem, GPA(gpa));

	if (!table) {
		load_error(req, "no guest memory for page tables at 0x%lx", gpa);
		return E_NOMEM;
	}
	memset(table, 0, PAGE_SIZE);
	for (u32 i = 0; i < count; i++)
		table[i] = first + i * step;
	return 0;
}

/* Map the first 4 GiB to themselves. */
static int load_identity_map(const struct load_request *req)
{
	u64 page = level_size(LEVEL_2M);
	int err;

	err = load_table(req, LOAD_PAGE_TABLES, IDENTITY_L3 | TABLE_FLAGS, 0, 1);
	if (err)
		return err;
	err = load_table(req, IDENTITY_L3, IDENTITY_L2 | TABLE_FLAGS, PAGE_SIZE, IDENTITY_GIB);
	for (u32 i = 0; !err && i < IDENTITY_GIB; i++)
		err = load_table(req, IDENTITY_L2 + i * PAGE_SIZE, GIB(i) | PAGE_2M_FLAGS, page,
				 TABLE_ENTRIES);
	return err;
}

int load_set_entry(const struct load_request *req, struct load_result *result, enum load_mode mode,
		   u64 rip)
{
	bool long64 = mode == LOAD_LONG64;
	u64 gdt[GDT_ENTRIES] = { 0 };
	int err = long64 ? load_identity_map(req) : 0;

	if (err)
		return err;
	*result = (struct load_result){
		.mode = mode,
		.rip = rip,
		.cr0 = CR0_PE | CR0_ET | (long64 ? CR0_PG : 0),
		.cr3 = long64 ? LOAD_PAGE_TABLES : 0,
		.cr4 = long64 ? CR4_PAE : 0,
		.efer = long64 ? EFER_LME | EFER_LMA : 0,
		.code = { .selector = SELECTOR_CODE,
			  .limit = UINT32_MAX,
			  .attr = long64 ? ATTR_CODE64 : ATTR_CODE32 },
		.data = { .selector = SELECTOR_DATA, .limit = UINT32_MAX, .attr = ATTR_DATA },
		.gdt = GPA(LOAD_GDT),
		.gdt_limit = sizeof(gdt) - 1,
	};
	gdt[SELECTOR_CODE / 8] = segment_descriptor(&result->code);
	gdt[SELECTOR_DATA / 8] = segment_descriptor(&result->data);
	return load_write(req, LOAD_GDT, gdt, sizeof(gdt));
}

int loader_load(const struct load_request *req, struct load_result *result)
{
	struct bytes file = { .data = req->kernel, .len = req->kernel_size };

	*result = (struct load_result){ .rip = 0 };
	if (req->mem_size <= GUEST_EXT_BASE) {
		load_error(req, "the VM has %lu KiB of memory, a kernel needs more than %lu",
			   req->mem_size >> 10, GUEST_EXT_BASE >> 10);
		return E_NOMEM;
	}
	if (bzimage_is(file))
		return bzimage_load(req, result);
	if (mbguest_is(file))
		return mbguest_load(req, result);
	if (elf_is(file))
		load_error(req, "an ELF file, but without a multiboot header in its first 8 KiB");
	else
		load_error(req, "neither a bzImage nor a multiboot kernel (%lu bytes)", file.len);
	return E_INVAL;
}
