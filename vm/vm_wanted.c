/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMs that the boot loader's modules ask for: built all at once, and one by one again when they
 * have ended. The modules stay in memory for that. The first time may be on any CPU, and publishes
 * the list when it is over; after that it is the boot CPU alone.
 */
#include "arch/percpu.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vm/vm.h"

static const struct vm_config_list *wanted; /* [atomic] NULL until they have been built */
static u32 next_cpu; /* [wanted] */

static int create(const struct vm_config *config)
{
	int err;

	if (!config->valid)
		return E_INVAL;
	if (config->paging == VM_PAGING_SHADOW) {
		log_error("vm %s: paging=shadow: this version has nested paging only: not started",
			  config->name);
		return E_INVAL;
	}
	/* From the last CPU down: the boot CPU also serves the console. */
	err = vm_create(config, cpu_count - 1 - next_cpu % cpu_count);
	if (!err)
		next_cpu += config->cpus;
	return err;
}

void vm_create_wanted(const struct vm_config_list *list)
{
	for (const struct vm_config *config = list->first; config; config = config->next)
		(void)create(config); /* if not, a log line has said why; the others do start */
	atomic_store(&wanted, list);
}

struct presence {
	const struct vm_config *config;
	bool found;
};

static void look_for(struct vm *vm, void *ctx)
{
	struct presence *presence = ctx;

	presence->found |= vm->config == presence->config;
}

int vm_start_again(const char *name)
{
	const struct vm_config_list *list = atomic_load(&wanted);
	int err;

	for (const struct vm_config *vm = list ? list->first : NULL; vm; vm = vm->next) {
		struct presence presence = { .config = vm };

		if (strcmp(vm->name, name) != 0)
			continue;
		vm_for_each(look_for, &presence);
		if (presence.found)
			return E_EXIST;
		err = create(vm);
		if (!err)
			vm_start_all();
		return err;
	}
	return E_NOENT;
}
