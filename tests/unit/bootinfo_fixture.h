/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot information as loaders leave it, in a memory image, and what any result must fulfil.
 */
#pragma once

#include "boot/bootinfo.h"
#include "boot/multiboot.h"
#include "lib/err.h"
#include "tests/unit/image_fixture.h"

#define IMAGE_SIZE KIB(64)
#define INFO_ADDR IMAGE_BASE
#define STRINGS_ADDR (IMAGE_BASE + 0x1000)
/* Modules' contents: here, and 0x1000 further each. */
#define MODULES_ADDR (IMAGE_BASE + 0x8000)
#define IMAGE_END (IMAGE_BASE + IMAGE_SIZE)

static struct boot_info info;

/* What stands in for the RAM above the image that the lists of modules are put into. */
static u8 lists[KIB(256)];
#define SILL_ADDR MIB(1)
#define SILL_SIZE MIB(1)

static inline bool apart(u64 start, u64 len, u64 other, u64 other_len)
{
	return !len || !other_len || start + len <= other || other + other_len <= start;
}

/* The lists may be put where there is RAM, and nothing else. */
static inline void check_lists_place(void)
{
	u64 start = info.lists.start.raw, len = info.lists.len;
	bool in_ram = false;

	assert_true(len && is_aligned(start, PAGE_SIZE));
	assert_true(start >= MIB(1) && start + len <= GIB(4));
	assert_true(apart(start, len, IMAGE_BASE, IMAGE_SIZE));
	assert_true(apart(start, len, SILL_ADDR, SILL_SIZE));
	for (u32 i = 0; i < info.memory_count; i++) {
		const struct boot_memory *m = &info.memory[i];

		if (m->type != BOOT_MEMORY_USABLE)
			assert_true(start + len <= m->start || start > m->start + (m->len - 1));
		else
			in_ram |= m->start <= start && m->start + (m->len - 1) >= start + (len - 1);
	}
	assert_true(in_ram);
}

static inline void *take_lists(hpa_t addr, u64 len)
{
	assert_int_equal(addr.raw, info.lists.start.raw);
	assert_int_equal(len, info.lists.len);
	check_lists_place();
	if (len > sizeof(lists))
		return NULL;
	memset(lists, 0xa5, sizeof(lists));
	ASAN_POISON_MEMORY_REGION(lists, sizeof(lists));
	ASAN_UNPOISON_MEMORY_REGION(lists, len);
	return lists;
}

/* Beside the image there is one more piece of memory, for modules that nobody reads. */
#define FAR_ADDR MIB(2)
static u8 far_memory[KIB(64)];

static inline const void *map_all(hpa_t addr, u64 len)
{
	u64 offset = addr.raw - FAR_ADDR;

	if (offset < sizeof(far_memory) && len <= sizeof(far_memory) - offset)
		return far_memory + offset;
	return image_map(addr, len);
}

static const struct boot_access access = {
	.map = map_all,
	.take = take_lists,
	.image = { .start = { SILL_ADDR }, .len = SILL_SIZE },
};

static inline int parse_info(u32 magic)
{
	int err;

	image_protect();
	ASAN_UNPOISON_MEMORY_REGION(lists, sizeof(lists));
	host_log_clear();
	memset(&info, 0xa5, sizeof(info));
	err = boot_info_parse(&info, magic, HPA(INFO_ADDR), &access);
	/* The test may go on and change the image. */
	ASAN_UNPOISON_MEMORY_REGION(image.data, image.size);
	return err;
}

static inline u32 log_lines(void)
{
	u32 lines = 0;

	for (const char *c = host_log; *c; c++)
		lines += *c == '\n';
	return lines;
}

static inline void check_modules(void)
{
	/* The last that there is room for. */
	if (info.reserved)
		info.reserved[BOOT_MAX_RESERVED + info.module_count - 1].len = 0;
	for (u32 i = 0; i < info.module_count; i++) {
		const struct config_module *module = &info.modules[i];

		assert_true(strlen(module->cmdline) <= BOOT_CMDLINE_MAX);
		assert_true(!i || module->number > module[-1].number);
		if (!module->size)
			continue;
		assert_false(module->broken);
		assert_non_null(map_all(module->start, module->size));
		assert_true(apart(module->start.raw, module->size, info.lists.start.raw,
				  info.lists.len));
		for (u32 j = 0; j < i; j++)
			assert_true(info.modules[j].start.raw + info.modules[j].size <=
					    module->start.raw ||
				    module->start.raw + module->size <= info.modules[j].start.raw ||
				    !info.modules[j].size);
	}
}

/* Whatever the input was. */
static inline void check_info(void)
{
	assert_true(strlen(info.loader) <= BOOT_CMDLINE_MAX);
	assert_true(strlen(info.cmdline) <= BOOT_CMDLINE_MAX);
	assert_true(info.memory_count <= BOOT_MAX_MEMORY);
	for (u32 i = 0; i < info.memory_count; i++) {
		assert_true(info.memory[i].len > 0);
		assert_true(info.memory[i].start + (info.memory[i].len - 1) >=
			    info.memory[i].start);
	}
	assert_true(info.rsdp_len == 0 || info.rsdp_len == 20 || info.rsdp_len == 36);
	check_modules();
}

/* ---- multiboot 1: like QEMU's ---- */

#define MB1_MODS_ADDR (IMAGE_BASE + 0x200)
#define MB1_MMAP_ADDR (IMAGE_BASE + 0x800)

static inline void mb1_put_info(const struct mb1_info *mbi)
{
	image_put(INFO_ADDR, mbi, sizeof(*mbi));
}

static inline void mb1_put_module(u32 index, u32 start, u32 end, u32 string)
{
	const struct mb1_module module = { .mod_start = start, .mod_end = end, .string = string };

	image_put(MB1_MODS_ADDR + index * sizeof(module), &module, sizeof(module));
}

static inline u64 mb1_put_range(u64 at, u64 start, u64 len, u32 type)
{
	const struct mb1_mmap_entry entry = { .size = 20, .addr = start, .len = len, .type = type };

	image_put(at, &entry, sizeof(entry));
	return at + sizeof(entry);
}

/* Two modules, three ranges. */
static inline struct mb1_info mb1_make(void)
{
	struct mb1_info mbi = {
		.flags = MB1_INFO_MEMORY | MB1_INFO_CMDLINE | MB1_INFO_MODS | MB1_INFO_MEM_MAP |
			 MB1_INFO_LOADER_NAME,
		.mem_lower = 639,
		.mem_upper = 65536,
		.cmdline = STRINGS_ADDR,
		.mods_count = 2,
		.mods_addr = MB1_MODS_ADDR,
		.mmap_length = 3 * sizeof(struct mb1_mmap_entry),
		.mmap_addr = MB1_MMAP_ADDR,
		.boot_loader_name = STRINGS_ADDR + 0x100,
	};
	u64 at = MB1_MMAP_ADDR;

	image_reset(IMAGE_SIZE);
	image_put_string(STRINGS_ADDR, "sill.elf log=debug");
	image_put_string(STRINGS_ADDR + 0x100, "qemu");
	image_put_string(STRINGS_ADDR + 0x200, "vmlinuz vm=a type=kernel -- quiet");
	image_put_string(STRINGS_ADDR + 0x300, "initrd vm=a type=initrd");
	mb1_put_module(0, MODULES_ADDR, MODULES_ADDR + 0x800, STRINGS_ADDR + 0x200);
	mb1_put_module(1, MODULES_ADDR + 0x1000, MODULES_ADDR + 0x1001, STRINGS_ADDR + 0x300);
	at = mb1_put_range(at, 0, 0x9fc00, 1);
	at = mb1_put_range(at, 0x9fc00, 0x400, 2);
	mb1_put_range(at, MIB(1), MIB(64), 1);
	mb1_put_info(&mbi);
	return mbi;
}

/* ---- multiboot 2: like GRUB's ---- */

static u64 mb2_end; /* where the next tag goes */

static inline void mb2_begin(void)
{
	image_reset(IMAGE_SIZE);
	mb2_end = INFO_ADDR + sizeof(struct mb2_info);
}

/* A tag of which len bytes of body are here; size says what it claims. */
static inline u64 mb2_put_sized(u32 type, const void *body, size_t len, u32 size)
{
	const struct mb2_tag tag = { .type = type, .size = size };
	u64 at = mb2_end;

	image_put(at, &tag, sizeof(tag));
	image_put(at + sizeof(tag), body, len);
	mb2_end = align_up(at + sizeof(tag) + len, MB2_TAG_ALIGN);
	return at;
}

static inline u64 mb2_put(u32 type, const void *body, size_t len)
{
	return mb2_put_sized(type, body, len, (u32)(sizeof(struct mb2_tag) + len));
}

static inline u64 mb2_put_module(u32 start, u32 end, const char *string)
{
	u8 body[8192];
	size_t len = strlen(string) + 1;

	memcpy(body, &start, 4);
	memcpy(body + 4, &end, 4);
	memcpy(body + 8, string, len);
	return mb2_put(MB2_TAG_MODULE, body, 8 + len);
}

static inline void mb2_finish(void)
{
	mb2_put(MB2_TAG_END, "", 0);
	image_put_u32(INFO_ADDR, (u32)(mb2_end - INFO_ADDR));
}
