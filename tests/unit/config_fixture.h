/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of VM configurations share: modules from strings, and the resulting list.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "vm/config.h"

#define MAX_LINES 400u

static struct vm_config_list list;
static struct config_module modules[MAX_LINES];

static inline u32 log_lines(void)
{
	u32 lines = 0;

	for (const char *c = host_log; *c; c++)
		lines += *c == '\n';
	return lines;
}

static inline void clear_list(void)
{
	while (list.first) {
		struct vm_config *vm = list.first;

		list.first = vm->next;
		kfree(vm, sizeof(*vm));
	}
	list = (struct vm_config_list){ 0 };
}

/* The configurations are put there. */
static inline int config_setup(void **state)
{
	static const struct mem_range ram = { HPA(0), MIB(32) };

	(void)state;
	host_memory_reset(MIB(32));
	assert_int_equal(frames_init(&ram, 1, NULL, 0), 0);
	assert_int_equal(heap_init(), 0);
	return 0;
}

static inline void parse_lines(const char *const *lines, u32 count, u64 max_mem)
{
	assert_true(count <= MAX_LINES);
	for (u32 i = 0; i < count; i++)
		modules[i] = (struct config_module){
			.cmdline = lines[i],
			.start = HPA(MIB(16) * (i + 1)),
			.size = 4096,
			.number = i + 1,
		};
	host_log_clear();
	clear_list();
	vm_config_parse(&list, modules, count, max_mem);
}

#define parse(...)                                               \
	do {                                                     \
		const char *const _lines[] = { __VA_ARGS__ };    \
		parse_lines(_lines, ARRAY_SIZE(_lines), GIB(4)); \
	} while (0)

static inline const struct vm_config *vm_named(const char *name)
{
	for (const struct vm_config *vm = list.first; vm; vm = vm->next) {
		if (strcmp(vm->name, name) == 0)
			return vm;
	}
	fail_msg("no VM %s", name);
	return NULL;
}
