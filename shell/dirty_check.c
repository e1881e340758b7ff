/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares the dirty log with the truth: a guest that is made for it (tests/guest/dirty.c) writes to
 * pages in a pseudo-random order which we can work out as well, and says in its control block how
 * far it has got. It runs on another CPU, and is not stopped for the harvests.
 *
 *	write		... 41 42 43 | 44 45 ... 97 98 | 99 100 ...
 *	harvest		        [    k-1   ]   [   k    ]
 *	done is read	        |          |   |        |
 *	                     begin       end  begin     end
 *
 * Harvest k must report what was written after the end of k-1 and before its own begin; it may
 * report what was written since k-1 began and before it ended itself, and nothing else.
 */
#include "shell/dirty_check.h"
#include "arch/clock.h"
#include "arch/percpu.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/dirty_log.h"
#include "mm/heap.h"
#include "shell/dirty_guest.h"
#include "shell/shell.h"

#define HARVESTS 20u
#define WRITES_BETWEEN 200u
/* What the guest says is no more to be believed than any guest: so much, and so long in all. */
#define WRITES_MAX (1u << 22)
#define PATIENCE (60 * NS_PER_SEC)

struct check {
	struct vm *vm;
	struct dirty_control control; /* as it was when all began */
	gpa_t control_gpa;
	u64 begin, end; /* how far the guest was at the last harvest's begin and end */
	u64 *seen, *must, *may; /* a bit for each page */
	u64 reported, lost, extra;
};

static u64 bitmap_size(const struct check *check)
{
	return align_up(check->control.pages, 64) / 8;
}

/* Outside of exits, guest memory is looked at in a walk. */
static int control_read(const struct check *check, struct dirty_control *control)
{
	int err;

	tlb_walk_begin(&check->vm->tdp.tlb);
	err = guest_mem_read(&check->vm->mem, check->control_gpa, control, sizeof(*control));
	tlb_walk_end();
	return err;
}

static u64 done_now(const struct check *check)
{
	struct dirty_control control = { .done = 0 };

	(void)!control_read(check, &control);
	return control.done;
}

static void mark_writes(const struct check *check, u64 *bitmap, u64 after, u64 last)
{
	memset(bitmap, 0, bitmap_size(check));
	for (u64 i = after + 1; i <= last; i++) {
		u64 page = dirty_page(&check->control, i);

		bitmap[page / 64] |= BIT(page % 64);
	}
}

static void note_seen(void *ctx, gfn_t gfn, u64 bits)
{
	struct check *check = ctx;
	u64 first = check->control.first >> PAGE_SHIFT;

	for (u32 i = 0; i < 64; i++) {
		u64 page = gfn.raw + i - first;

		if ((bits & BIT(i)) && page < check->control.pages)
			check->seen[page / 64] |= BIT(page % 64);
	}
}

static int harvest(struct check *check, gfn_t base)
{
	u64 begin = done_now(check), end;
	int err;

	memset(check->seen, 0, bitmap_size(check));
	err = dirty_log_harvest(&check->vm->tdp, base, note_seen, check);
	if (err)
		return err;
	end = done_now(check);
	if (begin < check->end || end < begin || end - check->begin > WRITES_MAX)
		return E_FAULT;
	/* The write that is under way when done is read has not been counted yet. */
	mark_writes(check, check->must, check->end + 1, begin);
	mark_writes(check, check->may, check->begin, end + 1);
	for (u64 i = 0; i < bitmap_size(check) / 8; i++) {
		check->reported += bit_count(check->seen[i]);
		check->lost += bit_count(check->must[i] & ~check->seen[i]);
		check->extra += bit_count(check->seen[i] & ~check->may[i]);
	}
	check->begin = begin;
	check->end = end;
	return 0;
}

/* Let the guest write for a while. False: it does not. */
static bool wait_for_writes(const struct check *check, u64 limit)
{
	while (done_now(check) < check->end + WRITES_BETWEEN) {
		if (clock_ns() > limit)
			return false;
		__builtin_ia32_pause();
	}
	return true;
}

static int run(struct check *check, gfn_t base, enum dirty_means means, bool eager)
{
	u64 limit = clock_ns() + PATIENCE;
	const u64 one = 1;
	int err, stopped;

	check->begin = done_now(check);
	err = dirty_log_start(&check->vm->tdp, base, means, eager);
	if (err)
		return err;
	check->end = done_now(check);
	for (u32 i = 0; !err && i < HARVESTS; i++) {
		if (!wait_for_writes(check, limit))
			err = E_FAULT;
		else
			err = harvest(check, base);
	}
	tlb_walk_begin(&check->vm->tdp.tlb);
	(void)!guest_mem_write(&check->vm->mem,
			       GPA(check->control_gpa.raw + offsetof(struct dirty_control, stop)),
			       &one, sizeof(one));
	tlb_walk_end();
	stopped = dirty_log_stop(&check->vm->tdp, base);
	return err ? err : stopped;
}

int dirty_check(struct vm *vm, gfn_t base, gpa_t control, enum dirty_means means, bool eager)
{
	struct check check = { .vm = vm, .control_gpa = control };
	int err = control_read(&check, &check.control);
	u64 size = bitmap_size(&check);

	if (err || check.control.magic != DIRTY_MAGIC || !check.control.pages ||
	    check.control.pages > DIRTY_PAGES_MAX)
		return E_INVAL;
	check.seen = kzalloc(size);
	check.must = kzalloc(size);
	check.may = kzalloc(size);
	err = check.seen && check.must && check.may ? run(&check, base, means, eager) : E_NOMEM;
	kfree(check.seen, size);
	kfree(check.must, size);
	kfree(check.may, size);
	if (!err)
		shell_print("dirty-check vm=%s harvests=%u writes=%llu reported=%llu lost=%llu "
			    "extra=%llu\n",
			    vm->name, HARVESTS, (unsigned long long)check.end,
			    (unsigned long long)check.reported, (unsigned long long)check.lost,
			    (unsigned long long)check.extra);
	return err;
}
