/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMREAD and VMWRITE. Apart, so that host tests can have their own; vmx/vmcs.h includes it.
 */
#pragma once

#include "vmx/vmcs_fields.h"

static inline __attribute__((always_inline)) u64 vmcs_read_raw(enum vmcs_field field)
{
	u64 value;
	bool failed;

	asm volatile("vmread %2, %1" : "=@ccbe"(failed), "=rm"(value) : "r"((u64)field) : "memory");
#ifdef SILL_DEBUG
	if (failed)
		vmcs_refused(field, "read");
#else
	(void)failed;
#endif
	return value;
}

static inline __attribute__((always_inline)) void vmcs_write_raw(enum vmcs_field field, u64 value)
{
	bool failed;

	asm volatile("vmwrite %1, %2" : "=@ccbe"(failed) : "rm"(value), "r"((u64)field) : "memory");
	if (unlikely(failed))
		vmcs_refused(field, "written");
}
