/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The choice of VMX's control words against what capability MSRs say: real ones and bad ones.
 */
#include <string.h>

#include "host.h"
#include "vmx/controls.h"

/* A Skylake's and, without unrestricted guest, a Nehalem's, as Bochs has them. */
static const struct vmx_capabilities skylake = { {
	[WORD_PIN] = 0x000000ff00000016,
	[WORD_PROC] = 0xfff9fffe04006172,
	[WORD_PROC2] = 0x001ffcff00000000,
	[WORD_EXIT] = 0x01ffffff00036dfb,
	[WORD_ENTRY] = 0x0003ffff000011fb,
} };

static void choose(const struct vmx_capabilities *can, struct vmx_controls *out,
		   const char *missing)
{
	char text[200] = "?";
	bool ok = vmx_controls_choose(can, out, text, sizeof(text));

	assert_string_equal(text, missing);
	assert_int_equal(ok, !*missing);
}

static void test_all_there(void **state)
{
	struct vmx_controls c;

	(void)state;
	choose(&skylake, &c, "");
	assert_true(c.words[WORD_PROC] & PROC_HLT_EXITING);
	assert_true(c.words[WORD_PROC2] & PROC2_EPT);
	assert_true(c.words[WORD_PROC2] & PROC2_UNRESTRICTED_GUEST);
	assert_false(c.words[WORD_PROC] & (PROC_INTR_WINDOW | PROC_CR3_LOAD_EXITING));
	assert_false(c.words[WORD_ENTRY] & ENTRY_GUEST_64_BIT);
	/* What must be on is, whether named or not; what may not be on is off. */
	for (u32 i = 0; i < WORD_COUNT; i++) {
		u32 must = (u32)skylake.words[i], may = (u32)(skylake.words[i] >> 32);

		assert_int_equal(c.words[i] & must, must);
		assert_int_equal(c.words[i] & ~may, 0);
	}
}

static void test_optional_ones_may_be_missing(void **state)
{
	struct vmx_capabilities can = skylake;
	struct vmx_controls c;

	(void)state;
	can.words[WORD_PIN] &= ~((u64)PIN_PREEMPTION_TIMER << 32);
	can.words[WORD_PROC2] &= ~((u64)(PROC2_UNRESTRICTED_GUEST | PROC2_VPID) << 32);
	choose(&can, &c, "");
	assert_false(c.words[WORD_PIN] & PIN_PREEMPTION_TIMER);
	assert_false(c.words[WORD_EXIT] & EXIT_SAVE_TIMER); /* would fail every entry */
	assert_int_equal(c.words[WORD_PROC2] & (PROC2_UNRESTRICTED_GUEST | PROC2_VPID), 0);
}

static void test_missing_ones_are_named(void **state)
{
	struct vmx_capabilities can = skylake;
	struct vmx_controls c;

	(void)state;
	can.words[WORD_PROC2] &= ~((u64)PROC2_EPT << 32);
	choose(&can, &c, "PROC2.EPT");
	can.words[WORD_PROC] &= ~((u64)PROC_MSR_BITMAPS << 32);
	can.words[WORD_PROC] |= PROC_CR3_LOAD_EXITING; /* cannot be off */
	choose(&can, &c, "PROC.CR3_LOAD_EXITING off, PROC.MSR_BITMAPS, PROC2.EPT");
}

/* What is only wanted at times has to be there too. */
static void test_window_is_needed(void **state)
{
	struct vmx_capabilities can = skylake;
	struct vmx_controls c;

	(void)state;
	can.words[WORD_PROC] &= ~((u64)PROC_INTR_WINDOW << 32);
	choose(&can, &c, "PROC.INTR_WINDOW");
}

static void test_contradictions_are_refused(void **state)
{
	struct vmx_capabilities can = skylake;
	struct vmx_controls c;

	(void)state;
	can.words[WORD_PIN] &= ~((u64)PIN_PREEMPTION_TIMER << 32);
	can.words[WORD_PIN] |= PIN_PREEMPTION_TIMER; /* must be on, may not be on */
	choose(&can, &c, "PIN.PREEMPTION_TIMER");
}

/* Saving the timer goes only with the timer. */
static void test_saving_needs_the_timer(void **state)
{
	struct vmx_capabilities can = skylake;
	struct vmx_controls c;

	(void)state;
	choose(&can, &c, "");
	assert_true(c.words[WORD_EXIT] & EXIT_SAVE_TIMER);
	can.words[WORD_EXIT] |= EXIT_SAVE_TIMER; /* cannot be off */
	choose(&can, &c, "");
	can.words[WORD_PIN] &= ~((u64)PIN_PREEMPTION_TIMER << 32);
	choose(&can, &c, "EXIT.SAVE_TIMER off");
}

static void test_what_is_wanted_at_times_must_go_off(void **state)
{
	struct vmx_capabilities can = skylake;
	struct vmx_controls c;

	(void)state;
	can.words[WORD_PROC] |= PROC_INTR_WINDOW;
	choose(&can, &c, "PROC.INTR_WINDOW off");
}

/* Unknown ones that must be on: only those of the first CPUs are taken as they are. */
static void test_unknown_ones_that_must_be_on(void **state)
{
	struct vmx_capabilities can = skylake;
	struct vmx_controls c;

	(void)state;
	choose(&can, &c, "");
	can.words[WORD_PIN] |= BIT(7);
	choose(&can, &c, "PIN bits 80 off");
	can.words[WORD_PROC2] |= BIT(2) | BIT(20);
	choose(&can, &c, "PIN bits 80 off, PROC2 bits 100004 off");
	can = skylake;
	can.words[WORD_ENTRY] &= ~BIT(32 + 12); /* a contradiction */
	choose(&can, &c, "ENTRY bits 1000 off");
}

/* As a CPU has it that helps with local APICs in every way. */
static struct vmx_capabilities skylake_apicv(void)
{
	struct vmx_capabilities can = skylake;

	can.words[WORD_PROC2] |= (u64)vmx_apic_proc2(APIC_X2APIC) << 32;
	return can;
}

static u32 helps(const struct vmx_capabilities *can)
{
	struct vmx_controls c;

	choose(can, &c, "");
	assert_false(c.words[WORD_PROC] & PROC_TPR_SHADOW);
	assert_false(c.words[WORD_PROC2] & vmx_apic_proc2(APIC_X2APIC));
	return vmx_apic_helps(&c);
}

/* Each part of the help takes all that VM entry wants beside it. */
static void test_apic_help(void **state)
{
	static const u32 proc2[] = { PROC2_X2APIC_MODE, PROC2_APIC_REGISTERS, PROC2_INTR_DELIVERY,
				     PROC2_UNRESTRICTED_GUEST };
	const u32 shadow = 1u << APIC_TPR_SHADOW, all = shadow | 1u << APIC_X2APIC;
	struct vmx_capabilities can = skylake_apicv();

	(void)state;
	assert_int_equal(helps(&can), all);
	for (u32 i = 0; i < ARRAY_SIZE(proc2); i++) {
		can = skylake_apicv();
		can.words[WORD_PROC2] &= ~((u64)proc2[i] << 32);
		assert_int_equal(helps(&can), shadow);
	}
	can = skylake_apicv();
	can.words[WORD_PROC] &= ~((u64)PROC_TPR_SHADOW << 32);
	assert_int_equal(helps(&can), 0);
	assert_int_equal(vmx_apic_proc(APIC_SOFTWARE) | vmx_apic_proc2(APIC_SOFTWARE), 0);
	assert_int_equal(vmx_apic_proc2(APIC_TPR_SHADOW), 0);
}

/* What the first CPU uses at times another one must have too, unless it may not be used. */
static void test_apic_help_on_another_cpu(void **state)
{
	struct vmx_capabilities other = skylake_apicv();
	struct vmx_controls c;
	char text[100];

	(void)state;
	choose(&other, &c, "");
	other.words[WORD_PROC2] &= ~((u64)PROC2_INTR_DELIVERY << 32);
	assert_false(vmx_controls_fit(&other, &c, text, sizeof(text)));
	assert_string_equal(text, "PROC2.INTR_DELIVERY");
	vmx_apic_forgo(&c);
	assert_true(vmx_controls_fit(&other, &c, text, sizeof(text)));
	assert_int_equal(vmx_apic_helps(&c), 0);
}

/* Off until it is asked for; a CPU without does too, but not beside one that has it. */
static void test_pause_loops(void **state)
{
	struct vmx_capabilities can = skylake;
	struct vmx_controls with, without;
	char text[100];

	(void)state;
	choose(&can, &with, "");
	assert_true(vmx_has_pause_loops(&with));
	assert_false(with.words[WORD_PROC2] & PROC2_PAUSE_LOOP_EXITING);
	assert_false(with.words[WORD_PROC] & PROC_PAUSE_EXITING);
	can.words[WORD_PROC2] &= ~((u64)PROC2_PAUSE_LOOP_EXITING << 32);
	choose(&can, &without, "");
	assert_false(vmx_has_pause_loops(&without));
	assert_false(without.words[WORD_PROC] & PROC_PAUSE_EXITING);
	/* It is not part of the help with local APICs. */
	vmx_apic_forgo(&with);
	assert_true(vmx_has_pause_loops(&with));
	assert_false(vmx_controls_fit(&can, &with, text, sizeof(text)));
	assert_string_equal(text, "PROC2.PAUSE_LOOP_EXITING");
	assert_true(vmx_controls_fit(&skylake, &without, text, sizeof(text)));
	/* Each PAUSE has to be able to exit in any case, and loops have to be able not to. */
	can.words[WORD_PROC] &= ~((u64)PROC_PAUSE_EXITING << 32);
	choose(&can, &without, "PROC.PAUSE_EXITING");
	can = skylake;
	can.words[WORD_PROC2] |= PROC2_PAUSE_LOOP_EXITING;
	choose(&can, &with, "PROC2.PAUSE_LOOP_EXITING off");
}

static void test_dead_msrs(void **state)
{
	struct vmx_capabilities zero = { { 0 } }, ones;
	struct vmx_controls c;
	char text[64], whole[2000];

	(void)state;
	assert_false(vmx_controls_choose(&zero, &c, text, sizeof(text)));
	assert_true(memchr(text, '\0', sizeof(text)) != NULL);
	assert_int_equal(strncmp(text, "PIN.INTR_EXITING, PIN.NMI_EXITING", 33), 0);
	assert_false(vmx_controls_choose(&zero, &c, whole, sizeof(whole)));
	assert_non_null(strstr(whole, "ENTRY.LOAD_EFER"));
	memset(&ones, 0xff, sizeof(ones));
	assert_false(vmx_controls_choose(&ones, &c, whole, sizeof(whole)));
	assert_string_equal(
		whole,
		"PROC.INTR_WINDOW off, PROC.INVLPG_EXITING off, "
		"PROC.RDTSC_EXITING off, PROC.CR3_LOAD_EXITING off, "
		"PROC.CR3_STORE_EXITING off, PROC.CR8_LOAD_EXITING off, PROC.CR8_STORE_EXITING off, "
		"PROC.TPR_SHADOW off, PROC.NMI_WINDOW off, PROC.PAUSE_EXITING off, "
		"PROC2.X2APIC_MODE off, PROC2.APIC_REGISTERS off, PROC2.INTR_DELIVERY off, PROC2.PAUSE_LOOP_EXITING off, PROC2.TSC_SCALING off, ENTRY.GUEST_64_BIT off, "
		"PIN bits ffffff80 off, PROC bits a060001 off, "
		"PROC2 bits fdfdf805 off, EXIT bits ff809000 off, "
		"ENTRY bits ffff2c00 off");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_there),
		cmocka_unit_test(test_optional_ones_may_be_missing),
		cmocka_unit_test(test_missing_ones_are_named),
		cmocka_unit_test(test_window_is_needed),
		cmocka_unit_test(test_contradictions_are_refused),
		cmocka_unit_test(test_saving_needs_the_timer),
		cmocka_unit_test(test_what_is_wanted_at_times_must_go_off),
		cmocka_unit_test(test_unknown_ones_that_must_be_on),
		cmocka_unit_test(test_apic_help),
		cmocka_unit_test(test_apic_help_on_another_cpu),
		cmocka_unit_test(test_pause_loops),
		cmocka_unit_test(test_dead_msrs),
	};

	return cmocka_run_group_tests_name("vmx_controls", tests, NULL, NULL);
}
