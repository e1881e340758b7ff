/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of VMCS fields.
 */
#include "vmx/vmcs_fields.h"

#include "lib/log.h"

const char *vmcs_field_name(enum vmcs_field field)
{
	static const struct {
		u32 field;
		const char *name;
	} names[] = {
#define FIELD(name, encoding) { encoding, #name },
		VMCS_FIELDS(FIELD)
#undef FIELD
	};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].field == field)
			return names[i].name;
	}
	return "?";
}

__noreturn void vmcs_refused(enum vmcs_field field, const char *what)
{
	panic("vmx: VMCS field %s (%x) cannot be %s", vmcs_field_name(field), field, what);
}
