/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the checker of guest state: the state that rules look at more than once, and how a rule is
 * told.
 */
#pragma once

#include "vmx/vmx.h"

#define MAX_SEGMENT 8
#define RIGHTS_DPL(rights) ((rights) >> 5 & 3u)

struct guest {
	u64 cr0, cr4, efer, debugctl, rflags, rip;
	u32 entry, event, blocked, activity, rights[MAX_SEGMENT];
	u16 selector[MAX_SEGMENT];
	bool long_mode, v8086;
	bool restricted; /* not an unrestricted guest: more rules apply */
};

/* A rule that is broken, by the field that breaks it; NULL as the text: all hold. */
struct rule {
	enum vmcs_field field;
	const char *text;
};

/* A rule that is broken ends the caller. */
#define REQUIRE_FIELD(condition, broken_field, what)                                     \
	do {                                                                             \
		if (!(condition))                                                        \
			return (struct rule){ .field = (broken_field), .text = (what) }; \
	} while (0)
#define REQUIRE(condition, name, what) REQUIRE_FIELD(condition, VMCS_##name, what)

static const struct rule all_hold = { .text = NULL };

static inline bool check_canonical(u64 linear)
{
	return (u64)((s64)(linear << 16) >> 16) == linear;
}

/* Does the entry deliver an event of this type? */
static inline bool event_is(const struct guest *g, u32 type)
{
	return g->event & EVENT_VALID && (g->event >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK) == type;
}

struct rule vmx_check_event(const struct guest *g);
struct rule vmx_check_activity(const struct guest *g);
struct rule vmx_check_segments(const struct guest *g);
