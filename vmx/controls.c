/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choice of the control words. See controls.h.
 */
#include "vmx/controls.h"

#include "arch/cpu.h"
#include "lib/printf.h"
#include "vmx/msrs.h"

/* ON and OFF are needed so; AT_TIMES starts off, but must be there to be turned on. */
enum need { ON, OFF, IF_THERE, AT_TIMES };

static const struct {
	u8 word;
	u8 need;
	u32 bit;
	const char *name;
} controls[] = {
#define CONTROL(word, name, bit, need) { WORD_##word, need, 1u << (bit), #word "." #name },
	VMX_CONTROLS(CONTROL)
#undef CONTROL
};

/* A capability MSR has in its low half the bits that must be on, in its high half those that may be. */
static u64 allowed(enum vmx_word word)
{
	static const u32 msrs[WORD_COUNT] = {
		[WORD_PIN] = MSR_VMX_PIN,     [WORD_PROC] = MSR_VMX_PROC,
		[WORD_PROC2] = MSR_VMX_PROC2, [WORD_EXIT] = MSR_VMX_EXIT,
		[WORD_ENTRY] = MSR_VMX_ENTRY,
	};
	static const u32 true_msrs[WORD_COUNT] = {
		[WORD_PIN] = MSR_VMX_TRUE_PIN,     [WORD_PROC] = MSR_VMX_TRUE_PROC,
		[WORD_PROC2] = MSR_VMX_PROC2,      [WORD_EXIT] = MSR_VMX_TRUE_EXIT,
		[WORD_ENTRY] = MSR_VMX_TRUE_ENTRY,
	};
	bool has_true = rdmsr(MSR_VMX_BASIC) & VMX_BASIC_TRUE_CONTROLS;

	/* Without secondary controls the CPU has no MSR for them. */
	if (word == WORD_PROC2 && !(allowed(WORD_PROC) >> 32 & PROC_SECONDARY_CONTROLS))
		return 0;
	return rdmsr(has_true ? true_msrs[word] : msrs[word]);
}

bool vmx_controls_choose(struct vmx_controls *out, char *text, size_t size)
{
	u64 allows[WORD_COUNT];
	size_t used = 0;

	text[0] = '\0';
	for (u32 word = 0; word < WORD_COUNT; word++) {
		allows[word] = allowed((enum vmx_word)word);
		out->words[word] = (u32)allows[word];
	}
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		u32 word = controls[i].word, bit = controls[i].bit;
		bool can_be_on = allows[word] >> 32 & bit, must_be_on = allows[word] & bit;
		enum need need = controls[i].need;
		bool missing = need == OFF ? must_be_on : !can_be_on && need != IF_THERE;

		if (missing && used < size)
			used += (size_t)str_printf(text + used, size - used, "%s%s%s",
						   used ? ", " : "", controls[i].name,
						   need == OFF ? " off" : "");
		if (can_be_on && (need == ON || need == IF_THERE))
			out->words[word] |= bit;
	}
	return !used;
}
