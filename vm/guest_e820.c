/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map of a guest, as a PC's firmware would report it:
 *
 *	0        .. 0x9fc00    usable
 *	0x9fc00  .. 0xa0000    reserved: where PCs have the extended BIOS data area
 *	0xa0000  .. 0xe0000    not listed: the VGA window and option ROMs
 *	0xe0000  .. 1 MiB      reserved: firmware, here the ACPI tables
 *	1 MiB    .. low end    usable, low end being at most 3 GiB
 *	4 GiB    .. high end   usable: what did not fit below 3 GiB
 *
 * There is memory behind the first megabyte whatever the map says. No state, no lock.
 */
#include "vm/guest_e820.h"

/* Append [base, end) unless it is empty. */
static void e820_add(struct guest_e820 *map, u64 base, u64 end, enum e820_type type)
{
	if (base >= end)
		return;
	map->entries[map->count++] = (struct e820_entry){
		.base = base,
		.size = end - base,
		.type = type,
	};
}

void guest_e820_build(struct guest_e820 *map, u64 mem_size)
{
	u64 low_end = guest_low_size(mem_size);

	*map = (struct guest_e820){ .count = 0 };
	e820_add(map, 0, MIN(low_end, GUEST_BASE_END), E820_RAM);
	e820_add(map, GUEST_BASE_END, GUEST_VGA_BASE, E820_RESERVED);
	e820_add(map, GUEST_BIOS_BASE, GUEST_EXT_BASE, E820_RESERVED);
	e820_add(map, GUEST_EXT_BASE, low_end, E820_RAM);
	e820_add(map, GUEST_HIGH_BASE, GUEST_HIGH_BASE + guest_high_size(mem_size), E820_RAM);
}

bool guest_e820_is_ram(const struct guest_e820 *map, u64 base, u64 size)
{
	for (u32 i = 0; i < map->count; i++) {
		const struct e820_entry *entry = &map->entries[i];

		if (entry->type == E820_RAM && base >= entry->base &&
		    base - entry->base <= entry->size && size <= entry->size - (base - entry->base))
			return true;
	}
	return false;
}
