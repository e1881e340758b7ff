/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One module's command line, taken apart and checked by itself: a table of keys, each with
 * the function that reads its value. Runs once, on one CPU.
 */
#include "vm/config_line.h"

#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/runq.h"

struct config_key_info {
	const char *name;
	const char *other_name; /* NULL: none */
	bool kernel_only;
	/* NULL, or what is wrong with the value. */
	const char *(*parse)(struct config_line *line, struct span value);
};

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-';
}

static const char *parse_vm(struct config_line *line, struct span value)
{
	if (!value.len)
		return "the name is empty";
	if (value.len > VM_NAME_MAX)
		return "the name is longer than 31 characters";
	for (size_t i = 0; i < value.len; i++) {
		if (!is_name_char(value.ptr[i]))
			return "a name has only letters, digits, _, . and -";
	}
	line->name_ok = true;
	return NULL;
}
_Static_assert(VM_NAME_MAX == 31, "as the message says");

static const char *parse_type(struct config_line *line, struct span value)
{
	static const char *const names[] = {
		[CONFIG_KERNEL] = "kernel",
		[CONFIG_INITRD] = "initrd",
	};
	int type = span_match(value, names, ARRAY_SIZE(names));

	if (type < 0)
		return "not a type: kernel or initrd";
	line->type = (enum config_type)type;
	return NULL;
}

static const char *parse_mem(struct config_line *line, struct span value)
{
	u64 bytes;

	if (span_parse_size(value, &bytes))
		return "not a size";
	if (bytes < VM_MEM_MIN)
		return "too small: a VM has at least 4M";
	/* Or else rounding up would wrap to almost nothing. */
	if (bytes > align_down(UINT64_MAX, VM_MEM_ALIGN))
		return "more memory than there can be";
	line->mem = align_up(bytes, VM_MEM_ALIGN);
	return NULL;
}
_Static_assert(VM_MEM_MIN == MIB(4), "as the message says");

static const char *parse_cpus(struct config_line *line, struct span value)
{
	u64 count;

	if (span_parse_range(value, 1, VM_MAX_CPUS, &count))
		return "not a number from 1 to 64";
	line->cpus = (u32)count;
	return NULL;
}
_Static_assert(VM_MAX_CPUS == 64, "as the message says");

static const char *parse_weight(struct config_line *line, struct span value)
{
	u64 weight;

	if (span_parse_range(value, WEIGHT_MIN, WEIGHT_MAX, &weight))
		return "not a number from 1 to 1000";
	line->weight = (u32)weight;
	return NULL;
}
_Static_assert(WEIGHT_MIN == 1 && WEIGHT_MAX == 1000, "as the message says");

/* The part of text before the first c, or all of it; *rest: what follows that c. False: no c. */
static bool cut(struct span text, char c, struct span *part, struct span *rest)
{
	size_t len = 0;

	while (len < text.len && text.ptr[len] != c)
		len++;
	*part = (struct span){ .ptr = text.ptr, .len = len };
	if (len == text.len)
		return false;
	*rest = (struct span){ .ptr = text.ptr + len + 1, .len = text.len - len - 1 };
	return true;
}

/* Numbers and ranges of numbers, with commas between. */
static const char *parse_pin(struct config_line *line, struct span value)
{
	struct span item, first, last;
	bool more = true;

	memset(&line->pin, 0, sizeof(line->pin));
	while (more) {
		u64 from, to;

		more = cut(value, ',', &item, &value);
		if (!cut(item, '-', &first, &last))
			last = first;
		if (span_parse_range(first, 0, MAX_CPUS - 1, &from) ||
		    span_parse_range(last, from, MAX_CPUS - 1, &to))
			return "not a list of CPUs, like 0,2-3";
		for (u64 cpu = from; cpu <= to; cpu++)
			cpu_set_add(&line->pin, (u32)cpu);
	}
	line->pinned = true;
	return NULL;
}

static const char *parse_paging(struct config_line *line, struct span value)
{
	static const char *const names[] = {
		[VM_PAGING_AUTO] = "auto",
		[VM_PAGING_TDP] = "tdp",
		[VM_PAGING_SHADOW] = "shadow",
	};
	int paging = span_match(value, names, ARRAY_SIZE(names));

	if (paging < 0)
		return "not a paging mode: auto, tdp or shadow";
	line->paging = (enum vm_paging)paging;
	return NULL;
}

static const char *parse_pages(struct config_line *line, struct span value)
{
	static const char *const names[] = { "4k", "2m", "1g" };
	int pages = span_match(value, names, ARRAY_SIZE(names));

	if (pages < 0)
		return "not a page size: 4k, 2m or 1g";
	line->max_page = LEVEL_4K + (unsigned int)pages;
	return NULL;
}

static const char *parse_nx_huge(struct config_line *line, struct span value)
{
	static const char *const names[] = { "off", "on" };
	int on = span_match(value, names, ARRAY_SIZE(names));

	if (on < 0)
		return "not on or off";
	line->nx_huge = on;
	return NULL;
}

/* Take the list's first word, up to a comma or its end; then what is left is NULL. */
static struct span next_of_list(struct span *list)
{
	struct span item = { .ptr = list->ptr, .len = 0 };

	while (item.len < list->len && list->ptr[item.len] != ',')
		item.len++;
	if (item.len < list->len) {
		list->ptr += item.len + 1;
		list->len -= item.len + 1;
	} else {
		*list = (struct span){ .ptr = NULL, .len = 0 };
	}
	return item;
}

static const char *parse_pv(struct config_line *line, struct span value)
{
	static const char *const names[] = { "clock", "steal", "tlb" };

	line->pv = span_is(value, "all") ? VM_PV_ALL : 0;
	if (line->pv || span_is(value, "none"))
		return NULL;
	while (value.ptr) {
		int bit = span_match(next_of_list(&value), names, ARRAY_SIZE(names));

		if (bit < 0)
			return "not all, none, or some of clock,steal,tlb";
		line->pv |= 1u << bit;
	}
	if (line->pv & VM_PV_TLB && !(line->pv & VM_PV_STEAL))
		return "tlb is told beside steal, and needs it";
	return NULL;
}
_Static_assert(VM_PV_CLOCK == 1 && VM_PV_STEAL == 2 && VM_PV_TLB == 4, "in the names' order");

static const char *parse_tsc_khz(struct config_line *line, struct span value)
{
	u64 khz;

	if (span_parse_range(value, VM_TSC_KHZ_MIN, VM_TSC_KHZ_MAX, &khz))
		return "not a number from 10000 to 20000000";
	line->tsc_khz = (u32)khz;
	return NULL;
}
_Static_assert(VM_TSC_KHZ_MIN == 10000 && VM_TSC_KHZ_MAX == 20000000, "as the message says");

static const struct config_key_info keys[CONFIG_KEYS] = {
	[CONFIG_KEY_VM] = { .name = "vm", .parse = parse_vm },
	[CONFIG_KEY_TYPE] = { .name = "type", .parse = parse_type },
	[CONFIG_KEY_MEM] = { .name = "mem", .kernel_only = true, .parse = parse_mem },
	[CONFIG_KEY_CPUS] = { .name = "cpus",
			      .other_name = "smp",
			      .kernel_only = true,
			      .parse = parse_cpus },
	[CONFIG_KEY_WEIGHT] = { .name = "weight", .kernel_only = true, .parse = parse_weight },
	[CONFIG_KEY_PIN] = { .name = "pin", .kernel_only = true, .parse = parse_pin },
	[CONFIG_KEY_PAGING] = { .name = "paging", .kernel_only = true, .parse = parse_paging },
	[CONFIG_KEY_PAGES] = { .name = "pages", .kernel_only = true, .parse = parse_pages },
	[CONFIG_KEY_NX_HUGE] = { .name = "nx-huge", .kernel_only = true, .parse = parse_nx_huge },
	[CONFIG_KEY_PV] = { .name = "pv", .kernel_only = true, .parse = parse_pv },
	[CONFIG_KEY_TSC_KHZ] = { .name = "tsc-khz", .kernel_only = true, .parse = parse_tsc_khz },
};

/* Only the first mistake counts: what follows is often its consequence. */
static void set_mistake(struct config_line *line, struct span word, const char *mistake)
{
	if (line->mistake)
		return;
	line->mistake = mistake;
	line->mistake_word = word;
}

static void parse_word(struct config_line *line, const struct word *word)
{
	for (u32 key = 0; key < CONFIG_KEYS; key++) {
		const char *mistake;

		if (!span_is(word->key, keys[key].name) &&
		    !(keys[key].other_name && span_is(word->key, keys[key].other_name)))
			continue;
		if (line->words[key].text.len) {
			set_mistake(line, word->text, "a second word of this kind");
			return;
		}
		line->words[key] = *word;
		mistake = word->has_value ? keys[key].parse(line, word->value) : "no value";
		if (mistake)
			set_mistake(line, word->text, mistake);
		return;
	}
	set_mistake(line, word->text, "not a word that modules have");
}

/* What only shows when the whole line is known. */
static void check_whole(struct config_line *line, const struct words *words)
{
	const struct span none = { .ptr = "", .len = 0 };
	const struct span dashes = { .ptr = "--", .len = 2 };

	if (!line->words[CONFIG_KEY_VM].text.len)
		set_mistake(line, none, "no vm=NAME says which VM it is for");
	if (!line->words[CONFIG_KEY_TYPE].text.len)
		set_mistake(line, none, "no type=kernel or type=initrd says what it is");
	if (line->mistake)
		return;
	for (u32 key = 0; key < CONFIG_KEYS && line->type != CONFIG_KERNEL; key++) {
		if (keys[key].kernel_only && line->words[key].text.len)
			set_mistake(line, line->words[key].text, "only a kernel's line has this");
	}
	if (words->has_tail && line->type != CONFIG_KERNEL)
		set_mistake(line, dashes, "only a kernel's line has this");
	if (words->tail.len > VM_CMDLINE_MAX)
		set_mistake(line, dashes, "more than 2047 characters follow");
}
_Static_assert(VM_CMDLINE_MAX == 2047, "as the message says");

void config_line_parse(struct config_line *line, const struct config_module *module)
{
	struct words words;
	struct word word;

	*line = (struct config_line){
		.module = module,
		.mem = VM_MEM_DEFAULT,
		.cpus = 1,
		.weight = WEIGHT_DEFAULT,
		.paging = VM_PAGING_AUTO,
		.max_page = LEVEL_1G,
		.pv = VM_PV_ALL,
		.cmdline = "",
	};
	words_start(&words, module->cmdline, strlen(module->cmdline));
	while (words_next(&words, &word))
		parse_word(line, &word);
	line->file = words.file;
	/* The line's own NUL ends the tail too. */
	if (words.has_tail)
		line->cmdline = words.tail.ptr;
	check_whole(line, &words);
}

void config_module_name(const struct config_module *module, char *buf, size_t size)
{
	struct words words;
	struct word word;

	words_start(&words, module->cmdline, strlen(module->cmdline));
	while (words_next(&words, &word))
		;
	if (words.file.len)
		str_printf(buf, size, SPAN_FMT, SPAN_ARG(words.file));
	else
		str_printf(buf, size, "module %u", module->number);
}

void config_line_report(const struct config_line *line, struct span word, const char *mistake)
{
	struct span vm = line->words[CONFIG_KEY_VM].value;
	bool file = line->file.len != 0;
	bool named = line->name_ok;

	log_error("module %u%s" SPAN_FMT "%s: %s" SPAN_FMT "%s%s%s" SPAN_FMT "%s",
		  line->module->number, file ? " (" : "", SPAN_ARG(line->file), file ? ")" : "",
		  word.len ? "\"" : "", SPAN_ARG(word), word.len ? "\": " : "", mistake,
		  named ? "; vm " : "", named ? (int)vm.len : 0, vm.ptr,
		  named ? " does not start" : "");
}
