/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands for one VM, which their first word names.
 */
#pragma once

#include "vm/vm.h"

/* What a command was given, and its way to the VM. */
struct request {
	u32 argc;
	char **argv;
	int (*run)(struct vm *vm, const struct request *request);
	bool found;
};

/*
 * Run it for the VM that argv[1] names, if there are at least so many words; vm_list_lock is held. What
 * is wrong, or the error that run returns, is printed.
 */
void for_vm(u32 argc, char **argv, u32 least, const char *usage,
	    int (*run)(struct vm *vm, const struct request *request));
