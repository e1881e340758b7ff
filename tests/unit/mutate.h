/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Damage for parsers' tests: pseudo-random changes to a valid input, the same in every run.
 */
#pragma once

#include <string.h>

#include "lib/types.h"

struct mutator {
	u64 state; /* not 0 */
};

static inline u64 mutator_next(struct mutator *m)
{
	m->state ^= m->state << 13;
	m->state ^= m->state >> 7;
	m->state ^= m->state << 17;
	return m->state * 0x2545f4914f6cdd1dull >> 8;
}

/* A number below limit, which is not 0. */
static inline size_t mutator_below(struct mutator *m, size_t limit)
{
	return (size_t)(mutator_next(m) % limit);
}

/* A little-endian number of 1, 2, 4 or 8 bytes that parsers have trouble with. */
static inline void mutate_number(struct mutator *m, u8 *data, size_t len)
{
	static const u64 values[] = { 0,          1,          7,           8,       0x7f,
				      0xff,       0x7fff,     0xffff,      0x10000, 0x7fffffff,
				      0x80000000, 0xffffffff, 0x100000000, ~0ull,   ~7ull };
	u64 value = values[mutator_below(m, ARRAY_SIZE(values))];
	size_t size = (size_t)1 << mutator_below(m, 4);

	if (size <= len)
		memcpy(data + mutator_below(m, len - size + 1), &value, size);
}

/* One to four changes somewhere in the len bytes (at least one) at data. */
static inline void mutate_bytes(struct mutator *m, u8 *data, size_t len)
{
	for (size_t n = mutator_below(m, 4) + 1; n; n--) {
		size_t at = mutator_below(m, len);

		switch (mutator_below(m, 4)) {
		case 0:
			data[at] ^= (u8)(1u << mutator_below(m, 8));
			break;
		case 1:
			data[at] = (u8)mutator_next(m);
			break;
		case 2:
			data[at] = (u8)(data[at] + mutator_below(m, 9) - 4);
			break;
		default:
			mutate_number(m, data, len);
		}
	}
}

/* Repeat, remove, or overwrite a piece of the text of *len bytes in a buffer of size bytes. */
static inline void mutate_text_once(struct mutator *m, char *text, size_t *len, size_t size)
{
	static const char odd[] = " \t=-,^0x9kKMGT/\"%\n\x7f\xff";
	size_t at = mutator_below(m, *len + 1);
	size_t piece = mutator_below(m, *len - at + 1);

	switch (mutator_below(m, 4)) {
	case 0:
		if (piece <= size - *len) {
			memmove(text + at + piece, text + at, *len - at);
			*len += piece;
		}
		break;
	case 1:
		memmove(text + at, text + at + piece, *len - at - piece);
		*len -= piece;
		break;
	case 2:
		if (at < *len)
			text[at] = (char)mutator_next(m);
		break;
	default:
		/* With the string's own NUL among them. */
		if (at < *len)
			text[at] = odd[mutator_below(m, sizeof(odd))];
	}
}

static inline void mutate_text(struct mutator *m, char *text, size_t *len, size_t size)
{
	for (size_t n = mutator_below(m, 4) + 1; n; n--)
		mutate_text_once(m, text, len, size);
}
