/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The multiboot 1 information structure that a guest's kernel finds, at LOAD_INFO.
 */
#pragma once

#include "vm/loader.h"

/* Where the module behind one of size bytes at gpa at goes. */
static inline u64 mbinfo_module_next(u64 at, u64 size)
{
	return align_up(at + size, PAGE_SIZE);
}

/* 0: the information will end at *end. E_RANGE, with a line: its strings are too long. */
int __must_check mbinfo_plan(const struct load_request *req, u64 *end);

/* Write it all; the modules lie from gpa modules on. Needs a successful mbinfo_plan. */
int __must_check mbinfo_write(const struct load_request *req, u64 modules);
