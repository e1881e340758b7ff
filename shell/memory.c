/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands about the memory of VMs: slots, logs of what is written, and what is done to the
 * second-level tables. All of it may be done while guests run.
 */
#include "lib/err.h"
#include "lib/string.h"
#include "lib/words.h"
#include "mm/dirty_log.h"
#include "mm/slots.h"
#include "shell/dirty_check.h"
#include "shell/for_vm.h"
#include "shell/shell.h"

typedef unsigned long long ull;

/* The at-th word as a size or an address, in bytes. */
static int word_bytes(const struct request *request, u32 at, u64 *bytes)
{
	struct span span = { .ptr = "", .len = 0 };

	if (at < request->argc)
		span = (struct span){ .ptr = request->argv[at], .len = strlen(request->argv[at]) };
	return span_parse_size(span, bytes) ? E_INVAL : 0;
}

/* The at-th word as a page's address. */
static int word_gfn(const struct request *request, u32 at, gfn_t *gfn)
{
	u64 bytes;
	int err = word_bytes(request, at, &bytes);

	if (err || !is_aligned(bytes, PAGE_SIZE))
		return E_INVAL;
	*gfn = gpa_to_gfn(GPA(bytes));
	return 0;
}

static bool word_is(const struct request *request, u32 at, const char *word)
{
	return at < request->argc && strcmp(request->argv[at], word) == 0;
}

static int list_slots(struct vm *vm, const struct request *request __unused)
{
	const struct slot_table *table;

	spin_lock(&vm->tdp.slots_lock);
	table = guest_mem_table(&vm->mem);
	for (u32 i = 0; i < table->count; i++) {
		const struct mem_slot *slot = &table->slots[i];

		shell_print("slot vm=%s gpa=%llx size=%lluM readonly=%s logged=%s\n", vm->name,
			    (ull)gfn_to_gpa(slot->base).raw, (ull)(slot->npages * PAGE_SIZE >> 20),
			    slot->readonly ? "yes" : "no", slot->log ? "yes" : "no");
	}
	spin_unlock(&vm->tdp.slots_lock);
	return 0;
}

static int change_slot(struct vm *vm, const struct request *request)
{
	const char *what = request->argv[2];
	struct tdp *tdp = &vm->tdp;
	u64 size = 0;
	gfn_t base, to;
	int err = word_gfn(request, 3, &base);

	if (err)
		return err;
	if (strcmp(what, "remove") == 0)
		return slot_remove(tdp, base);
	if (strcmp(what, "ro") == 0 || strcmp(what, "rw") == 0)
		return slot_set_readonly(tdp, base, what[1] == 'o');
	if (strcmp(what, "move") == 0) {
		err = word_gfn(request, 4, &to);
		return err ? err : slot_move(tdp, base, to);
	}
	if (strcmp(what, "add") != 0)
		return E_INVAL;
	err = word_bytes(request, 4, &size);
	if (err || !is_aligned(size, PAGE_SIZE))
		return E_INVAL;
	return slot_add(tdp, base, size >> PAGE_SHIFT, word_is(request, 5, "ro"));
}

#define SLOT_USAGE "VM [add GPA SIZE [ro] | remove GPA | move GPA TO | ro GPA | rw GPA]"

void cmd_slot(u32 argc, char **argv)
{
	for_vm(argc, argv, 2, SLOT_USAGE, argc > 2 ? change_slot : list_slots);
}

static void count_dirty(void *ctx, gfn_t gfn __unused, u64 bits)
{
	*(u64 *)ctx += bit_count(bits);
}

static enum dirty_means means_of(const struct tdp *tdp, const struct request *request)
{
	if (word_is(request, 4, "protect"))
		return DIRTY_PROTECT;
	if (word_is(request, 4, "bits"))
		return DIRTY_BITS;
	if (word_is(request, 4, "pml"))
		return DIRTY_PML;
	return tdp->pml ? DIRTY_PML : tdp->hw_ad ? DIRTY_BITS : DIRTY_PROTECT;
}

static int check_dirty(struct vm *vm, const struct request *request, gfn_t base)
{
	u64 control;
	int err = word_bytes(request, 5, &control);

	if (err)
		return err;
	return dirty_check(vm, base, GPA(control), means_of(&vm->tdp, request),
			   !word_is(request, request->argc - 1, "lazy"));
}

static int dirty(struct vm *vm, const struct request *request)
{
	const char *what = request->argv[2];
	u64 pages = 0;
	gfn_t base;
	int err = word_gfn(request, 3, &base);

	if (err)
		return err;
	if (strcmp(what, "stop") == 0)
		return dirty_log_stop(&vm->tdp, base);
	if (strcmp(what, "start") == 0)
		return dirty_log_start(&vm->tdp, base, means_of(&vm->tdp, request),
				       !word_is(request, request->argc - 1, "lazy"));
	if (strcmp(what, "check") == 0)
		return check_dirty(vm, request, base);
	if (strcmp(what, "harvest") != 0)
		return E_INVAL;
	err = dirty_log_harvest(&vm->tdp, base, count_dirty, &pages);
	if (!err)
		shell_print("dirty vm=%s pages=%llu\n", vm->name, (ull)pages);
	return err;
}

#define DIRTY_USAGE                                                          \
	"VM start GPA [protect|bits|pml] [lazy] | harvest GPA | stop GPA | " \
	"check GPA protect|bits|pml CONTROL [lazy]"

void cmd_dirty(u32 argc, char **argv)
{
	for_vm(argc, argv, 4, DIRTY_USAGE, dirty);
}

static int change_tree(struct vm *vm, const struct request *request)
{
	const char *what = request->argv[2];
	struct tdp *tdp = &vm->tdp;
	gfn_t end = GFN(vm->mem.gfn_limit);

	if (strcmp(what, "zap") == 0)
		tdp_zap(tdp, GFN(0), end);
	else if (strcmp(what, "split") == 0)
		return tdp_split(tdp, GFN(0), end);
	else if (strcmp(what, "collapse") == 0)
		tdp_collapse(tdp, GFN(0), end);
	else if (strcmp(what, "age") == 0)
		shell_print("age vm=%s pages=%llu\n", vm->name, (ull)tdp_age(tdp, GFN(0), end));
	else
		return E_INVAL;
	return 0;
}

void cmd_tree(u32 argc, char **argv)
{
	for_vm(argc, argv, 3, "VM zap|split|collapse|age", change_tree);
}

static int walk(struct vm *vm, const struct request *request)
{
	const struct spte_format *fmt = vm->tdp.fmt;
	struct tdp_walk_step steps[8];
	unsigned int count;
	u64 gpa;
	int err = word_bytes(request, 2, &gpa);

	if (err)
		return err;
	count = tdp_walk(&vm->tdp, GPA(gpa), steps);
	for (unsigned int i = 0; i < count; i++) {
		u64 spte = steps[i].spte;
		unsigned int access = spte_access(fmt, spte);

		shell_print("walk vm=%s gpa=%llx level=%u spte=%016llx is=%s rights=%s%s%s\n",
			    vm->name, (ull)gpa, steps[i].level, (ull)spte,
			    spte_name(fmt, spte, steps[i].level), access & ACCESS_READ ? "r" : "-",
			    access & ACCESS_WRITE ? "w" : "-", access & ACCESS_EXEC ? "x" : "-");
	}
	return count ? 0 : E_RANGE;
}

void cmd_walk(u32 argc, char **argv)
{
	for_vm(argc, argv, 3, "VM GPA", walk);
}
