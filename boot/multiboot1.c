/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the information of a multiboot 1 loader: one structure full of addresses and
 * counts. Runs once, on one CPU.
 */
#include "boot/multiboot.h"
#include "boot/multiboot_parse.h"
#include "lib/err.h"
#include "lib/log.h"

/*
 * The string at addr. It has no length, so the buffer takes one byte at a time: only then
 * does a string at the end of what can be reached not look as if it lay outside.
 */
static struct boot_text string_at(const struct boot_parse *parse, u32 addr)
{
	static char buf[BOOT_CMDLINE_MAX + 1];
	size_t len = 0;

	while (len < sizeof(buf)) {
		const char *c = parse->access->map(HPA(addr + (u64)len), 1);

		if (!c)
			return (struct boot_text){
				.ptr = buf,
				.len = len,
				.problem = "not in reachable memory",
			};
		buf[len++] = *c;
		if (!*c)
			break;
	}
	return boot_text_make(buf, len);
}

static bool next_module(const struct boot_parse *parse, u64 *cursor, struct boot_module *module)
{
	const struct mb1_module *from;

	if (*cursor == parse->source.len)
		return false;
	from = parse->access->map(HPA(parse->source.start.raw + *cursor), sizeof(*from));
	*cursor += sizeof(*from);
	*module = (struct boot_module){
		.start = from->mod_start,
		.end = from->mod_end,
		/* A module need not have a string. */
		.string = { .start = HPA(from->string),
			    .len = from->string ? BOOT_CMDLINE_MAX + 1 : 0 },
	};
	return true;
}

static struct boot_text module_text(const struct boot_parse *parse,
				    const struct boot_module *module)
{
	if (!module->string.len)
		return (struct boot_text){ .ptr = "" };
	return string_at(parse, (u32)module->string.start.raw);
}

static const struct boot_module_source module_source = {
	.next = next_module,
	.text = module_text,
};

static void parse_modules(struct boot_parse *parse, const struct mb1_info *mbi)
{
	const u64 size = sizeof(struct mb1_module);
	u64 count = 0;

	while (count < mbi->mods_count &&
	       parse->access->map(HPA(mbi->mods_addr + count * size), size))
		count++;
	if (count < mbi->mods_count)
		log_error("boot: module %lu and those after it are not in reachable memory",
			  count + 1);
	parse->modules = &module_source;
	parse->source = (struct mem_range){ HPA(mbi->mods_addr), count * size };
}

static void parse_memory_map(struct boot_parse *parse, const struct mb1_info *mbi)
{
	const u32 size_field = sizeof(((struct mb1_mmap_entry *)NULL)->size);
	u64 offset = 0;

	while (offset + sizeof(struct mb1_mmap_entry) <= mbi->mmap_length) {
		const struct mb1_mmap_entry *entry = parse->access->map(
			HPA(mbi->mmap_addr + offset), sizeof(*entry));

		if (!entry || entry->size < sizeof(*entry) - size_field) {
			log_error("boot: the memory map ends in its entry at byte %lu: %s", offset,
				  entry ? "it is too short" : "it is not in reachable memory");
			return;
		}
		if (!boot_add_memory(parse, entry->addr, entry->len, entry->type))
			return;
		offset += (u64)entry->size + size_field;
	}
	if (offset != mbi->mmap_length)
		log_error("boot: the last entry of the memory map is cut");
}

static void parse_framebuffer(struct boot_parse *parse, hpa_t info_addr)
{
	const struct mb1_framebuffer *from = parse->access->map(
		HPA(info_addr.raw + MB1_FRAMEBUFFER_OFFSET), sizeof(*from));

	if (!from) {
		log_error("boot: the framebuffer's description is not in reachable memory");
		return;
	}
	parse->info->framebuffer = (struct boot_framebuffer){
		.addr = HPA(from->addr),
		.width = from->width,
		.height = from->height,
		.pitch = from->pitch,
		.bpp = from->bpp,
		.type = from->type,
	};
}

int multiboot1_parse(struct boot_parse *parse, hpa_t addr)
{
	const struct mb1_info *mbi = parse->access->map(addr, sizeof(*mbi));
	struct boot_text text;

	if (!mbi)
		return E_RANGE;
	if (mbi->flags & MB1_INFO_CMDLINE) {
		text = string_at(parse, mbi->cmdline);
		parse->info->cmdline = boot_text_keep(&text, "command line");
	}
	if (mbi->flags & MB1_INFO_LOADER_NAME) {
		text = string_at(parse, mbi->boot_loader_name);
		parse->info->loader = boot_text_keep(&text, "boot loader's name");
	}
	if (mbi->flags & MB1_INFO_MEMORY) {
		parse->mem_lower = mbi->mem_lower;
		parse->mem_upper = mbi->mem_upper;
	}
	if (mbi->flags & MB1_INFO_MODS)
		parse_modules(parse, mbi);
	if (mbi->flags & MB1_INFO_MEM_MAP)
		parse_memory_map(parse, mbi);
	if (mbi->flags & MB1_INFO_FRAMEBUFFER)
		parse_framebuffer(parse, addr);
	return 0;
}
