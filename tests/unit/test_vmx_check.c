/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checker of guest state at VM entry: a good state of each kind, and for each rule one that
 * breaks it.
 */
#include <string.h>

#include "arch/cpu.h"
#include "arch/features.h"
#include "host.h"
#include "vmx/vmx.h"

struct vmx_controls vmx_controls;
struct cpu_features cpu_features = { .phys_bits = 40 };
u64 vmx_cr0_fixed, vmx_cr4_fixed, vmx_cr4_allowed;
unsigned long host_vmcs[HOST_VMCS_FIELDS];

enum mode { REAL, V8086, PROTECTED, PAE, LONG };

static void set_segment(enum insn_seg seg, u16 selector, u64 base, u32 limit, u32 rights)
{
	host_vmcs[VMCS_SEGMENT(VMCS_GUEST_ES, seg)] = selector;
	host_vmcs[VMCS_SEGMENT(VMCS_GUEST_ES_BASE, seg)] = base;
	host_vmcs[VMCS_SEGMENT(VMCS_GUEST_ES_LIMIT, seg)] = limit;
	host_vmcs[VMCS_SEGMENT(VMCS_GUEST_ES_RIGHTS, seg)] = rights;
}

/* A state that is fine; restricted: without unrestricted guest. */
static void fill(enum mode mode, bool restricted)
{
	bool flat = mode >= PROTECTED;

	memset(host_vmcs, 0, sizeof(host_vmcs));
	vmx_controls.words[WORD_PROC2] = restricted ? 0 : PROC2_UNRESTRICTED_GUEST;
	vmx_cr0_fixed = CR0_NE | (restricted ? CR0_PE | CR0_PG : 0);
	vmx_cr4_fixed = BIT(13);
	vmx_cr4_allowed = 0x3767ff;
	for (u32 seg = SEG_ES; seg <= SEG_GS; seg++) {
		if (flat)
			set_segment((enum insn_seg)seg, 0x10, 0, ~0u, 0xc093);
		else
			set_segment((enum insn_seg)seg, 0x123, 0x1230, 0xffff,
				    mode == V8086 ? 0xf3 : 0x93);
	}
	if (flat)
		set_segment(SEG_CS, 8, 0, ~0u, mode == LONG ? 0xa09b : 0xc09b);
	set_segment(SEG_LDTR, 0, 0, 0, 0x10000);
	set_segment(SEG_TR, 0, 0, 0xffff, 0x8b);
	host_vmcs[VMCS_GUEST_CR0] = CR0_NE | CR0_ET | (mode == REAL ? 0 : CR0_PE) |
				    (mode >= PAE || restricted ? CR0_PG : 0) |
				    (restricted ? CR0_PE : 0);
	host_vmcs[VMCS_GUEST_CR4] = BIT(13) | (mode >= PAE ? CR4_PAE : 0);
	host_vmcs[VMCS_GUEST_EFER] = mode == LONG ? EFER_LME | EFER_LMA : 0;
	host_vmcs[VMCS_ENTRY_CONTROLS] = mode == LONG ? ENTRY_GUEST_64_BIT : 0;
	host_vmcs[VMCS_GUEST_RFLAGS] = RFLAGS_FIXED | (mode == V8086 ? RFLAGS_VM : 0);
	host_vmcs[VMCS_GUEST_RIP] = 0x1000;
	host_vmcs[VMCS_LINK_POINTER] = ~0ull;
	host_vmcs[VMCS_GUEST_PAT] = 0x0007040600070406;
	host_vmcs[VMCS_GUEST_PDPTE0] = mode == PAE ? 0xfffffff001 : 0;
	host_vmcs[VMCS_GUEST_PDPTE3] = mode == PAE ? ~1ull : ~0ull; /* not present; not PAE */
}

static void expect(const char *start)
{
	char buf[160];
	const char *got = vmx_check_guest(buf, sizeof(buf));

	if (!start) {
		if (got)
			fail_msg("nothing is wrong, but: %s", got);
		return;
	}
	if (!got || strncmp(got, start, strlen(start)))
		fail_msg("not \"%s...\" but \"%s\"", start, got ? got : "(nothing)");
}

static void test_good_states(void **state)
{
	(void)state;
	for (int mode = REAL; mode <= LONG; mode++) {
		fill((enum mode)mode, false);
		expect(NULL);
		assert_true(vmx_segments_fit());
	}
	for (int mode = V8086; mode <= LONG; mode++) {
		fill((enum mode)mode, true);
		expect(NULL);
		assert_true(vmx_segments_fit());
	}
}

static const struct broken {
	enum mode mode;
	enum vmcs_field field;
	u64 value;
	const char *says;
} any[] = {
	{ LONG, VMCS_GUEST_CR0, CR0_PE | CR0_PG, "GUEST_CR0 80000001: a bit that VMX wants" },
	{ LONG, VMCS_GUEST_CR0, BIT(32) | CR0_NE, "GUEST_CR0 100000020: bits 63:32" },
	{ PROTECTED, VMCS_GUEST_CR0, CR0_NE | CR0_PG, "GUEST_CR0 80000020: PG without PE" },
	{ LONG, VMCS_GUEST_CR4, CR4_PAE, "GUEST_CR4 20: a bit that VMX wants" },
	{ LONG, VMCS_GUEST_CR4, BIT(13) | BIT(40), "GUEST_CR4 10000002000: a bit that this CPU" },
	{ LONG, VMCS_GUEST_CR4, BIT(13), "ENTRY_CONTROLS 200: 64-bit guest without" },
	{ PROTECTED, VMCS_GUEST_CR4, BIT(13) | CR4_PCIDE, "GUEST_CR4 22000: PCIDE" },
	{ LONG, VMCS_GUEST_EFER, EFER_LME, "GUEST_EFER 100: LMA" },
	{ LONG, VMCS_GUEST_EFER, EFER_LMA, "GUEST_EFER 400: LME" },
	{ LONG, VMCS_GUEST_CR3, BIT(40), "GUEST_CR3 10000000000: beyond" },
	{ LONG, VMCS_GUEST_CR3, BIT(63), "GUEST_CR3" },
	{ LONG, VMCS_GUEST_CR4, BIT(13) | CR4_PAE | BIT(23), "GUEST_CR4 802020: a bit that this" },
	{ LONG, VMCS_GUEST_DR7, BIT(32), "GUEST_DR7" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0x1a09b, "GUEST_CS_RIGHTS 1a09b: unusable" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa01b, "GUEST_CS_RIGHTS a01b: not a present" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa08b, "GUEST_CS_RIGHTS a08b: not a present" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa09a, "GUEST_CS_RIGHTS a09a: not accessed" },
	{ PROTECTED, VMCS_GUEST_CS_RIGHTS, 0xc091, "GUEST_CS_RIGHTS c091: neither" },
	{ PROTECTED, VMCS_GUEST_CS_RIGHTS, 0xc0f3, "GUEST_CS_RIGHTS c0f3: read-write data" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa0fb, "GUEST_CS_RIGHTS a0fb: its DPL" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa0ff, "GUEST_CS_RIGHTS a0ff: conforming" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xe09b, "GUEST_CS_RIGHTS e09b: L and D" },
	{ REAL, VMCS_GUEST_SS_RIGHTS, 0xf3, "GUEST_SS_RIGHTS f3: its DPL must be 0" },
	{ PROTECTED, VMCS_GUEST_SS_RIGHTS, 0xc09b, "GUEST_SS_RIGHTS c09b: not writable" },
	{ LONG, VMCS_GUEST_SS_RIGHTS, 0xc092, "GUEST_SS_RIGHTS c092: not writable" },
	{ LONG, VMCS_GUEST_DS_RIGHTS, 0xc092, "GUEST_DS_RIGHTS c092: not accessed" },
	{ LONG, VMCS_GUEST_GS_RIGHTS, 0xc099, "GUEST_GS_RIGHTS c099: code that" },
	{ LONG, VMCS_GUEST_FS_RIGHTS, 0xc083, "GUEST_FS_RIGHTS c083: S is wrong" },
	{ LONG, VMCS_GUEST_ES_RIGHTS, 0xc013, "GUEST_ES_RIGHTS c013: not present" },
	{ LONG, VMCS_GUEST_ES_RIGHTS, 0xc193, "GUEST_ES_RIGHTS c193: reserved" },
	{ LONG, VMCS_GUEST_ES_LIMIT, 0xfffe, "GUEST_ES_LIMIT fffe: its low bits" },
	{ LONG, VMCS_GUEST_ES_RIGHTS, 0x4093, "GUEST_ES_LIMIT ffffffff: its high bits" },
	{ LONG, VMCS_GUEST_DS_BASE, BIT(32), "GUEST_DS_BASE 100000000: too high" },
	{ LONG, VMCS_GUEST_FS_BASE, BIT(47), "GUEST_FS_BASE 800000000000: not can" },
	{ LONG, VMCS_GUEST_TR_BASE, BIT(47), "GUEST_TR_BASE 800000000000: not can" },
	{ LONG, VMCS_GUEST_GS_BASE, BIT(63), "GUEST_GS_BASE 8000000000000000: not can" },
	{ LONG, VMCS_GUEST_TR_RIGHTS, 0x1008b, "GUEST_TR_RIGHTS 1008b: unusable" },
	{ LONG, VMCS_GUEST_TR_RIGHTS, 0x83, "GUEST_TR_RIGHTS 83: not a busy" },
	{ LONG, VMCS_GUEST_TR, 4, "GUEST_TR 4: a selector of the LDT" },
	{ LONG, VMCS_GUEST_LDTR_RIGHTS, 0x83, "GUEST_LDTR_RIGHTS 83: not an LDT" },
	{ V8086, VMCS_GUEST_DS_BASE, 0x1240, "GUEST_DS_BASE 1240: not 16 times" },
	{ V8086, VMCS_GUEST_CS_LIMIT, 0xfffff, "GUEST_CS_LIMIT fffff: not FFFF" },
	{ V8086, VMCS_GUEST_SS_RIGHTS, 0x93, "GUEST_SS_RIGHTS 93: not F3" },
	{ LONG, VMCS_GUEST_RIP, BIT(47), "GUEST_RIP 800000000000: not canonical" },
	{ PROTECTED, VMCS_GUEST_RIP, BIT(32), "GUEST_RIP 100000000: above 4 GiB" },
	{ LONG, VMCS_GUEST_RFLAGS, 0, "GUEST_RFLAGS 0: reserved" },
	{ V8086, VMCS_GUEST_CR0, CR0_NE, "GUEST_RFLAGS 20002: VM in long mode or real mode" },
	{ LONG, VMCS_GUEST_RFLAGS, 0xa, "GUEST_RFLAGS a: reserved" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 32, "GUEST_RFLAGS 2: an interrupt" },
	{ LONG, VMCS_GUEST_INTERRUPTIBILITY, 3, "GUEST_INTERRUPTIBILITY 3: blocking by STI and" },
	{ LONG, VMCS_GUEST_INTERRUPTIBILITY, 1, "GUEST_INTERRUPTIBILITY 1: blocking by STI with" },
	{ LONG, VMCS_GUEST_INTERRUPTIBILITY, BIT(5), "GUEST_INTERRUPTIBILITY 20: reserved" },
	{ LONG, VMCS_GUEST_INTERRUPTIBILITY, BIT(2), "GUEST_INTERRUPTIBILITY 4: blocking by SMI" },
	{ LONG, VMCS_GUEST_PENDING_DEBUG, BIT(4), "GUEST_PENDING_DEBUG 10: reserved" },
	{ LONG, VMCS_GUEST_PENDING_DEBUG, BIT(13), "GUEST_PENDING_DEBUG 2000: reserved" },
	{ LONG, VMCS_GUEST_PENDING_DEBUG, BIT(17), "GUEST_PENDING_DEBUG 20000: reserved" },
	{ LONG, VMCS_GUEST_ACTIVITY, 4, "GUEST_ACTIVITY 4: not a state" },
	{ V8086, VMCS_GUEST_ACTIVITY, 1, "GUEST_ACTIVITY 1: halted with a DPL" },
	{ PAE, VMCS_GUEST_PDPTE0, 0x1003, "GUEST_PDPTE0 1003: reserved" },
	{ PAE, VMCS_GUEST_PDPTE1, 0x1021, "GUEST_PDPTE1 1021: reserved" },
	{ PAE, VMCS_GUEST_PDPTE2, 0x1101, "GUEST_PDPTE2 1101: reserved" },
	{ PAE, VMCS_GUEST_PDPTE3, BIT(40) | 1, "GUEST_PDPTE3 10000000001: reserved" },
	{ LONG, VMCS_GUEST_PAT, 0x0207040600070406, "GUEST_PAT 207040600070406: a memory" },
	{ LONG, VMCS_GUEST_PAT, 3, "GUEST_PAT 3: a memory" },
	{ LONG, VMCS_GUEST_PAT, 8, "GUEST_PAT 8: a memory" },
	{ LONG, VMCS_GUEST_EFER, EFER_LME | EFER_LMA | EFER_SVME, "GUEST_EFER 1500: reserved" },
	{ LONG, VMCS_GUEST_DEBUGCTL, BIT(3), "GUEST_DEBUGCTL 8: reserved" },
	{ LONG, VMCS_GUEST_DEBUGCTL, BIT(16), "GUEST_DEBUGCTL 10000: reserved" },
	{ LONG, VMCS_GUEST_SYSENTER_ESP, BIT(47), "GUEST_SYSENTER_ESP 800000000000: not" },
	{ LONG, VMCS_GUEST_SYSENTER_EIP, BIT(47), "GUEST_SYSENTER_EIP 800000000000: not" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x120, "ENTRY_EVENT 80000120: not a type" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x700, "ENTRY_EVENT 80000700: not a type" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x1301, "ENTRY_EVENT 80001301: reserved" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | BIT(30) | 0x301, "ENTRY_EVENT c0000301: reserved" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x203, "ENTRY_EVENT 80000203: an NMI" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x320, "ENTRY_EVENT 80000320: an exception with" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x30d, "ENTRY_EVENT 8000030d: an exception without" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0xb06, "ENTRY_EVENT 80000b06: an error code" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x830, "ENTRY_EVENT 80000830: an error code" },
	{ REAL, VMCS_ENTRY_EVENT, EVENT_VALID | 0xb0d, "ENTRY_EVENT 80000b0d: an error code" },
	{ LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x480, "ENTRY_INSN_LENGTH 0: not the length" },
	{ LONG, VMCS_LINK_POINTER, 0, "LINK_POINTER 0" },
	{ LONG, VMCS_GUEST_GDTR_BASE, BIT(47), "GUEST_GDTR_BASE" },
	{ LONG, VMCS_GUEST_IDTR_BASE, BIT(47), "GUEST_IDTR_BASE" },
	{ LONG, VMCS_GUEST_GDTR_LIMIT, BIT(16), "GUEST_GDTR_LIMIT" },
	{ LONG, VMCS_GUEST_IDTR_LIMIT, BIT(16), "GUEST_IDTR_LIMIT" },
}, restricted[] = {
	{ PROTECTED, VMCS_GUEST_CS_RIGHTS, 0xc093, "GUEST_CS_RIGHTS c093: not code" },
	{ PROTECTED, VMCS_GUEST_SS, 0x13, "GUEST_SS 13: its RPL" },
	{ PROTECTED, VMCS_GUEST_DS, 0x13, "GUEST_DS_RIGHTS c093: its DPL" },
};

static void test_every_rule(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(any); i++) {
		fill(any[i].mode, false);
		host_vmcs[any[i].field] = any[i].value;
		expect(any[i].says);
	}
}

static void test_rules_of_restricted_guests(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(restricted); i++) {
		fill(restricted[i].mode, false);
		host_vmcs[restricted[i].field] = restricted[i].value;
		expect(NULL);
		fill(restricted[i].mode, true);
		host_vmcs[restricted[i].field] = restricted[i].value;
		expect(restricted[i].says);
		assert_false(vmx_segments_fit());
	}
	fill(PROTECTED, true);
	host_vmcs[VMCS_GUEST_SS] = host_vmcs[VMCS_GUEST_CS] = 0x13;
	expect("GUEST_SS_RIGHTS c093: its DPL");
}

/* Rules on two fields, the second of which is set too. */
static const struct {
	struct broken rule;
	enum vmcs_field field;
	u64 value;
} pairs[] = {
	{ { LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0xb0e, "ENTRY_EVENT_ERROR 10000: bits" },
	  VMCS_ENTRY_EVENT_ERROR,
	  BIT(16) },
	{ { LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0xb0e, NULL }, VMCS_ENTRY_EVENT_ERROR, 0xffff },
	{ { LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x480, NULL }, VMCS_ENTRY_INSN_LENGTH, 2 },
	{ { LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x603, "ENTRY_INSN_LENGTH 10: not" },
	  VMCS_ENTRY_INSN_LENGTH,
	  16 },
	{ { LONG, VMCS_ENTRY_EVENT, 0x7fffffff, NULL }, VMCS_ENTRY_INSN_LENGTH, 0 },
	{ { LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x202, "GUEST_INTERRUPTIBILITY 2: an NMI" },
	  VMCS_GUEST_INTERRUPTIBILITY,
	  BLOCKED_BY_MOV_SS },
	{ { LONG, VMCS_ENTRY_EVENT, EVENT_VALID | 0x202,
	    "GUEST_INTERRUPTIBILITY 8: an NMI is "
	    "injected while" },
	  VMCS_GUEST_INTERRUPTIBILITY,
	  BLOCKED_BY_NMI },
	{ { LONG, VMCS_GUEST_ACTIVITY, 1, "GUEST_ACTIVITY 1: not active in a shadow" },
	  VMCS_GUEST_INTERRUPTIBILITY,
	  BLOCKED_BY_MOV_SS },
	{ { LONG, VMCS_GUEST_ACTIVITY, 1, "GUEST_ACTIVITY 1: halted, and" },
	  VMCS_ENTRY_EVENT,
	  EVENT_VALID | 0x306 },
	{ { LONG, VMCS_GUEST_ACTIVITY, 1, NULL }, VMCS_ENTRY_EVENT, EVENT_VALID | 0x312 },
	{ { LONG, VMCS_GUEST_ACTIVITY, 1, NULL }, VMCS_ENTRY_EVENT, EVENT_VALID | 0x202 },
	{ { LONG, VMCS_GUEST_PENDING_DEBUG, BIT(14), "GUEST_PENDING_DEBUG 4000: BS is on" },
	  VMCS_GUEST_INTERRUPTIBILITY,
	  BLOCKED_BY_MOV_SS },
	{ { LONG, VMCS_GUEST_PENDING_DEBUG, BIT(14), "GUEST_PENDING_DEBUG 4000: BS is on" },
	  VMCS_GUEST_ACTIVITY,
	  1 },
	{ { LONG, VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_TF, "GUEST_PENDING_DEBUG 0: BS is off" },
	  VMCS_GUEST_INTERRUPTIBILITY,
	  BLOCKED_BY_MOV_SS },
	{ { LONG, VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_TF, NULL },
	  VMCS_GUEST_PENDING_DEBUG,
	  BIT(14) },
	{ { LONG, VMCS_GUEST_GS_RIGHTS, 0x10000, "GUEST_GS_BASE 800000000000: not can" },
	  VMCS_GUEST_GS_BASE,
	  BIT(47) },
	{ { LONG, VMCS_GUEST_DS_RIGHTS, 0x10000, NULL }, VMCS_GUEST_DS_BASE, BIT(47) },
	{ { LONG, VMCS_GUEST_LDTR_RIGHTS, 0x82, "GUEST_LDTR_BASE 800000000000: too high" },
	  VMCS_GUEST_LDTR_BASE,
	  BIT(47) },
	{ { LONG, VMCS_GUEST_LDTR_RIGHTS, 0x82, "GUEST_LDTR 4: a selector of the LDT" },
	  VMCS_GUEST_LDTR,
	  4 },
};

static void test_rules_on_two_fields(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(pairs); i++) {
		fill(pairs[i].rule.mode, false);
		vmx_controls.words[WORD_PIN] = PIN_VIRTUAL_NMIS;
		host_vmcs[pairs[i].rule.field] = pairs[i].rule.value;
		host_vmcs[pairs[i].field] = pairs[i].value;
		expect(pairs[i].rule.says);
	}
	fill(LONG, false);
	vmx_cr4_allowed |= BIT(23);
	host_vmcs[VMCS_GUEST_CR4] |= BIT(23);
	expect("GUEST_CR4 802020: CET without WP");
	host_vmcs[VMCS_GUEST_CR0] |= CR0_WP;
	expect(NULL);
	fill(LONG, false);
	host_vmcs[VMCS_GUEST_RFLAGS] |= RFLAGS_IF;
	host_vmcs[VMCS_ENTRY_EVENT] = EVENT_VALID | 32;
	expect(NULL);
	host_vmcs[VMCS_GUEST_INTERRUPTIBILITY] = BLOCKED_BY_STI;
	expect("GUEST_INTERRUPTIBILITY 1: an interrupt is injected in a shadow");
	/* A step that branches end, in a shadow. */
	fill(LONG, false);
	host_vmcs[VMCS_GUEST_RFLAGS] |= RFLAGS_TF;
	host_vmcs[VMCS_GUEST_DEBUGCTL] = BIT(1);
	host_vmcs[VMCS_GUEST_INTERRUPTIBILITY] = BLOCKED_BY_MOV_SS;
	expect(NULL);
}

/* What MOV CR0 leaves behind in protected mode fits only when all has been loaded again. */
static void test_left_over_real_mode(void **state)
{
	(void)state;
	fill(PROTECTED, true);
	set_segment(SEG_GS, 0xf001, 0xf0010, 0xffff, 0x93);
	assert_false(vmx_segments_fit());
	set_segment(SEG_GS, 0xf000, 0xf0000, 0xffff, 0x93);
	assert_true(vmx_segments_fit());
	set_segment(SEG_GS, 0, 0, 0, 0x10000);
	assert_true(vmx_segments_fit());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_states),
		cmocka_unit_test(test_every_rule),
		cmocka_unit_test(test_rules_of_restricted_guests),
		cmocka_unit_test(test_rules_on_two_fields),
		cmocka_unit_test(test_left_over_real_mode),
	};

	return cmocka_run_group_tests_name("vmx_check", tests, NULL, NULL);
}
