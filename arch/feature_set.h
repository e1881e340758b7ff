/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CPU's feature bits as they are, to be compared with another CPU's: machines exist whose CPUs
 * differ. Reads no hardware but in feature_set_read().
 */
#pragma once

#include "lib/types.h"

enum feature_reg { FEATURE_EAX, FEATURE_EBX, FEATURE_ECX, FEATURE_EDX };

/* FEATURE_WORD(leaf, subleaf, register): the words of CPUID that hold feature bits. */
#define FEATURE_WORDS(FEATURE_WORD)      \
	FEATURE_WORD(0x1, 0, ECX)        \
	FEATURE_WORD(0x1, 0, EDX)        \
	FEATURE_WORD(0x7, 0, EBX)        \
	FEATURE_WORD(0x7, 0, ECX)        \
	FEATURE_WORD(0x7, 0, EDX)        \
	FEATURE_WORD(0xd, 1, EAX)        \
	FEATURE_WORD(0x80000001, 0, ECX) \
	FEATURE_WORD(0x80000001, 0, EDX) \
	FEATURE_WORD(0x80000007, 0, EDX) \
	FEATURE_WORD(0x80000008, 0, EBX) \
	FEATURE_WORD(0x8000000a, 0, EDX)

#define FEATURE_WORD_ONE(leaf, subleaf, reg) +1
#define FEATURE_WORD_COUNT (0 FEATURE_WORDS(FEATURE_WORD_ONE))

struct feature_word {
	u32 leaf, subleaf;
	enum feature_reg reg;
	const char *reg_name;
};

extern const struct feature_word feature_words[];

struct feature_set {
	u32 words[FEATURE_WORD_COUNT]; /* in the order above; 0 for a leaf that is not there */
	u64 xsave_mask;
	u8 phys_bits;
};

/* What the calling CPU has. */
void feature_set_read(struct feature_set *set);

/* The bits that the hypervisor itself uses, out of one word. */
u32 feature_word_used(const struct feature_word *word);

/*
 * What first has of needed (bits to be looked at, in its words), and other has not: names into buf,
 * separated by commas, "" when there is nothing. Returns whether there is something.
 */
bool feature_set_missing(const struct feature_set *first, const struct feature_set *other,
			 const u32 needed[FEATURE_WORD_COUNT], char *buf, size_t size);
