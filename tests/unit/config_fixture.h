/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of VM configurations share: modules from strings, and the resulting list.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "vm/config.h"

#define MAX_LINES 80u

static struct vm_config_list list;
static struct config_module modules[MAX_LINES];

static inline u32 log_lines(void)
{
	u32 lines = 0;

	for (const char *c = host_log; *c; c++)
		lines += *c == '\n';
	return lines;
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
	memset(&list, 0xa5, sizeof(list));
	vm_config_parse(&list, modules, count, max_mem);
}

#define parse(...)                                               \
	do {                                                     \
		const char *const _lines[] = { __VA_ARGS__ };    \
		parse_lines(_lines, ARRAY_SIZE(_lines), GIB(4)); \
	} while (0)

static inline const struct vm_config *vm_named(const char *name)
{
	for (u32 i = 0; i < list.count; i++) {
		if (strcmp(list.vms[i].name, name) == 0)
			return &list.vms[i];
	}
	fail_msg("no VM %s", name);
	return NULL;
}
