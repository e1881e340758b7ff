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
