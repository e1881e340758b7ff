/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which VMs there are to be: puts the modules' lines together into configurations, and
 * finds the mistakes that no line shows alone. Runs once, on one CPU, before any VM.
 *
 * One mistake, one log line: the first one that is found makes its VM invalid, and an
 * invalid VM is not looked at again.
 */
#include "vm/config.h"

#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/config_line.h"

static struct vm_config *find_vm(struct vm_config_list *list, struct span name)
{
	struct vm_config *vm = list->first;

	while (vm && !span_is(name, vm->name))
		vm = vm->next;
	return vm;
}

/* NULL when there is no memory. name is one that the line's parser accepted. */
static struct vm_config *find_or_add_vm(struct vm_config_list *list, struct span name)
{
	struct vm_config *vm = find_vm(list, name);
	struct vm_config **end = &list->first;

	if (vm || list->full)
		return vm;
	vm = kzalloc(sizeof(*vm));
	/* For good: a VM's later modules must not make half of it. */
	list->full = !vm;
	if (list->full)
		return NULL;
	while (*end)
		end = &(*end)->next;
	*end = vm;
	list->count++;
	vm->valid = true;
	memcpy(vm->name, name.ptr, name.len);
	return vm;
}

/*
 * Does the line name a VM that a module before it names too? A VM that has no entry was
 * reported then.
 */
static bool named_before(const struct config_line *line, const struct config_module *modules,
			 u32 index)
{
	const struct word *name = &line->words[CONFIG_KEY_VM];
	struct word word;

	for (u32 i = 0; i < index && name->has_value; i++) {
		const char *text = modules[i].cmdline;

		if (words_find(text, strlen(text), "vm", &word) &&
		    span_equal(word.value, name->value))
			return true;
	}
	return false;
}

/* A line whose VM has no entry and gets none. */
static void report_unlisted(const struct config_line *line, const struct config_module *modules,
			    u32 index, struct span word, const char *mistake)
{
	if (!modules[index].broken && !named_before(line, modules, index))
		config_line_report(line, word, mistake);
}

static void add_kernel(struct vm_config *vm, const struct config_line *line, u32 index)
{
	if (vm->has_kernel) {
		config_line_report(line, line->words[CONFIG_KEY_TYPE].text,
				   "the VM has a kernel already");
		vm->valid = false;
		return;
	}
	vm->has_kernel = true;
	vm->kernel = index;
	vm->mem = line->mem;
	vm->cpus = line->cpus;
	vm->paging = line->paging;
	vm->max_page = line->max_page;
	vm->weight = line->weight;
	vm->pin = line->pin;
	vm->pinned = line->pinned;
	vm->nx_huge = line->nx_huge;
	vm->pv = line->pv;
	vm->tsc_khz = line->tsc_khz;
	vm->cmdline = line->cmdline;
}

static void add_initrd(struct vm_config *vm, const struct config_line *line, u32 index)
{
	if (vm->initrd_count == VM_MAX_INITRDS) {
		config_line_report(line, line->words[CONFIG_KEY_TYPE].text,
				   "the VM has 16 of them already");
		vm->valid = false;
		return;
	}
	vm->initrds[vm->initrd_count++] = index;
}
_Static_assert(VM_MAX_INITRDS == 16, "as the message says");

static void add_module(struct vm_config_list *list, const struct config_module *modules, u32 index)
{
	struct config_line line;
	struct vm_config *vm;

	config_line_parse(&line, &modules[index]);
	if (!line.name_ok) {
		report_unlisted(&line, modules, index, line.mistake_word, line.mistake);
		return;
	}
	vm = find_or_add_vm(list, line.words[CONFIG_KEY_VM].value);
	if (!vm) {
		report_unlisted(&line, modules, index, line.words[CONFIG_KEY_VM].text,
				"there is no memory for one more VM");
		return;
	}
	if (!vm->valid)
		return;
	if (modules[index].broken) {
		vm->valid = false;
	} else if (line.mistake) {
		config_line_report(&line, line.mistake_word, line.mistake);
		vm->valid = false;
	} else if (line.type == CONFIG_KERNEL) {
		add_kernel(vm, &line, index);
	} else {
		add_initrd(vm, &line, index);
	}
}

/* A VM that only initrds name; it has one at least. */
static void check_kernel(struct vm_config *vm, const struct config_module *modules)
{
	struct config_line line;

	if (vm->has_kernel)
		return;
	config_line_parse(&line, &modules[vm->initrds[0]]);
	config_line_report(&line, line.words[CONFIG_KEY_VM].text,
			   "no module with type=kernel for this VM");
	vm->valid = false;
}

/* Take the VM's memory off what is left; speak of what the user did not ask for so. */
static void check_memory(struct vm_config *vm, const struct config_module *modules, u64 *left)
{
	struct config_line line;
	struct span word;
	char mistake[64];
	u64 asked;

	config_line_parse(&line, &modules[vm->kernel]);
	word = line.words[CONFIG_KEY_MEM].text;
	if (!word.len)
		word = (struct span){ .ptr = "mem=256M", .len = 8 };
	if (vm->mem > *left) {
		str_printf(mistake, sizeof(mistake), "only %lu MiB of memory are left",
			   *left >> 20);
		config_line_report(&line, word, mistake);
		vm->valid = false;
		return;
	}
	*left -= vm->mem;
	if (!span_parse_size(line.words[CONFIG_KEY_MEM].value, &asked) && asked != vm->mem)
		log_info("vm %s: \"" SPAN_FMT "\" is rounded up to %lu MiB", vm->name,
			 SPAN_ARG(word), vm->mem >> 20);
}
_Static_assert(VM_MEM_DEFAULT == MIB(256), "as the message says");

void vm_config_parse(struct vm_config_list *list, const struct config_module *modules, u32 count,
		     u64 max_mem)
{
	u64 left = max_mem;

	for (u32 i = 0; i < count; i++)
		add_module(list, modules, i);
	for (struct vm_config *vm = list->first; vm; vm = vm->next) {
		if (vm->valid)
			check_kernel(vm, modules);
		if (vm->valid)
			check_memory(vm, modules, &left);
	}
}
