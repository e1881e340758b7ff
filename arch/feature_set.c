/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The comparison of two CPUs' features. See feature_set.h. Pure functions: what reads a CPU is in
 * features.c.
 */
#include "arch/feature_set.h"

#include "arch/features.h"
#include "lib/printf.h"

const struct feature_word feature_words[] = {
#define FEATURE_WORD(leaf, subleaf, reg) { leaf, subleaf, FEATURE_##reg, #reg },
	FEATURE_WORDS(FEATURE_WORD)
#undef FEATURE_WORD
};

/* The bits that have a name here. */
static const struct {
	const char *name;
	u32 leaf, subleaf;
	enum feature_reg reg;
	u32 bit;
} names[] = {
#define FEATURE_eax FEATURE_EAX
#define FEATURE_ebx FEATURE_EBX
#define FEATURE_ecx FEATURE_ECX
#define FEATURE_edx FEATURE_EDX
#define FEATURE(name, leaf, subleaf, reg, bit) { #name, leaf, subleaf, FEATURE_##reg, bit },
	CPU_FEATURES(FEATURE)
#undef FEATURE
};

static bool is_in(u32 name, const struct feature_word *word)
{
	return names[name].leaf == word->leaf && names[name].subleaf == word->subleaf &&
	       names[name].reg == word->reg;
}

u32 feature_word_used(const struct feature_word *word)
{
	u32 used = 0;

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (is_in(i, word))
			used |= 1u << names[i].bit;
	}
	return used;
}

/* Where the text goes; what does not fit is cut off. */
struct text {
	char *buf;
	size_t size, used;
};

__printf_like(2, 3) static void add(struct text *text, const char *fmt, ...)
{
	va_list args;

	if (text->used >= text->size)
		return;
	va_start(args, fmt);
	text->used += (size_t)str_vprintf(text->buf + text->used, text->size - text->used, fmt,
					  args);
	va_end(args);
}

static void add_bit(struct text *text, const struct feature_word *word, u32 bit)
{
	const char *comma = text->used ? ", " : "";

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (is_in(i, word) && names[i].bit == bit) {
			add(text, "%s%s", comma, names[i].name);
			return;
		}
	}
	add(text, "%sCPUID %x.%x %s bit %u", comma, word->leaf, word->subleaf, word->reg_name, bit);
}

bool feature_set_missing(const struct feature_set *first, const struct feature_set *other,
			 const u32 needed[FEATURE_WORD_COUNT], char *buf, size_t size)
{
	struct text text = { .buf = buf, .size = size };
	u64 xsave = first->xsave_mask & ~other->xsave_mask;

	buf[0] = '\0';
	for (u32 i = 0; i < FEATURE_WORD_COUNT; i++) {
		u32 missing = first->words[i] & ~other->words[i] & needed[i];

		for (; missing; missing &= missing - 1)
			add_bit(&text, &feature_words[i], (u32)__builtin_ctz(missing));
	}
	if (xsave)
		add(&text, "%sXSAVE components %llx", text.used ? ", " : "",
		    (unsigned long long)xsave);
	if (other->phys_bits < first->phys_bits)
		add(&text, "%s%u-bit physical addresses (it has %u)", text.used ? ", " : "",
		    first->phys_bits, other->phys_bits);
	return text.used != 0;
}
