/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines of `key=value` words: splitting, and the kinds of values. Spaces and tabs
 * separate words; there is no quoting. Texts are a pointer and a length and may hold any
 * byte. Nothing is copied or allocated: a result points into the text that was given.
 */
#pragma once

#include "lib/types.h"

struct span {
	const char *ptr;
	size_t len;
};

/*
 * For printing a span: log_error("bad " SPAN_FMT, SPAN_ARG(span)). Prints the beginning of
 * a long one, so that a message stays one readable line.
 */
#define SPAN_FMT "%.*s"
#define SPAN_PRINTED 64u
#define SPAN_ARG(span) (int)((span).len < SPAN_PRINTED ? (span).len : SPAN_PRINTED), (span).ptr

struct word {
	struct span text; /* all of it */
	struct span key; /* before the first '=', or all when there is none */
	struct span value; /* after it; empty when there is none */
	bool has_value; /* there was a '=' */
};

struct words {
	const char *next, *end; /* what is not split yet */
	bool started;
	struct span file; /* the first word when it has no '=': skipped as a file name */
	bool has_tail; /* a word "--" was seen */
	struct span tail; /* what follows it and the one blank behind it, verbatim */
};

/* Split the len bytes at text, which must stay. */
void words_start(struct words *words, const char *text, size_t len);

/* False at the end of the text or at a word "--"; file and tail are known by then. */
bool __must_check words_next(struct words *words, struct word *word);

/* The value of the first word with this key. False: there is none before the end or "--". */
bool __must_check words_find(const char *text, size_t len, const char *key, struct word *word);

/* Is the text exactly this string? */
bool span_is(struct span text, const char *string);
bool span_equal(struct span a, struct span b);

/* The index of text in names, or -1. */
int span_match(struct span text, const char *const *names, u32 count);

/*
 * Read all of text as a number, decimal or hexadecimal with 0x. E_INVAL: it is none;
 * E_RANGE: too large. *value is unchanged then.
 */
int __must_check span_parse_number(struct span text, u64 *value);

/* As span_parse_number, and the number lies in min..max: E_RANGE. */
int __must_check span_parse_range(struct span text, u64 min, u64 max, u64 *value);

/*
 * A number of bytes, or with a suffix K, M, G, T of either case, of KiB, MiB, GiB, TiB. The
 * same errors.
 */
int __must_check span_parse_size(struct span text, u64 *bytes);
