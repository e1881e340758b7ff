/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines of `key=value` words: splitting, and the kinds of values. The texts come
 * from boot loaders and whoever configured them. No state.
 */
#include "lib/words.h"

#include "lib/err.h"
#include "lib/string.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void words_start(struct words *words, const char *text, size_t len)
{
	/* Without text there need not be a pointer to count from. */
	if (!len)
		text = "";
	*words = (struct words){ .next = text, .end = text + len };
}

/* The next run of bytes between blanks; empty at the end. */
static struct span next_text(struct words *words)
{
	const char *start;

	while (words->next < words->end && is_blank(*words->next))
		words->next++;
	start = words->next;
	while (words->next < words->end && !is_blank(*words->next))
		words->next++;
	return (struct span){ .ptr = start, .len = (size_t)(words->next - start) };
}

/* Take all that follows "--" but the blank that separates it. */
static void take_tail(struct words *words)
{
	if (words->next < words->end)
		words->next++;
	words->has_tail = true;
	words->tail = (struct span){
		.ptr = words->next,
		.len = (size_t)(words->end - words->next),
	};
	words->next = words->end;
}

static void split_word(struct word *word, struct span text)
{
	size_t key = 0;

	while (key < text.len && text.ptr[key] != '=')
		key++;
	word->text = text;
	word->key = (struct span){ .ptr = text.ptr, .len = key };
	word->has_value = key < text.len;
	word->value = (struct span){
		.ptr = text.ptr + key + (word->has_value ? 1 : 0),
		.len = text.len - key - (word->has_value ? 1 : 0),
	};
}

bool words_next(struct words *words, struct word *word)
{
	for (;;) {
		struct span text = next_text(words);
		bool first = !words->started;

		words->started = true;
		if (!text.len)
			return false;
		if (span_is(text, "--")) {
			take_tail(words);
			return false;
		}
		split_word(word, text);
		if (!first || word->has_value)
			return true;
		words->file = text;
	}
}

bool words_find(const char *text, size_t len, const char *key, struct word *word)
{
	struct words words;

	words_start(&words, text, len);
	while (words_next(&words, word)) {
		if (word->has_value && span_is(word->key, key))
			return true;
	}
	return false;
}

bool span_is(struct span text, const char *string)
{
	return span_equal(text, (struct span){ .ptr = string, .len = strlen(string) });
}

bool span_equal(struct span a, struct span b)
{
	/* An empty span may have no pointer. */
	return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int span_match(struct span text, const char *const *names, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (span_is(text, names[i]))
			return (int)i;
	}
	return -1;
}

/* The value of a digit in the bases up to 16, or 16. */
static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return 16;
}

int span_parse_number(struct span text, u64 *value)
{
	bool hex = text.len > 2 && text.ptr[0] == '0' && (text.ptr[1] | 0x20) == 'x';
	unsigned int base = hex ? 16 : 10;
	bool overflow = false;
	u64 sum = 0;

	if (!text.len)
		return E_INVAL;
	for (size_t i = hex ? 2 : 0; i < text.len; i++) {
		unsigned int digit = digit_value(text.ptr[i]);

		/* Junk behind an overflow is still junk, so go on to the end. */
		if (digit >= base)
			return E_INVAL;
		overflow |= __builtin_mul_overflow(sum, (u64)base, &sum);
		overflow |= __builtin_add_overflow(sum, (u64)digit, &sum);
	}
	if (overflow)
		return E_RANGE;
	*value = sum;
	return 0;
}

int span_parse_range(struct span text, u64 min, u64 max, u64 *value)
{
	u64 number;
	int err = span_parse_number(text, &number);

	if (err)
		return err;
	if (number < min || number > max)
		return E_RANGE;
	*value = number;
	return 0;
}

/* The shift that a suffix stands for, or 0. */
static unsigned int suffix_shift(char c)
{
	switch (c | 0x20) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	case 't':
		return 40;
	default:
		return 0;
	}
}

int span_parse_size(struct span text, u64 *bytes)
{
	unsigned int shift = text.len ? suffix_shift(text.ptr[text.len - 1]) : 0;
	u64 number;
	int err;

	if (shift)
		text.len--;
	err = span_parse_number(text, &number);
	if (err)
		return err;
	if (number > UINT64_MAX >> shift)
		return E_RANGE;
	*bytes = number << shift;
	return 0;
}
