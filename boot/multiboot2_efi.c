/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EFI's own memory map as a multiboot 2 loader hands it on: what there is to go by when the
 * loader has no plain map beside it. Boot services have been left when we run, so
 * their memory is free; runtime services and what they use are not ours.
 */
#include "boot/multiboot.h"
#include "boot/multiboot_parse.h"
#include "lib/addr.h"
#include "lib/bytes.h"
#include "lib/log.h"

/* EFI_MEMORY_TYPE; what is not here is reserved. */
static const u32 boot_types[] = {
	[MB2_EFI_LOADER_CODE] = BOOT_MEMORY_USABLE,  [MB2_EFI_LOADER_DATA] = BOOT_MEMORY_USABLE,
	[MB2_EFI_BOOT_CODE] = BOOT_MEMORY_USABLE,    [MB2_EFI_BOOT_DATA] = BOOT_MEMORY_USABLE,
	[MB2_EFI_CONVENTIONAL] = BOOT_MEMORY_USABLE, [MB2_EFI_ACPI_RECLAIM] = BOOT_MEMORY_ACPI,
};

static u32 boot_type(u32 efi_type)
{
	if (efi_type >= ARRAY_SIZE(boot_types) || !boot_types[efi_type])
		return BOOT_MEMORY_RESERVED;
	return boot_types[efi_type];
}

/* Neighbours of one type become one range: EFI has many, and room is limited. */
static bool add(struct boot_parse *parse, u64 start, u64 len, u32 type)
{
	struct boot_info *info = parse->info;
	bool wraps = len && start + (len - 1) < start;

	if (info->memory_count && !wraps) {
		struct boot_memory *last = &info->memory[info->memory_count - 1];

		if (last->type == type && last->start + last->len == start) {
			last->len += len;
			return true;
		}
	}
	return boot_add_memory(parse, start, len, type);
}

void multiboot2_parse_efi_map(struct boot_parse *parse)
{
	struct bytes body = parse->efi_map;
	const struct mb2_efi_mmap *map = (const void *)body.data;
	u64 stride, offset = sizeof(*map);

	if (!map)
		return;
	stride = map->entry_size;
	if (stride < sizeof(struct mb2_efi_entry) || !is_aligned(stride, MB2_TAG_ALIGN)) {
		log_error("boot: an EFI memory map with entries of %lu bytes is ignored", stride);
		return;
	}
	for (; bytes_has(body, offset, sizeof(struct mb2_efi_entry)); offset += stride) {
		const struct mb2_efi_entry *entry = (const void *)(body.data + offset);

		if (entry->pages > UINT64_MAX >> PAGE_SHIFT) {
			log_error("boot: an EFI memory range of 0x%lx pages is ignored",
				  entry->pages);
			continue;
		}
		if (!add(parse, entry->start, entry->pages << PAGE_SHIFT, boot_type(entry->type)))
			return;
	}
}
