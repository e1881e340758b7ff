/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the firmware configuration device tells: see fw_cfg.h. Numbers are little-endian, the
 * file directory's are big-endian.
 *
 * A kernel's parts are meant for who loads it, and so are the addresses: where a bzImage, and
 * what it wants, is usually put. Another kernel is one part, and says itself where it belongs.
 */
#include "dev/fw_cfg_items.h"

#include "dev/acpi_tables.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vm/bzimage.h"

enum fw_cfg_key {
	KEY_SIGNATURE = 0x00,
	KEY_ID = 0x01,
	KEY_RAM_SIZE = 0x03,
	KEY_NOGRAPHIC = 0x04,
	KEY_CPUS = 0x05,
	KEY_KERNEL_ADDR = 0x07,
	KEY_KERNEL_SIZE = 0x08,
	KEY_INITRD_ADDR = 0x0a,
	KEY_INITRD_SIZE = 0x0b,
	KEY_MAX_CPUS = 0x0f,
	KEY_KERNEL_ENTRY = 0x10,
	KEY_KERNEL_DATA = 0x11,
	KEY_INITRD_DATA = 0x12,
	KEY_CMDLINE_ADDR = 0x13,
	KEY_CMDLINE_SIZE = 0x14,
	KEY_CMDLINE_DATA = 0x15,
	KEY_SETUP_ADDR = 0x16,
	KEY_SETUP_SIZE = 0x17,
	KEY_SETUP_DATA = 0x18,
	KEY_DIRECTORY = 0x19,
	KEY_FIRST_FILE = 0x20,
	/* Of PCs only. */
	KEY_IRQ0_OVERRIDE = 0x8002,
	KEY_E820 = 0x8003,
};

#define ID_PORTS BIT(0)
#define ID_DMA BIT(1)

#define SETUP_ADDR ((u64)0x10000)
#define CMDLINE_ADDR ((u64)0x20000)
#define INITRD_ALIGN 4u

const struct fw_cfg_item *fw_cfg_find(const struct fw_cfg *fw, u32 key)
{
	for (u32 i = 0; i < fw->item_count; i++) {
		if (fw->items[i].key == key)
			return &fw->items[i];
	}
	return NULL;
}

/* A new item, for pieces to be added to. */
static void add_item(struct fw_cfg *fw, enum fw_cfg_key key)
{
	assert(fw->item_count < FW_CFG_MAX_ITEMS);
	fw->items[fw->item_count++] = (struct fw_cfg_item){
		.key = (u16)key,
		.first = (u16)fw->piece_count,
	};
}

/* To the last item. */
static void add_piece(struct fw_cfg *fw, const void *data, u64 size, u64 room)
{
	struct fw_cfg_item *item = &fw->items[fw->item_count - 1];

	assert(fw->piece_count < ARRAY_SIZE(fw->pieces));
	fw->pieces[fw->piece_count++] = (struct fw_cfg_piece){
		.data = data,
		.size = size,
		.room = room,
	};
	item->count++;
	item->size += room;
}

static void add(struct fw_cfg *fw, enum fw_cfg_key key, const void *data, u64 size)
{
	add_item(fw, key);
	add_piece(fw, data, size, size);
}

static void add_number(struct fw_cfg *fw, enum fw_cfg_key key, u64 value, u64 size)
{
	u64 *number = &fw->numbers[fw->number_count++];

	*number = value;
	add(fw, key, number, size);
}

static void add_file(struct fw_cfg *fw, const char *name, const void *data, u64 size)
{
	enum fw_cfg_key key = KEY_FIRST_FILE + fw->file_count;
	struct fw_cfg_file *file = &fw->directory.files[fw->file_count];

	assert(fw->file_count < FW_CFG_MAX_FILES);
	fw->file_count++;
	*file = (struct fw_cfg_file){
		.size = __builtin_bswap32((u32)size),
		.key = __builtin_bswap16((u16)key),
	};
	strlcpy(file->name, name, sizeof(file->name));
	add(fw, key, data, size);
}

static void add_initrd(struct fw_cfg *fw, const struct fw_cfg_config *config, u64 below)
{
	u64 size;

	add_item(fw, KEY_INITRD_DATA);
	for (u32 i = 0; i < config->initrd_count; i++) {
		const struct bytes *initrd = &config->initrds[i];

		add_piece(fw, initrd->data, initrd->len, align_up(initrd->len, INITRD_ALIGN));
	}
	size = fw->items[fw->item_count - 1].size;
	add_number(fw, KEY_INITRD_SIZE, size, 4);
	add_number(fw, KEY_INITRD_ADDR,
		   size && size < below ? align_down(below - size, PAGE_SIZE) : 0, 4);
}

static void add_kernel(struct fw_cfg *fw, const struct fw_cfg_config *config)
{
	struct bytes kernel = config->kernel;
	bool has_setup = bzimage_is(kernel);
	u64 setup = has_setup ? MIN(bzimage_setup_size(kernel), kernel.len) : 0;
	u64 below = guest_low_size(config->mem_size), cmdline = strlen(config->cmdline) + 1;

	if (has_setup)
		below = MIN(below, bzimage_initrd_max(kernel) + 1);
	add(fw, KEY_SETUP_DATA, kernel.data, setup);
	add_number(fw, KEY_SETUP_SIZE, setup, 4);
	add(fw, KEY_KERNEL_DATA, kernel.data + setup, kernel.len - setup);
	add_number(fw, KEY_KERNEL_SIZE, kernel.len - setup, 4);
	add(fw, KEY_CMDLINE_DATA, config->cmdline, cmdline);
	add_number(fw, KEY_CMDLINE_SIZE, cmdline, 4);
	add_number(fw, KEY_CMDLINE_ADDR, CMDLINE_ADDR, 4);
	if (has_setup) {
		add_number(fw, KEY_SETUP_ADDR, SETUP_ADDR, 4);
		add_number(fw, KEY_KERNEL_ADDR, GUEST_EXT_BASE, 4);
		add_number(fw, KEY_KERNEL_ENTRY, GUEST_EXT_BASE, 4);
	}
	add_initrd(fw, config, below);
}

/* The memory map twice: as a file, and as SeaBIOS knew it before there were files. */
static void add_e820(struct fw_cfg *fw, u64 mem_size)
{
	u64 size;

	guest_e820_build(&fw->e820, mem_size);
	size = fw->e820.count * sizeof(fw->e820.entries[0]);
	add_number(fw, KEY_E820, fw->e820.count, 4);
	add_piece(fw, fw->e820.entries, size, size);
	add_file(fw, "etc/e820", fw->e820.entries, size);
}

static void add_acpi(struct fw_cfg *fw, const struct acpi_files *acpi)
{
	add_file(fw, ACPI_FILE_RSDP, acpi->rsdp.data, acpi->rsdp.len);
	add_file(fw, ACPI_FILE_TABLES, acpi->tables.data, acpi->tables.len);
	add_file(fw, ACPI_FILE_LOADER, acpi->loader.data, acpi->loader.len);
}

static void add_directory(struct fw_cfg *fw)
{
	u64 size = sizeof(fw->directory.count) + fw->file_count * sizeof(fw->directory.files[0]);

	fw->directory.count = __builtin_bswap32(fw->file_count);
	add(fw, KEY_DIRECTORY, &fw->directory, size);
}

void fw_cfg_items(struct fw_cfg *fw, const struct fw_cfg_config *config)
{
	add(fw, KEY_SIGNATURE, "QEMU", 4);
	add_number(fw, KEY_ID, ID_PORTS | ID_DMA, 4);
	add_number(fw, KEY_RAM_SIZE, config->mem_size, 8);
	add_number(fw, KEY_NOGRAPHIC, 1, 2);
	add_number(fw, KEY_CPUS, config->cpus, 2);
	add_number(fw, KEY_MAX_CPUS, config->cpus, 2);
	add_number(fw, KEY_IRQ0_OVERRIDE, 1, 4); /* the PIT is the I/O APIC's input 2 */
	add_kernel(fw, config);
	add_e820(fw, config->mem_size);
	add_acpi(fw, config->acpi);
	add_directory(fw);
}
