/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choice of the control words. See controls.h.
 */
#include "vmx/controls.h"

#include "lib/printf.h"

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

bool vmx_controls_choose(const struct vmx_capabilities *can, struct vmx_controls *out, char *text,
			 size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (u32 word = 0; word < WORD_COUNT; word++)
		out->words[word] = (u32)can->words[word];
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		u32 word = controls[i].word, bit = controls[i].bit;
		bool can_be_on = can->words[word] >> 32 & bit, must_be_on = can->words[word] & bit;
		enum need need = controls[i].need;
		bool missing = need == OFF ? must_be_on : !can_be_on && need != IF_THERE;

		/*
		 * Bits that must be on and may not are what a broken virtual machine's firmware
		 * says.
		 */
		missing |= must_be_on && !can_be_on;
		if (missing && used < size)
			used += (size_t)str_printf(text + used, size - used, "%s%s%s",
						   used ? ", " : "", controls[i].name,
						   need == OFF ? " off" : "");
		if (can_be_on && (need == ON || need == IF_THERE))
			out->words[word] |= bit;
	}
	return !used;
}
