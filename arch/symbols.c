/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Binary search in the embedded symbol table. See symbols.h.
 */
#include "arch/symbols.h"

struct symbol_entry {
	u32 offset; /* from __kernel_base */
	u32 name; /* offset into symtab_names */
};

extern const u32 symtab_count;
extern const struct symbol_entry symtab_entries[];
extern const char symtab_names[];
extern const u8 __kernel_base[], text_start[], text_end[];

const char *symbol_name(u64 addr, u64 *offset)
{
	u32 low = 0, high = symtab_count;
	u32 target = (u32)(addr - (u64)__kernel_base);

	if (addr < (u64)text_start || addr >= (u64)text_end || high == 0)
		return NULL;
	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (symtab_entries[middle].offset <= target)
			low = middle;
		else
			high = middle;
	}
	*offset = target - symtab_entries[low].offset;
	return symtab_names + symtab_entries[low].name;
}
