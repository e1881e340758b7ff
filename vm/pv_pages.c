/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the structures of pv_pages.h. The guest may change them at any time, which harms nobody but
 * itself: nothing is read from them but the version to count on and what other vCPUs ask for.
 */
#include "vm/pv_pages.h"

#include "lib/atomic.h"
#include "lib/string.h"

bool pv_page_usable(const struct guest_mem *mem, u64 gpa, u64 len)
{
	return (gpa & (PAGE_SIZE - 1)) + len <= PAGE_SIZE && guest_mem_ptr_write(mem, GPA(gpa));
}

/* From its version on a structure is being written; the version to end that with. */
static u32 write_begin(u32 *version)
{
	u32 odd = (atomic_load(version) + 1) | 1;

	atomic_store(version, odd);
	smp_mb(); /* before any of what follows */
	return odd + 1;
}

void pv_clock_page_write(const struct guest_mem *mem, u64 gpa, const struct pv_clock_page *clock)
{
	const size_t behind = sizeof(clock->version);
	u8 *page = guest_mem_ptr_write(mem, GPA(gpa));
	u32 version;

	if (!page)
		return;
	version = write_begin((u32 *)page);
	memcpy(page + behind, (const u8 *)clock + behind, sizeof(*clock) - behind);
	atomic_store((u32 *)page, version);
	guest_mem_written(mem, GPA(gpa));
}

void pv_wall_page_write(const struct guest_mem *mem, u64 gpa, u64 ns)
{
	u32 *page = guest_mem_ptr_write(mem, GPA(gpa));
	u32 version;

	if (!page)
		return;
	version = write_begin(&page[0]);
	page[1] = (u32)(ns / 1000000000);
	page[2] = (u32)(ns % 1000000000);
	atomic_store(&page[0], version);
	guest_mem_written(mem, GPA(gpa));
}

void pv_steal_page_write(const struct guest_mem *mem, u64 gpa, u64 steal)
{
	u64 *page = guest_mem_ptr_write(mem, GPA(gpa));
	u32 *version_at, version;

	if (!page)
		return;
	version_at = (u32 *)&page[1];
	version = write_begin(version_at);
	atomic_store(&page[0], steal);
	atomic_store(version_at, version);
	guest_mem_written(mem, GPA(gpa));
}

bool pv_steal_page_out(const struct guest_mem *mem, u64 gpa)
{
	struct pv_steal_page *page = guest_mem_ptr_write(mem, GPA(gpa));

	if (!page)
		return false;
	atomic_store(&page->preempted, (u8)PV_PREEMPTED);
	guest_mem_written(mem, GPA(gpa));
	return true;
}

bool pv_steal_page_in(const struct guest_mem *mem, u64 gpa)
{
	struct pv_steal_page *page = guest_mem_ptr_write(mem, GPA(gpa));
	u8 asked;

	if (!page)
		return true;
	asked = atomic_xchg(&page->preempted, (u8)0);
	guest_mem_written(mem, GPA(gpa));
	/* Anything but what we left there: the memory is another one, perhaps, or nonsense. */
	return asked != PV_PREEMPTED;
}

void pv_clock_scale(u64 scale, struct pv_clock_page *clock)
{
	clock->shift = 0;
	for (; scale >> 32; scale >>= 1)
		clock->shift++;
	clock->mul = (u32)scale;
}
