/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of modules, of any length: counted first, then put into RAM that is free, before
 * there is an allocator. Nothing that is still to be read, and no module, may lie there. Runs
 * once, on one CPU.
 */
#include "boot/multiboot_parse.h"
#include "lib/log.h"
#include "lib/string.h"

/* What is below 1 MiB real-mode code may need. What is above 4 GiB cannot be reached yet. */
#define LISTS_LOW MIB(1)
#define LISTS_HIGH GIB(4)

static struct mem_range reserved_alone[BOOT_MAX_RESERVED];

/* What the lists need: cut from one piece of RAM in this order. */
struct lists {
	u64 count;
	u64 strings; /* bytes, with their NULs */
	char *string; /* where the next one goes */
};

static u64 modules_size(const struct lists *lists)
{
	return lists->count * sizeof(struct config_module);
}

static u64 reserved_size(const struct lists *lists)
{
	return (lists->count + BOOT_MAX_RESERVED) * sizeof(struct mem_range);
}

static void count_modules(const struct boot_parse *parse, struct lists *lists)
{
	struct boot_module module;
	u64 cursor = 0;

	for (; parse->modules->next(parse, &cursor, &module); lists->count++)
		lists->strings += parse->modules->text(parse, &module).len + 1;
}

/* Move *at behind the range if the len bytes there would touch it. */
static void step_over(u64 *at, u64 len, u64 start, u64 size)
{
	u64 end = start + size < start ? LISTS_HIGH : MIN(start + size, LISTS_HIGH);

	if (size && *at < end && start < *at + len)
		*at = align_up(end, PAGE_SIZE);
}

/* A module that is not there must not stand in the way. */
static bool is_there(const struct boot_parse *parse, const struct boot_module *module)
{
	return module->end > module->start &&
	       parse->access->map(HPA(module->start), module->end - module->start);
}

/* The first address from at on where len bytes touch nothing that is in use. */
static u64 skip_used(const struct boot_parse *parse, u64 at, u64 len)
{
	const struct boot_info *info = parse->info;
	const struct mem_range *image = &parse->access->image;
	struct boot_module module;
	u64 from, cursor;

	do {
		from = at;
		step_over(&at, len, image->start.raw, image->len);
		step_over(&at, len, parse->source.start.raw, parse->source.len);
		for (u32 i = 0; i < info->memory_count; i++) {
			if (info->memory[i].type != BOOT_MEMORY_USABLE)
				step_over(&at, len, info->memory[i].start, info->memory[i].len);
		}
		for (cursor = 0; parse->modules->next(parse, &cursor, &module);) {
			step_over(&at, len, module.string.start.raw, module.string.len);
			if (is_there(parse, &module))
				step_over(&at, len, module.start, module.end - module.start);
		}
	} while (at != from && at < LISTS_HIGH);
	return at;
}

/* Free RAM of len bytes, or NULL. */
static void *take_ram(struct boot_parse *parse, u64 len)
{
	struct boot_info *info = parse->info;

	for (u32 i = 0; i < info->memory_count; i++) {
		const struct boot_memory *ram = &info->memory[i];
		/* One that ends at 2^64 is longer than what is looked at. */
		u64 end = MIN(ram->start + (ram->len - 1), LISTS_HIGH - 1) + 1;
		u64 at;

		if (ram->type != BOOT_MEMORY_USABLE || ram->start >= LISTS_HIGH)
			continue;
		at = skip_used(parse, align_up(MAX(ram->start, LISTS_LOW), PAGE_SIZE), len);
		if (at >= end || len > end - at)
			continue;
		info->lists = (struct mem_range){ .start = HPA(at), .len = len };
		return parse->access->take(HPA(at), len);
	}
	return NULL;
}

/* NULL, or what is wrong with where the module lies. */
static const char *module_problem(const struct boot_parse *parse, const struct boot_module *module)
{
	const struct boot_info *info = parse->info;

	if (module->end < module->start)
		return "its end is before its start";
	if (module->end == module->start)
		return NULL;
	if (!is_there(parse, module))
		return "it is not in reachable memory";
	for (u32 i = 0; i < info->module_count; i++) {
		u64 start = info->modules[i].start.raw;

		if (module->start < start + info->modules[i].size && start < module->end)
			return "it overlaps another module";
	}
	return NULL;
}

static void add_module(struct boot_parse *parse, struct lists *lists,
		       const struct boot_module *module)
{
	struct boot_info *info = parse->info;
	struct config_module *to = &info->modules[info->module_count];
	struct boot_text text = parse->modules->text(parse, module);
	const char *problem = module_problem(parse, module);
	u32 number = info->module_count + 1;

	if (problem)
		log_error("boot: module %u is ignored: %s", number, problem);
	else if (text.problem)
		log_error("boot: module %u is ignored: its command line is %s", number,
			  text.problem);
	*to = (struct config_module){
		/* What is known of a command line may still name the VM that must not start. */
		.cmdline = memcpy(lists->string, text.ptr, text.len),
		.number = number,
		.broken = problem || text.problem,
	};
	if (!to->broken) {
		to->start = HPA(module->start);
		to->size = module->end - module->start;
	}
	lists->string[text.len] = '\0';
	lists->string += text.len + 1;
	info->module_count++;
}

void boot_read_modules(struct boot_parse *parse)
{
	struct boot_info *info = parse->info;
	struct lists lists = { 0 };
	struct boot_module module;
	u64 cursor = 0, need;
	u8 *ram;

	info->reserved = reserved_alone;
	if (parse->modules)
		count_modules(parse, &lists);
	if (!lists.count)
		return;
	need = modules_size(&lists) + reserved_size(&lists) + lists.strings;
	ram = take_ram(parse, need);
	if (!ram) {
		log_error("boot: %lu modules are ignored: their list needs %lu KiB, and no free "
			  "RAM below 4 GiB has that much",
			  lists.count, align_up(need, KIB(1)) / KIB(1));
		return;
	}
	info->modules = (void *)ram;
	info->reserved = (void *)(ram + modules_size(&lists));
	lists.string = (char *)(ram + modules_size(&lists) + reserved_size(&lists));
	while (parse->modules->next(parse, &cursor, &module))
		add_module(parse, &lists, &module);
}
