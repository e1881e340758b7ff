/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the information of a multiboot 2 loader: a list of tags, all inside of one
 * structure, each with a length of its own. Runs once, on one CPU.
 */
#include "boot/multiboot.h"
#include "boot/multiboot_parse.h"
#include "lib/bytes.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"

/* No loader has so much to say: beyond it the size itself is nonsense. */
#define MAX_TOTAL_SIZE MIB(16)

/* What follows the fixed part of a tag of fixed bytes. */
static struct boot_text text_behind(struct bytes body, size_t fixed)
{
	return boot_text_make((const char *)body.data + fixed, (size_t)body.len - fixed);
}

static void parse_cmdline(struct boot_parse *parse, struct bytes body)
{
	struct boot_text text = text_behind(body, 0);

	parse->info->cmdline = boot_text_keep(&text, "command line");
}

static void parse_loader(struct boot_parse *parse, struct bytes body)
{
	struct boot_text text = text_behind(body, 0);

	parse->info->loader = boot_text_keep(&text, "boot loader's name");
}

static void parse_basic_meminfo(struct boot_parse *parse, struct bytes body)
{
	const struct mb2_basic_meminfo *from = (const void *)body.data;

	parse->mem_lower = from->mem_lower;
	parse->mem_upper = from->mem_upper;
}

static void parse_memory_map(struct boot_parse *parse, struct bytes body)
{
	const struct mb2_mmap *map = (const void *)body.data;
	u64 stride = map->entry_size;
	u64 offset = sizeof(*map);

	if (stride < sizeof(struct mb2_mmap_entry) || !is_aligned(stride, MB2_TAG_ALIGN)) {
		log_error("boot: a memory map with entries of %lu bytes is ignored", stride);
		return;
	}
	for (; bytes_has(body, offset, sizeof(struct mb2_mmap_entry)); offset += stride) {
		const struct mb2_mmap_entry *entry = (const void *)(body.data + offset);

		if (!boot_add_memory(parse, entry->addr, entry->len, entry->type))
			return;
	}
	if (offset != body.len)
		log_error("boot: the last entry of the memory map is cut");
}

static void parse_framebuffer(struct boot_parse *parse, struct bytes body)
{
	const struct mb2_framebuffer *from = (const void *)body.data;

	parse->info->framebuffer = (struct boot_framebuffer){
		.addr = HPA(from->addr),
		.width = from->width,
		.height = from->height,
		.pitch = from->pitch,
		.bpp = from->bpp,
		.type = from->type,
	};
}

static void parse_efi64(struct boot_parse *parse, struct bytes body)
{
	const struct mb2_efi64 *from = (const void *)body.data;

	parse->info->efi_system_table = from->pointer;
}

static void parse_efi_mmap(struct boot_parse *parse, struct bytes body)
{
	parse->info->efi_memory_map = true;
	parse->efi_map = body;
}

/* Keep the longest: EFI loaders bring the structure of ACPI 1 and that of ACPI 2. */
static void parse_acpi(struct boot_parse *parse, struct bytes body)
{
	struct boot_info *info = parse->info;
	u32 len = body.len >= ACPI_RSDP_SIZE ? ACPI_RSDP_SIZE : ACPI_RSDP_V1_SIZE;

	if (len <= info->rsdp_len)
		return;
	memcpy(info->rsdp, body.data, len);
	info->rsdp_len = len;
}

struct tag_info {
	enum mb2_tag_type type;
	u32 min_body; /* bytes behind struct mb2_tag that the reader relies on */
	void (*parse)(struct boot_parse *parse, struct bytes body);
};

static const struct tag_info tag_table[] = {
	{ .type = MB2_TAG_CMDLINE, .min_body = 1, .parse = parse_cmdline },
	{ .type = MB2_TAG_LOADER_NAME, .min_body = 1, .parse = parse_loader },
	/* Only checked: where they can be listed, the memory map says. */
	{ .type = MB2_TAG_MODULE, .min_body = sizeof(struct mb2_module) + 1 },
	{ .type = MB2_TAG_BASIC_MEMINFO,
	  .min_body = sizeof(struct mb2_basic_meminfo),
	  .parse = parse_basic_meminfo },
	{ .type = MB2_TAG_MMAP, .min_body = sizeof(struct mb2_mmap), .parse = parse_memory_map },
	/* Without the reserved field at its end, which not every loader counts. */
	{ .type = MB2_TAG_FRAMEBUFFER,
	  .min_body = offsetof(struct mb2_framebuffer, reserved),
	  .parse = parse_framebuffer },
	{ .type = MB2_TAG_EFI64, .min_body = sizeof(struct mb2_efi64), .parse = parse_efi64 },
	{ .type = MB2_TAG_ACPI_OLD, .min_body = ACPI_RSDP_V1_SIZE, .parse = parse_acpi },
	{ .type = MB2_TAG_ACPI_NEW, .min_body = ACPI_RSDP_SIZE, .parse = parse_acpi },
	{ .type = MB2_TAG_EFI_MMAP,
	  .min_body = sizeof(struct mb2_efi_mmap),
	  .parse = parse_efi_mmap },
};

static void parse_tag(struct boot_parse *parse, u32 type, struct bytes body)
{
	for (u32 i = 0; i < ARRAY_SIZE(tag_table); i++) {
		if (tag_table[i].type != type)
			continue;
		if (body.len < tag_table[i].min_body)
			log_error("boot: a tag of type %u is too short, and is ignored", type);
		else if (tag_table[i].parse)
			tag_table[i].parse(parse, body);
		return;
	}
}

/* The tag at offset, if all of it is there. */
static const struct mb2_tag *tag_at(struct bytes all, u64 offset)
{
	const struct mb2_tag *tag = (const void *)(all.data + offset);

	if (!bytes_has(all, offset, sizeof(*tag)) || tag->size < sizeof(*tag) ||
	    !bytes_has(all, offset, tag->size))
		return NULL;
	return tag;
}

static u64 tag_end(const struct mb2_tag *tag, u64 offset)
{
	return align_up(offset + tag->size, MB2_TAG_ALIGN);
}

static void parse_tags(struct boot_parse *parse, struct bytes all)
{
	u64 offset = sizeof(struct mb2_info);
	const struct mb2_tag *tag;

	while ((tag = tag_at(all, offset))) {
		if (tag->type == MB2_TAG_END)
			return;
		parse_tag(parse, tag->type,
			  bytes_slice(all, offset + sizeof(*tag), tag->size - sizeof(*tag)));
		offset = tag_end(tag, offset);
	}
	if (!bytes_has(all, offset, sizeof(*tag))) {
		log_error("boot: the list of tags has no end tag");
		return;
	}
	tag = (const void *)(all.data + offset);
	log_error("boot: the tag at byte %lu has %u bytes, and ends the list", offset, tag->size);
}

static bool next_module(const struct boot_parse *parse, u64 *cursor, struct boot_module *module)
{
	const struct bytes all = {
		.data = parse->access->map(parse->source.start, parse->source.len),
		.len = (u32)parse->source.len,
	};
	u64 offset = *cursor ? *cursor : sizeof(struct mb2_info);
	const struct mb2_tag *tag;

	while ((tag = tag_at(all, offset)) && tag->type != MB2_TAG_END) {
		const struct mb2_module *from = (const void *)(tag + 1);
		u64 string = offset + sizeof(*tag) + sizeof(*from);
		u64 tag_len = tag->size;
		u64 at = offset;

		offset = tag_end(tag, offset);
		if (tag->type != MB2_TAG_MODULE || at + tag_len <= string)
			continue;
		*module = (struct boot_module){
			.start = from->mod_start,
			.end = from->mod_end,
			.string = { .start = HPA(parse->source.start.raw + string),
				    .len = at + tag_len - string },
		};
		*cursor = offset;
		return true;
	}
	return false;
}

static struct boot_text module_text(const struct boot_parse *parse,
				    const struct boot_module *module)
{
	return boot_text_make(parse->access->map(module->string.start, module->string.len),
			      module->string.len);
}

static const struct boot_module_source module_source = {
	.next = next_module,
	.text = module_text,
};

int multiboot2_parse(struct boot_parse *parse, hpa_t addr)
{
	const struct mb2_info *mbi = parse->access->map(addr, sizeof(*mbi));
	struct bytes all;

	if (!mbi || mbi->total_size < sizeof(*mbi) || mbi->total_size > MAX_TOTAL_SIZE)
		return E_RANGE;
	all.len = mbi->total_size;
	all.data = parse->access->map(addr, all.len);
	if (!all.data)
		return E_RANGE;
	parse->modules = &module_source;
	parse->source = (struct mem_range){ addr, all.len };
	parse_tags(parse, all);
	if (!parse->info->memory_count)
		multiboot2_parse_efi_map(parse);
	return 0;
}
