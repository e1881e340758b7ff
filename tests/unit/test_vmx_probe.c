/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a CPU offers, judged: firmware that says no, values that no CPU has, and what is missing,
 * each in its line.
 */
#include <string.h>

#include "arch/cpu.h"
#include "host.h"
#include "vmx/msrs.h"
#include "vmx/probe.h"

#define EPT_CAPS 0xf0106334141ull

static struct vmx_offer good(void)
{
	return (struct vmx_offer){
		.feature_control = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMXON,
		.basic = 0x00da040000000004,
		.cr0_fixed = CR0_PE | CR0_NE | CR0_PG,
		.cr4_fixed = CR4_VMXE,
		.cr0_allowed = 0xffffffff,
		.cr4_allowed = 0x3767ff,
		.cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_ET,
		.cr4 = CR4_PAE,
		.ept = EPT_CAPS,
		.can = { { 0x000000ff00000016, 0xfff9fffe04006172, 0x001ffcff00000000,
			   0x01ffffff00036dfb, 0x0003ffff000011fb } },
	};
}

static void judge(const struct vmx_offer *offer, const char *says)
{
	struct vmx_controls controls;
	char buf[240];
	const char *reason = vmx_offer_judge(offer, &controls, buf, sizeof(buf));

	if (!says)
		assert_null(reason);
	else if (!reason || !strstr(reason, says))
		fail_msg("not \"%s\" but \"%s\"", says, reason ? reason : "(fine)");
}

static void test_firmware(void **state)
{
	struct vmx_offer offer = good();

	(void)state;
	judge(&offer, NULL);
	offer.feature_control = 0; /* left open: we turn it on */
	judge(&offer, NULL);
	offer.feature_control = FEATURE_CONTROL_LOCKED;
	judge(&offer, "disabled by firmware");
	offer.feature_control |= BIT(1); /* inside SMX only */
	judge(&offer, "disabled by firmware");
}

static void test_values_that_no_cpu_has(void **state)
{
	static const struct {
		u64 basic;
		const char *says;
	} basics[] = {
		{ 0, "1 to 4096 bytes" },
		{ 0x00d8000000000004, "1 to 4096 bytes" },
		{ 0x00d8100100000004, "1 to 4096 bytes" },
		{ 0x00c0100000000004, "write-back" },
		{ ~0ull, "1 to 4096 bytes" },
		{ 0x00d8100000000004, NULL },
	};
	struct vmx_offer offer = good();

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(basics); i++) {
		offer.basic = basics[i].basic;
		judge(&offer, basics[i].says);
	}
	offer = good();
	offer.cr0_fixed |= BIT(40);
	judge(&offer, "unknown bits of CR0");
	offer = good();
	offer.cr4_fixed |= BIT(30);
	judge(&offer, "unknown bits of CR4");
	offer.cr4_fixed = ~0ull;
	judge(&offer, "unknown bits of CR4");
	offer = good();
	offer.cr0_allowed &= ~CR0_WP; /* on now */
	judge(&offer, "does not allow bits of CR0");
	offer.cr0_allowed = 0xffffffff & ~CR0_NE; /* has to be on */
	judge(&offer, "does not allow bits of CR0");
	offer = good();
	offer.cr4_allowed &= ~CR4_PAE;
	judge(&offer, "does not allow bits of CR4");
	offer.cr4_allowed = 0x3767ff & ~CR4_VMXE;
	judge(&offer, "does not allow bits of CR4");
	offer.cr4_allowed = 0x3767ff & ~CR4_UMIP; /* off */
	judge(&offer, NULL);
}

static void test_missing(void **state)
{
	static const u64 needed[] = { EPT_HAS_4_LEVELS, EPT_HAS_WRITE_BACK, EPT_HAS_2M,
				      EPT_HAS_INVEPT, EPT_HAS_INVEPT_SINGLE | EPT_HAS_INVEPT_ALL };
	struct vmx_offer offer = good();

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(needed); i++) {
		offer.ept = EPT_CAPS & ~needed[i];
		judge(&offer, "EPT that lacks");
	}
	offer.ept = EPT_CAPS & ~(EPT_HAS_1G | EPT_HAS_ACCESSED_DIRTY | EPT_HAS_INVEPT_ALL);
	judge(&offer, NULL);
	offer.can.words[WORD_PROC2] &= ~((u64)PROC2_EPT << 32);
	offer.ept = 0;
	judge(&offer, "VMX without what this version needs: PROC2.EPT");
	offer.can.words[WORD_PROC2] = 0; /* no secondary controls at all */
	offer.can.words[WORD_PROC] &= ~((u64)PROC_SECONDARY_CONTROLS << 32);
	judge(&offer, "needs: PROC.SECONDARY_CONTROLS, PROC2.EPT");
}

/* Without INVVPID of all contexts there is no VPID. */
static void test_vpid(void **state)
{
	static const u64 needed[] = { VPID_HAS_INVVPID, VPID_HAS_INVVPID_ALL };
	struct vmx_offer offer = good();
	struct vmx_controls controls;

	(void)state;
	assert_null(vmx_offer_judge(&offer, &controls, NULL, 0));
	assert_true(controls.words[WORD_PROC2] & PROC2_VPID);
	for (u32 i = 0; i < ARRAY_SIZE(needed); i++) {
		offer.ept = EPT_CAPS & ~needed[i];
		assert_null(vmx_offer_judge(&offer, &controls, NULL, 0));
		assert_false(controls.words[WORD_PROC2] & PROC2_VPID);
		assert_true(controls.words[WORD_PROC2] & PROC2_EPT);
	}
	offer.can.words[WORD_PROC2] |= PROC2_VPID;
	judge(&offer, "VPIDs that cannot be off");
}

static void compare(const struct vmx_offer *offer, const struct vmx_offer *first, const char *says)
{
	struct vmx_controls chosen;
	char buf[240];
	const char *reason;

	assert_null(vmx_offer_judge(first, &chosen, buf, sizeof(buf)));
	reason = vmx_offer_compare(offer, first, &chosen, buf, sizeof(buf));
	if (!says)
		assert_null(reason);
	else if (!reason || !strstr(reason, says))
		fail_msg("not \"%s\" but \"%s\"", says, reason ? reason : "(fine)");
}

/* Another CPU may offer more than the first, and lack what is not used. */
static void test_other_cpus_that_fit(void **state)
{
	struct vmx_offer first = good(), other = good();

	(void)state;
	compare(&other, &first, NULL);
	first.can.words[WORD_PIN] &= ~((u64)PIN_PREEMPTION_TIMER << 32);
	first.can.words[WORD_PROC2] &= ~((u64)(PROC2_VPID | PROC2_UNRESTRICTED_GUEST) << 32);
	first.ept &= ~(EPT_HAS_1G | VPID_HAS_INVVPID);
	compare(&other, &first, NULL);
	other.can.words[WORD_PROC2] &= ~(BIT(32 + 14) | BIT(32 + 2));
	other.can.words[WORD_PIN] &= ~BIT(1); /* may be off now, and stays on */
	other.basic |= BIT(54);
	other.ept &= ~(EPT_HAS_INVEPT_ALL | VPID_HAS_INVVPID_ALL);
	compare(&other, &first, NULL);
	first.ept &= ~EPT_HAS_INVEPT_SINGLE;
	compare(&other, &first, "has: INVEPT of all");
}

static void test_other_cpus_that_do_not_fit(void **state)
{
	struct vmx_offer first = good(), other = good();

	(void)state;
	other.can.words[WORD_PROC2] &= ~((u64)PROC2_UNRESTRICTED_GUEST << 32);
	other.can.words[WORD_PROC] &= ~(BIT(32 + 26) | BIT(26));
	compare(&other, &first, "has: PROC bits 4000000, PROC2.UNRESTRICTED_GUEST");
	other = good();
	first.can.words[WORD_PIN] &= ~((u64)PIN_PREEMPTION_TIMER << 32);
	other.can.words[WORD_PIN] |= PIN_PREEMPTION_TIMER;
	compare(&other, &first, "has: PIN.PREEMPTION_TIMER off");
	first = other = good();
	other.basic++;
	compare(&other, &first, "of revision 5; the first CPU's are of 4");
	other = good();
	other.cr4_fixed |= CR4_PAE;
	compare(&other, &first, "more bits of CR0 or CR4");
}

static void test_other_cpus_with_less_ept(void **state)
{
	static const struct {
		u64 bit;
		const char *says;
	} lost[] = {
		{ EPT_HAS_1G, "has: 1 GiB pages" },
		{ EPT_HAS_ACCESSED_DIRTY, "has: A/D bits" },
		{ EPT_HAS_INVEPT_SINGLE, "has: INVEPT of one" },
		{ EPT_HAS_INVEPT_ALL, NULL },
		{ VPID_HAS_INVVPID, "has: INVVPID" },
		{ VPID_HAS_INVVPID_ALL, "has: INVVPID" },
	};
	struct vmx_offer first = good(), other = good();

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(lost); i++) {
		other.ept = EPT_CAPS & ~lost[i].bit;
		compare(&other, &first, lost[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_firmware),
		cmocka_unit_test(test_values_that_no_cpu_has),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_vpid),
		cmocka_unit_test(test_other_cpus_that_fit),
		cmocka_unit_test(test_other_cpus_that_do_not_fit),
		cmocka_unit_test(test_other_cpus_with_less_ept),
	};

	return cmocka_run_group_tests_name("vmx_probe", tests, NULL, NULL);
}
