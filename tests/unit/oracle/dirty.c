/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lost and doubly reported dirty pages: see dirty.h. Programs touch few pages, so a list
 * will do.
 */
#include "dirty.h"

#include <string.h>

#include "report.h"
#include "world.h"

static struct page {
	u32 space;
	u64 gfn;
	u64 first, last; /* writes that no harvest has covered; the last write: 0 for none */
	u64 covered; /* when the harvest began that reported it last */
	u32 tellers; /* who may just be telling the log of a write */
} pages[DIRTY_PAGES];
static u32 page_count;
static bool logged[MAX_SPACES][POSITIONS];

void dirty_reset(void)
{
	page_count = 0;
	memset(logged, 0, sizeof(logged));
}

static u64 area_of(u64 gfn)
{
	return (gfn - POSITION_GFN(0)) / (2 * POSITION_PAGES);
}

void dirty_log(u32 space, u64 gfn, bool on)
{
	logged[space][area_of(gfn)] = on;
	/* What was written before is of no interest; nor is it afterwards. */
	for (u32 i = 0; i < page_count; i++) {
		if (pages[i].space == space && area_of(pages[i].gfn) == area_of(gfn))
			pages[i] = (struct page){ .space = space,
						  .gfn = pages[i].gfn,
						  .tellers = pages[i].tellers };
	}
}

static struct page *page_of(u32 space, u64 gfn)
{
	for (u32 i = 0; i < page_count; i++) {
		if (pages[i].space == space && pages[i].gfn == gfn)
			return &pages[i];
	}
	if (page_count == DIRTY_PAGES)
		report("ORACLE", "too many pages to keep book about");
	pages[page_count] = (struct page){ .space = space, .gfn = gfn };
	return &pages[page_count++];
}

void dirty_written(u32 space, u64 gfn)
{
	struct page *page;

	if (!world_position(space, gfn) || !logged[space][area_of(gfn)])
		return;
	page = page_of(space, gfn);
	page->last = sched.clock;
	if (!page->first)
		page->first = sched.clock;
}

void dirty_told(u32 space, u64 gfn, bool on)
{
	struct page *page;

	if (!world_position(space, gfn))
		return;
	page = page_of(space, gfn);
	page->tellers += on ? 1 : -1u;
	page->last = sched.clock;
}

void dirty_log_runs(u32 space, u64 gfn)
{
	for (u32 i = 0; i < page_count; i++) {
		if (pages[i].space == space && area_of(pages[i].gfn) == area_of(gfn))
			pages[i].first = 0;
	}
}

void dirty_harvest_begin(struct dirty_harvest *harvest, u32 space, u64 gfn, u64 end)
{
	*harvest = (struct dirty_harvest){
		.space = space,
		.gfn = gfn,
		.end = end,
		.since = sched.clock,
	};
}

void dirty_harvest_report(struct dirty_harvest *harvest, u64 gfn)
{
	struct page *page = page_of(harvest->space, gfn);

	if (gfn < harvest->gfn || gfn >= harvest->end)
		report("WRONG_RESULT", "gfn 0x%lx is reported, and was not asked for", gfn);
	/* A write while the harvest before was under way may be reported by either, or by both. */
	if (harvest->reported[page - pages] ||
	    (!page->tellers && (!page->last || page->last < page->covered)))
		report("DOUBLE_DIRTY", "gfn 0x%lx was not written since it was reported", gfn);
	harvest->reported[page - pages] = true;
}

void dirty_harvest_end(const struct dirty_harvest *harvest)
{
	for (u32 i = 0; i < page_count; i++) {
		struct page *page = &pages[i];

		if (page->space != harvest->space || page->gfn < harvest->gfn ||
		    page->gfn >= harvest->end)
			continue;
		if (harvest->reported[i]) {
			page->first = 0;
			page->covered = harvest->since;
		} else if (page->first && page->first < harvest->since) {
			report("LOST_DIRTY", "gfn 0x%lx was written, and is not reported",
			       page->gfn);
		}
	}
}
