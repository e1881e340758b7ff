/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds the multiboot 1 information: one structure, the module list, the memory map, and
 * the strings, one behind the other. The command line is the file name, a space and the
 * arguments, as QEMU's loader gives it. No state; the VM does not run yet, so no lock.
 */
#include "vm/mbinfo.h"

#include "lib/string.h"

#define INFO_MEMORY BIT(0)
#define INFO_CMDLINE BIT(2)
#define INFO_MODULES BIT(3)
#define INFO_MMAP BIT(6)
#define INFO_LOADER_NAME BIT(9)

static const char loader_name[] = "Sill";

struct mb_info {
	u32 flags;
	u32 mem_lower, mem_upper; /* KiB from 0, and from 1 MiB */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name;
	u32 apm_table;
	u32 video[12];
};
_Static_assert(offsetof(struct mb_info, mmap_length) == 44, "as the specification has it");
_Static_assert(offsetof(struct mb_info, boot_loader_name) == 64, "as the specification has it");
_Static_assert(sizeof(struct mb_info) == 120, "up to color_info and its padding");

struct mb_module {
	u32 start, end; /* end is the byte behind the last */
	u32 string;
	u32 reserved;
};
_Static_assert(sizeof(struct mb_module) == 16, "as the specification has it");

struct mb_mmap {
	u32 size; /* of the rest */
	struct e820_entry entry;
};
_Static_assert(sizeof(struct mb_mmap) == 24, "as the specification has it");

/* Where the parts lie. */
struct mb_layout {
	u64 modules, mmap, strings;
	struct guest_e820 map;
};

static void mbinfo_layout(const struct load_request *req, struct mb_layout *layout)
{
	guest_e820_build(&layout->map, req->mem_size);
	layout->modules = LOAD_INFO + sizeof(struct mb_info);
	layout->mmap = layout->modules + (u64)req->module_count * sizeof(struct mb_module);
	layout->strings = layout->mmap + layout->map.count * sizeof(struct mb_mmap);
}

/* With its NUL; NULL is the empty string. */
static u64 string_size(const char *string)
{
	return (string ? strlen(string) : 0) + 1;
}

int mbinfo_plan(const struct load_request *req, u64 *end)
{
	struct mb_layout layout;

	mbinfo_layout(req, &layout);
	*end = layout.strings + sizeof(loader_name) + string_size(req->kernel_name) +
	       string_size(req->cmdline);
	for (u32 i = 0; i < req->module_count; i++)
		*end += string_size(req->modules[i].cmdline);
	if (*end <= LOAD_AREA_END)
		return 0;
	load_error(req, "strings and %u modules need %lu bytes of boot information, of %lu",
		   req->module_count, *end - LOAD_INFO, LOAD_AREA_END - LOAD_INFO);
	return E_RANGE;
}

/* Put a string at *at, which moves behind its NUL. */
static int put_string(const struct load_request *req, u64 *at, const char *string)
{
	u64 size = string_size(string);
	u64 gpa = *at;

	*at += size;
	return load_write(req, gpa, string ? string : "", size);
}

/* The file name and the arguments as one string. */
static int put_cmdline(const struct load_request *req, u64 *at)
{
	int err = put_string(req, at, req->kernel_name);

	if (err || !req->cmdline || !*req->cmdline)
		return err;
	err = load_write(req, *at - 1, " ", 1);
	return err ? err : put_string(req, at, req->cmdline);
}

static int put_modules(const struct load_request *req, u64 list, u64 gpa, u64 *at)
{
	for (u32 i = 0; i < req->module_count; i++) {
		const struct load_module *module = &req->modules[i];
		struct mb_module entry = {
			.start = (u32)gpa,
			.end = (u32)(gpa + module->size),
			.string = (u32)*at,
		};
		int err = put_string(req, at, module->cmdline);

		if (!err)
			err = load_write(req, list + i * sizeof(entry), &entry, sizeof(entry));
		if (err)
			return err;
		gpa = mbinfo_module_next(gpa, module->size);
	}
	return 0;
}

static int put_mmap(const struct load_request *req, const struct mb_layout *layout)
{
	for (u32 i = 0; i < layout->map.count; i++) {
		struct mb_mmap entry = {
			.size = sizeof(entry) - sizeof(entry.size),
			.entry = layout->map.entries[i],
		};
		int err = load_write(req, layout->mmap + i * sizeof(entry), &entry, sizeof(entry));

		if (err)
			return err;
	}
	return 0;
}

int mbinfo_write(const struct load_request *req, u64 modules)
{
	struct mb_layout layout;
	struct mb_info info = { .flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MMAP |
					 INFO_LOADER_NAME };
	u64 at;
	int err;

	mbinfo_layout(req, &layout);
	at = layout.strings;
	info.mem_lower = GUEST_BASE_END >> 10;
	info.mem_upper = (u32)((guest_low_size(req->mem_size) - GUEST_EXT_BASE) >> 10);
	info.mods_count = req->module_count;
	info.mods_addr = (u32)layout.modules;
	info.mmap_length = (u32)(layout.map.count * sizeof(struct mb_mmap));
	info.mmap_addr = (u32)layout.mmap;
	info.boot_loader_name = (u32)at;
	err = put_string(req, &at, loader_name);
	info.cmdline = (u32)at;
	if (!err)
		err = put_cmdline(req, &at);
	if (!err)
		err = put_modules(req, layout.modules, modules, &at);
	if (!err)
		err = put_mmap(req, &layout);
	return err ? err : load_write(req, LOAD_INFO, &info, sizeof(info));
}
