/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs made by hand, for program_explore().
 */
#pragma once

#include "run.h"

struct directed {
	const char *name;
	void (*make)(struct program *program);
	u32 preemptions; /* so many at most: what `make check` has time for */
};

/* Ends with an entry that has no name. */
extern const struct directed directed_programs[];

/* Those of directed_pages.c. */
void directed_harvest_protected(struct program *program);
void directed_harvest_bits(struct program *program);
void directed_harvest_listed(struct program *program);
void directed_harvest_and_write(struct program *program);
void directed_write_by_two(struct program *program);
void directed_log(struct program *program);
void directed_zap_table_and_harvest(struct program *program);
void directed_zap_page_and_harvest(struct program *program);
void directed_log_and_zap(struct program *program);
void directed_protect_and_protect(struct program *program);
void directed_protect_and_zap(struct program *program);
void directed_zap_and_protect_all(struct program *program);
void directed_protect_and_access(struct program *program);
void directed_log_and_collapse(struct program *program);
void directed_harvest_and_add(struct program *program);
void directed_harvest_and_mend(struct program *program);
void directed_log_again_and_zap(struct program *program);
void directed_zap_and_log_again(struct program *program);
void directed_harvest_and_neighbour(struct program *program);
void directed_harvests_and_cached_link(struct program *program);
void directed_lists_and_log(struct program *program);
void directed_copy_and_harvest(struct program *program);
void directed_pointer_and_harvest(struct program *program);
void directed_age(struct program *program);
void directed_write_and_slot(struct program *program);
void directed_write_and_stop(struct program *program);
