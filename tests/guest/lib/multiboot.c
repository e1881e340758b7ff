/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to the multiboot information: command line words and the memory map.
 */
#include "tests/guest/lib/multiboot.h"

#include "lib/types.h"
#include "tests/guest/lib/string.h"

const char *boot_cmdline(void)
{
	const struct mb_info *info = boot_info();

	if (!(info->flags & MB_INFO_CMDLINE) || !info->cmdline)
		return "";
	return (const char *)(uintptr_t)info->cmdline;
}

const char *boot_option(const char *key)
{
	size_t len = strlen(key);
	const char *word = boot_cmdline();

	while (*word) {
		if (memcmp(word, key, len) == 0 && word[len] == '=')
			return word + len + 1;
		while (*word && *word != ' ')
			word++;
		while (*word == ' ')
			word++;
	}
	return NULL;
}

bool boot_option_is(const char *key, const char *word)
{
	const char *value = boot_option(key);
	size_t len = strlen(word);

	return value && memcmp(value, word, len) == 0 && (value[len] == ' ' || !value[len]);
}

u32 boot_option_number(const char *key, u32 fallback)
{
	const char *value = boot_option(key);
	u32 number = 0;

	if (!value || *value < '0' || *value > '9')
		return fallback;
	while (*value >= '0' && *value <= '9')
		number = number * 10 + (u32)(*value++ - '0');
	return number;
}

const struct mb_mmap *boot_mmap_next(const struct mb_mmap *entry)
{
	const struct mb_info *info = boot_info();
	uintptr_t next = info->mmap_addr;

	if (!(info->flags & MB_INFO_MMAP))
		return NULL;
	if (entry)
		next = (uintptr_t)entry + entry->size + sizeof(entry->size);
	if (next + sizeof(*entry) > (uintptr_t)info->mmap_addr + info->mmap_length)
		return NULL;
	return (const struct mb_mmap *)next;
}
