/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manual's rules for what runs next at VM entry: instruction pointer, flags, activity, what is
 * blocked, and debug exceptions that wait.
 */
#include "arch/cpu.h"
#include "arch/traps.h"
#include "vmx/check.h"

#define RFLAGS_RESERVED (BIT(3) | BIT(5) | BIT(15) | BITS(63, 22))

#define SHADOW (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)
#define BLOCKED_BY_SMI BIT(2)
#define BLOCKED_RESERVED BITS(31, 5)

#define PENDING_RESERVED (BITS(11, 4) | BIT(13) | BIT(15) | BITS(63, 17))
#define PENDING_BS BIT(14)
#define DEBUGCTL_BTF BIT(1)

enum { ACTIVE, HALTED, SHUT_DOWN, WAIT_FOR_SIPI };

static struct rule check_flags(const struct guest *g)
{
	bool code64 = g->long_mode && g->rights[SEG_CS] & RIGHTS_L;

	REQUIRE(code64 || !(g->rip >> 32), GUEST_RIP, "above 4 GiB outside 64-bit code");
	REQUIRE(!code64 || check_canonical(g->rip), GUEST_RIP, "not canonical");
	REQUIRE(!(g->rflags & RFLAGS_RESERVED) && g->rflags & RFLAGS_FIXED, GUEST_RFLAGS,
		"reserved bits");
	REQUIRE(!g->v8086 || (!g->long_mode && g->cr0 & CR0_PE), GUEST_RFLAGS,
		"VM in long mode or real mode");
	REQUIRE(!event_is(g, EVENT_TYPE_INTR) || g->rflags & RFLAGS_IF, GUEST_RFLAGS,
		"an interrupt is injected with IF=0");
	return all_hold;
}

/* The other two states nobody here enters. */
static bool wakes_halted(const struct guest *g)
{
	u8 vector = (u8)g->event;

	return event_is(g, EVENT_TYPE_INTR) || event_is(g, EVENT_TYPE_NMI) ||
	       (event_is(g, EVENT_TYPE_EXCEPTION) && (vector == VECTOR_DB || vector == VECTOR_MC));
}

static struct rule check_halted(const struct guest *g)
{
	REQUIRE(g->activity <= WAIT_FOR_SIPI, GUEST_ACTIVITY, "not a state");
	REQUIRE(g->activity != HALTED || !RIGHTS_DPL(g->rights[SEG_SS]), GUEST_ACTIVITY,
		"halted with a DPL of SS that is not 0");
	REQUIRE(g->activity == ACTIVE || !(g->blocked & SHADOW), GUEST_ACTIVITY,
		"not active in a shadow");
	REQUIRE(g->activity != HALTED || !(g->event & EVENT_VALID) || wakes_halted(g),
		GUEST_ACTIVITY, "halted, and the injected event cannot end that");
	return all_hold;
}

static struct rule check_blocked(const struct guest *g)
{
	bool virtual_nmis = vmx_controls.words[WORD_PIN] & PIN_VIRTUAL_NMIS;

	REQUIRE(!(g->blocked & BLOCKED_RESERVED), GUEST_INTERRUPTIBILITY, "reserved bits");
	REQUIRE(!(g->blocked & BLOCKED_BY_SMI), GUEST_INTERRUPTIBILITY, "blocking by SMI");
	REQUIRE((g->blocked & SHADOW) != SHADOW, GUEST_INTERRUPTIBILITY,
		"blocking by STI and by MOV SS");
	REQUIRE(!(g->blocked & BLOCKED_BY_STI) || g->rflags & RFLAGS_IF, GUEST_INTERRUPTIBILITY,
		"blocking by STI with IF=0");
	REQUIRE(!event_is(g, EVENT_TYPE_INTR) || !(g->blocked & SHADOW), GUEST_INTERRUPTIBILITY,
		"an interrupt is injected in a shadow");
	REQUIRE(!event_is(g, EVENT_TYPE_NMI) || !(g->blocked & SHADOW), GUEST_INTERRUPTIBILITY,
		"an NMI is injected in a shadow");
	REQUIRE(!event_is(g, EVENT_TYPE_NMI) || !virtual_nmis || !(g->blocked & BLOCKED_BY_NMI),
		GUEST_INTERRUPTIBILITY, "an NMI is injected while NMIs are blocked");
	return all_hold;
}

/* A single step that waits, in a shadow or halted: as TF says, unless TF is for branches. */
static struct rule check_pending(const struct guest *g)
{
	u64 pending = vmcs_read_natural(VMCS_GUEST_PENDING_DEBUG);
	bool waits = g->blocked & SHADOW || g->activity == HALTED;
	bool step = g->rflags & RFLAGS_TF && !(g->debugctl & DEBUGCTL_BTF);

	REQUIRE(!(pending & PENDING_RESERVED), GUEST_PENDING_DEBUG, "reserved bits");
	REQUIRE(!waits || !step || pending & PENDING_BS, GUEST_PENDING_DEBUG,
		"BS is off with TF, in a shadow or halted");
	REQUIRE(!waits || step || !(pending & PENDING_BS), GUEST_PENDING_DEBUG,
		"BS is on without TF, in a shadow or halted");
	return all_hold;
}

struct rule vmx_check_activity(const struct guest *g)
{
	struct rule rule = check_flags(g);

	if (!rule.text)
		rule = check_halted(g);
	if (!rule.text)
		rule = check_blocked(g);
	if (!rule.text)
		rule = check_pending(g);
	if (!rule.text)
		REQUIRE(vmcs_read64(VMCS_LINK_POINTER) == ~0ull, LINK_POINTER, "not all ones");
	return rule;
}
