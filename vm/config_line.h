/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One module's command line, taken apart and checked by itself. Shared by vm/config*.c only.
 */
#pragma once

#include "lib/words.h"
#include "vm/config.h"

enum config_type { CONFIG_KERNEL, CONFIG_INITRD };

enum config_key {
	CONFIG_KEY_VM,
	CONFIG_KEY_TYPE,
	CONFIG_KEY_MEM,
	CONFIG_KEY_CPUS,
	CONFIG_KEY_WEIGHT,
	CONFIG_KEY_PIN,
	CONFIG_KEY_PAGING,
	CONFIG_KEY_PAGES,
	CONFIG_KEY_NX_HUGE,
	CONFIG_KEY_PV,
	CONFIG_KEY_TSC_KHZ,
	CONFIG_KEYS
};

struct config_line {
	const struct config_module *module;
	struct span file; /* the file name word; empty when there is none */
	/* Each key's first word; a text of length 0: the line has none. */
	struct word words[CONFIG_KEYS];
	/* The line's first mistake, and the word it is about; NULL: none. */
	const char *mistake;
	struct span mistake_word;
	bool name_ok; /* vm= is there and is a name */
	enum config_type type;
	u64 mem;
	u32 cpus, weight;
	struct cpu_set pin;
	bool pinned;
	enum vm_paging paging;
	unsigned int max_page;
	bool nx_huge;
	u32 pv, tsc_khz;
	const char *cmdline;
};

/* Read the module's line; what is wrong with it is kept in line, not logged. */
void config_line_parse(struct config_line *line, const struct config_module *module);

/* One log_error line that names the module, the word and what is wrong with it. */
void config_line_report(const struct config_line *line, struct span word, const char *mistake);
