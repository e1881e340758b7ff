/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manual's rules for the event that a VM entry delivers. To the CPU it is a control field: what
 * breaks a rule here ends in VMfail, with error 7, and not in an exit.
 */
#include "arch/cpu.h"
#include "arch/traps.h"
#include "vmx/check.h"

#define EVENT_RESERVED BITS(30, 12)
#define EVENT_TYPE_RESERVED 1u
#define EVENT_TYPE_OTHER 7u /* for MTF, which is not used here */
#define MAX_INSN 15u

/* #DF, #TS to #PF, #AC */
#define VECTORS_WITH_ERROR (BIT(VECTOR_DF) | BITS(VECTOR_PF, 10) | BIT(VECTOR_AC))

static bool has_error_code(u8 vector)
{
	return vector < 32 && VECTORS_WITH_ERROR >> vector & 1;
}

/* Newer CPUs leave it to their hypervisor whether an exception that has an error code gets it. */
static struct rule check_error(const struct guest *g)
{
	bool wanted = event_is(g, EVENT_TYPE_EXCEPTION) && has_error_code((u8)g->event) &&
		      g->cr0 & CR0_PE;

	if (!(g->event & EVENT_ERROR_VALID)) {
		REQUIRE(!wanted, ENTRY_EVENT, "an exception without its error code");
		return all_hold;
	}
	REQUIRE(wanted, ENTRY_EVENT, "an error code that does not belong to it");
	REQUIRE(!(vmcs_read32(VMCS_ENTRY_EVENT_ERROR) >> 16), ENTRY_EVENT_ERROR,
		"bits 31:16 must be 0");
	return all_hold;
}

struct rule vmx_check_event(const struct guest *g)
{
	u32 type = g->event >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK, vector = g->event & 0xff;
	u32 length = vmcs_read32(VMCS_ENTRY_INSN_LENGTH);
	bool soft = type >= EVENT_TYPE_SOFT;

	if (!(g->event & EVENT_VALID))
		return all_hold;
	REQUIRE(type != EVENT_TYPE_RESERVED && type != EVENT_TYPE_OTHER, ENTRY_EVENT,
		"not a type of event");
	REQUIRE(!(g->event & EVENT_RESERVED), ENTRY_EVENT, "reserved bits");
	REQUIRE(type != EVENT_TYPE_NMI || vector == VECTOR_NMI, ENTRY_EVENT,
		"an NMI with another vector than 2");
	REQUIRE(type != EVENT_TYPE_EXCEPTION || vector < 32, ENTRY_EVENT,
		"an exception with a vector above 31");
	REQUIRE(!soft || (length >= 1 && length <= MAX_INSN), ENTRY_INSN_LENGTH,
		"not the length of an instruction");
	return check_error(g);
}
