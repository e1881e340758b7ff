/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands for one VM. See for_vm.h.
 */
#include "shell/for_vm.h"

#include "lib/err.h"
#include "lib/string.h"
#include "shell/shell.h"

static const char *error_text(int err)
{
	switch (err) {
	case E_INVAL:
		return "not 2 MiB aligned, or no number";
	case E_NOMEM:
		return "no memory";
	case E_RANGE:
		return "beyond the guest's physical addresses";
	case E_EXIST:
		return "there is one already";
	case E_FAULT:
		return "the guest does not go on as it should";
	case E_NOENT:
		return "no such slot, or it is not logged";
	default:
		return "this CPU cannot";
	}
}

static void run_for(struct vm *vm, void *ctx)
{
	struct request *request = ctx;
	int err;

	if (strcmp(vm->name, request->argv[1]) != 0)
		return;
	request->found = true;
	err = request->run(vm, request);
	if (err)
		shell_print("error: %s\n", error_text(err));
}

void for_vm(u32 argc, char **argv, u32 least, const char *usage,
	    int (*run)(struct vm *vm, const struct request *request))
{
	struct request request = { .argc = argc, .argv = argv, .run = run };

	if (argc < least) {
		shell_print("error: usage: %s %s\n", argv[0], usage);
		return;
	}
	vm_for_each(run_for, &request);
	if (!request.found)
		shell_print("error: no VM '%s'\n", argv[1]);
}
