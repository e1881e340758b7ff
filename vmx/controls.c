/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choice of the control words. See controls.h.
 */
#include "vmx/controls.h"

#include "lib/printf.h"

/*
 * ON and OFF are needed so; AT_TIMES starts off, but must be there to be turned on, and not be on
 * always. SOMETIMES is AT_TIMES that may be missing.
 */
enum need { ON, OFF, IF_THERE, AT_TIMES, SOMETIMES };

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

static const char *const word_names[WORD_COUNT] = {
	[WORD_PIN] = "PIN",   [WORD_PROC] = "PROC",   [WORD_PROC2] = "PROC2",
	[WORD_EXIT] = "EXIT", [WORD_ENTRY] = "ENTRY",
};

/*
 * The manual's default1 class: reserved bits that had to be on in the first CPUs, and do what those
 * did. Any other that must be on does something that this file does not know of.
 */
static const u32 default1[WORD_COUNT] = {
	[WORD_PIN] = 0x16,        [WORD_PROC] = 0x0401e172,  [WORD_PROC2] = 0,
	[WORD_EXIT] = 0x00036dff, [WORD_ENTRY] = 0x000011ff,
};

/* What is said of controls that do not fit, separated by commas. */
struct list {
	char *text;
	size_t size, used;
};

static void add(struct list *list, const char *name, const char *more)
{
	if (list->used < list->size)
		list->used += (size_t)str_printf(list->text + list->used, list->size - list->used,
						 "%s%s%s", list->used ? ", " : "", name, more);
}

static u32 known_bits(u32 word)
{
	u32 known = 0;

	for (u32 i = 0; i < ARRAY_SIZE(controls); i++)
		known |= controls[i].word == word ? controls[i].bit : 0;
	return known;
}

static void refuse_unknown(const struct vmx_capabilities *can, struct list *list)
{
	char name[40];

	for (u32 word = 0; word < WORD_COUNT; word++) {
		u32 may = (u32)(can->words[word] >> 32), must = (u32)can->words[word];
		u32 bad = must & ~known_bits(word) & ~(default1[word] & may);

		str_printf(name, sizeof(name), "%s bits %x", word_names[word], bad);
		if (bad)
			add(list, name, " off");
	}
}

static bool must_go_off(enum need need)
{
	return need == OFF || need == AT_TIMES || need == SOMETIMES;
}

/* Does a control, as this CPU has it, not do for need? */
static bool is_missing(enum need need, bool can_be_on, bool must_be_on)
{
	/* Bits that must be on and may not are what a broken virtual machine's firmware says. */
	if (must_be_on && !can_be_on)
		return true;
	if (must_be_on && must_go_off(need))
		return true;
	return !can_be_on && (need == ON || need == AT_TIMES);
}

/* Controls that VM entry takes only beside others. */
static void choose_dependent(const struct vmx_capabilities *can, struct vmx_controls *out,
			     struct list *list)
{
	if (out->words[WORD_PIN] & PIN_PREEMPTION_TIMER)
		return;
	if (can->words[WORD_EXIT] & EXIT_SAVE_TIMER)
		add(list, "EXIT.SAVE_TIMER", " off");
	out->words[WORD_EXIT] &= ~(u32)EXIT_SAVE_TIMER;
}

bool vmx_controls_choose(const struct vmx_capabilities *can, struct vmx_controls *out, char *text,
			 size_t size)
{
	struct list list = { .text = text, .size = size };

	text[0] = '\0';
	for (u32 word = 0; word < WORD_COUNT; word++) {
		out->words[word] = (u32)can->words[word];
		out->sometimes[word] = 0;
	}
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		u32 word = controls[i].word, bit = controls[i].bit;
		bool can_be_on = can->words[word] >> 32 & bit, must_be_on = can->words[word] & bit;
		enum need need = controls[i].need;

		if (is_missing(need, can_be_on, must_be_on))
			add(&list, controls[i].name,
			    need == OFF || (must_be_on && must_go_off(need)) ? " off" : "");
		if (can_be_on && (need == ON || need == IF_THERE))
			out->words[word] |= bit;
		if (can_be_on && need == SOMETIMES)
			out->sometimes[word] |= bit;
	}
	choose_dependent(can, out, &list);
	refuse_unknown(can, &list);
	return !list.used;
}

u32 vmx_apic_proc(enum apic_helper helper)
{
	return helper == APIC_SOFTWARE ? 0 : PROC_TPR_SHADOW;
}

u32 vmx_apic_proc2(enum apic_helper helper)
{
	if (helper != APIC_X2APIC)
		return 0;
	return PROC2_X2APIC_MODE | PROC2_APIC_REGISTERS | PROC2_INTR_DELIVERY;
}

u32 vmx_apic_helps(const struct vmx_controls *chosen)
{
	const u32 *has = chosen->sometimes;
	u32 helps = 0;

	for (u32 i = APIC_TPR_SHADOW; i < APIC_HELPERS; i++) {
		enum apic_helper helper = (enum apic_helper)i;

		if (vmx_apic_proc(helper) & ~has[WORD_PROC] ||
		    vmx_apic_proc2(helper) & ~has[WORD_PROC2])
			continue;
		/* What is emulated needs interrupts that are not the CPU's. */
		if (helper != APIC_TPR_SHADOW &&
		    !(chosen->words[WORD_PROC2] & PROC2_UNRESTRICTED_GUEST))
			continue;
		helps |= 1u << i;
	}
	return helps;
}

void vmx_apic_forgo(struct vmx_controls *chosen)
{
	chosen->sometimes[WORD_PROC] &= ~vmx_apic_proc(APIC_X2APIC);
	chosen->sometimes[WORD_PROC2] &= ~vmx_apic_proc2(APIC_X2APIC);
}

bool vmx_has_pause_loops(const struct vmx_controls *chosen)
{
	return chosen->sometimes[WORD_PROC2] & PROC2_PAUSE_LOOP_EXITING;
}

/* The name of one bit of a word, or the word and the bit. */
static void add_bit(struct list *list, u32 word, u32 bit, const char *more)
{
	char name[40];

	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		if (controls[i].word == word && controls[i].bit == bit) {
			add(list, controls[i].name, more);
			return;
		}
	}
	str_printf(name, sizeof(name), "%s bits %x", word_names[word], bit);
	add(list, name, more);
}

bool vmx_controls_fit(const struct vmx_capabilities *can, const struct vmx_controls *chosen,
		      char *text, size_t size)
{
	struct list list = { .text = text, .size = size };

	text[0] = '\0';
	for (u32 word = 0; word < WORD_COUNT; word++) {
		u32 may = (u32)(can->words[word] >> 32), must = (u32)can->words[word];
		u32 on = chosen->words[word], sometimes = chosen->sometimes[word];

		for (u32 bit = 1; bit; bit <<= 1) {
			if ((on | sometimes) & bit & ~may)
				add_bit(&list, word, bit, "");
			else if (must & bit & ~on)
				add_bit(&list, word, bit, " off");
		}
	}
	return !list.used;
}
