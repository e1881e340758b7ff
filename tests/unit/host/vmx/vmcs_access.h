/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VMCS of the tests: fields are words of an array.
 */
#pragma once

#include "vmx/vmcs_fields.h"

#define HOST_VMCS_FIELDS 0x8000

extern unsigned long host_vmcs[HOST_VMCS_FIELDS];

static inline u64 vmcs_read_raw(enum vmcs_field field)
{
	return host_vmcs[field];
}

static inline void vmcs_write_raw(enum vmcs_field field, u64 value)
{
	host_vmcs[field] = value;
}
