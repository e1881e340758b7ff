/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot information in one form, whichever protocol brought it: what the readers of both
 * formats share, and the pool of strings. A loader's information is input: nothing in it
 * is believed before it is checked. Runs once, on one CPU.
 */
#include "boot/multiboot.h"

#include "boot/bootinfo.h"
#include "boot/multiboot_parse.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"

/* Two strings of BOOT_CMDLINE_MAX, and more of one kind from a loader that repeats itself. */
#define POOL_SIZE KIB(16)

static char pool[POOL_SIZE];
static size_t pool_used;

/* A copy of len bytes, ended by a NUL; NULL when the pool is full. */
static const char *pool_add(const char *text, size_t len)
{
	char *copy = pool + pool_used;

	if (len >= sizeof(pool) - pool_used)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	pool_used += len + 1;
	return copy;
}

struct boot_text boot_text_make(const char *ptr, size_t max)
{
	size_t window = MIN(max, (size_t)BOOT_CMDLINE_MAX + 1);
	struct boot_text text = { .ptr = ptr, .len = strnlen(ptr, window) };

	if (text.len < window)
		return text;
	if (window > BOOT_CMDLINE_MAX) {
		text.len = BOOT_CMDLINE_MAX;
		text.problem = "longer than 4095 bytes";
	} else {
		text.problem = "not ended";
	}
	return text;
}
_Static_assert(BOOT_CMDLINE_MAX == 4095, "as the message says");

const char *boot_text_keep(const struct boot_text *text, const char *whose)
{
	const char *problem = text->problem;
	const char *copy = NULL;

	if (!problem) {
		copy = pool_add(text->ptr, text->len);
		problem = "one too many: the strings do not fit into 16 KiB";
	}
	if (!copy) {
		log_error("boot: the %s is %s, and is ignored", whose, problem);
		return "";
	}
	return copy;
}
_Static_assert(POOL_SIZE == KIB(16), "as the message says");

bool boot_add_memory(struct boot_parse *parse, u64 start, u64 len, u32 type)
{
	struct boot_info *info = parse->info;
	u32 number = ++parse->ranges_seen;

	if (number > BOOT_MAX_MEMORY) {
		/* Another map of the same loader must not say it again. */
		if (number == BOOT_MAX_MEMORY + 1)
			log_error("boot: memory ranges after the first 256 are ignored");
		return false;
	}
	if (!len)
		return true;
	if (start + (len - 1) < start) {
		log_error("boot: memory range %u (0x%lx, 0x%lx bytes) wraps, and is ignored",
			  number, start, len);
		return true;
	}
	info->memory[info->memory_count++] = (struct boot_memory){
		.start = start,
		.len = len,
		.type = type,
	};
	return true;
}
_Static_assert(BOOT_MAX_MEMORY == 256, "as the message says");

/* Without a memory map there may still be the two sizes. */
static void add_basic_memory(struct boot_parse *parse)
{
	if (parse->info->memory_count)
		return;
	boot_add_memory(parse, 0, KIB(parse->mem_lower), BOOT_MEMORY_USABLE);
	boot_add_memory(parse, MIB(1), KIB(parse->mem_upper), BOOT_MEMORY_USABLE);
}

int boot_info_parse(struct boot_info *info, u32 magic, hpa_t info_addr,
		    const struct boot_access *access)
{
	struct boot_parse parse = { .info = info, .access = access };
	int err;

	memset(info, 0, sizeof(*info));
	info->loader = info->cmdline = "";
	pool_used = 0;
	if (magic == MB1_BOOT_MAGIC) {
		err = multiboot1_parse(&parse, info_addr);
	} else if (magic == MB2_BOOT_MAGIC) {
		err = multiboot2_parse(&parse, info_addr);
	} else {
		log_error("boot: 0x%x is not the magic number of multiboot 1 or 2", magic);
		return E_INVAL;
	}
	if (err) {
		log_error("boot: the boot information at 0x%lx cannot be reached", info_addr.raw);
		return err;
	}
	add_basic_memory(&parse);
	boot_read_modules(&parse);
	return 0;
}
