/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is what a CPU offers enough? See probe.h.
 */
#include "vmx/probe.h"

#include "arch/cpu.h"
#include "lib/addr.h"
#include "lib/printf.h"
#include "vmx/msrs.h"

#define EPT_NEEDED (EPT_HAS_4_LEVELS | EPT_HAS_WRITE_BACK | EPT_HAS_2M | EPT_HAS_INVEPT)
#define VPID_NEEDED (VPID_HAS_INVVPID | VPID_HAS_INVVPID_ALL)

static const char *judge_firmware(const struct vmx_offer *offer)
{
	u64 feature = offer->feature_control;

	if (feature & FEATURE_CONTROL_LOCKED && !(feature & FEATURE_CONTROL_VMXON))
		return "VMX is disabled by firmware: turn on Virtualization Technology in its setup";
	if (offer->cr4 & CR4_VMXE)
		return "VMX is on already: something else, started before, uses it";
	return NULL;
}

/* Values that no CPU has would otherwise end in a fault, or worse. */
static const char *judge_values(const struct vmx_offer *offer)
{
	u32 size = VMX_BASIC_SIZE(offer->basic);

	if (size == 0 || size > PAGE_SIZE)
		return "VMX whose control structure is not of 1 to 4096 bytes (a bad capability MSR)";
	if (VMX_BASIC_TYPE(offer->basic) != VMX_TYPE_WRITE_BACK)
		return "VMX whose control structure is not write-back memory (a bad capability MSR)";
	if (offer->cr0_fixed & ~(offer->cr0 | CR0_NE))
		return "VMX that wants unknown bits of CR0 on (a bad capability MSR)";
	if (offer->cr4_fixed & ~(offer->cr4 | CR4_VMXE))
		return "VMX that wants unknown bits of CR4 on (a bad capability MSR)";
	return NULL;
}

/* Linear translations can only be tagged if they can also be forgotten. */
static const char *judge_vpid(const struct vmx_offer *offer, struct vmx_controls *controls)
{
	if ((offer->ept & VPID_NEEDED) == VPID_NEEDED)
		return NULL;
	if (offer->can.words[WORD_PROC2] & PROC2_VPID)
		return "VMX with VPIDs that cannot be off, and no INVVPID of all contexts";
	controls->words[WORD_PROC2] &= ~(u32)PROC2_VPID;
	return NULL;
}

const char *vmx_offer_judge(const struct vmx_offer *offer, struct vmx_controls *controls, char *buf,
			    size_t size)
{
	const char *reason = judge_firmware(offer);
	char missing[200];

	if (!reason)
		reason = judge_values(offer);
	if (reason)
		return reason;
	if (!vmx_controls_choose(&offer->can, controls, missing, sizeof(missing))) {
		str_printf(buf, size, "VMX without what this version needs: %s", missing);
		return buf;
	}
	if ((offer->ept & EPT_NEEDED) != EPT_NEEDED ||
	    !(offer->ept & (EPT_HAS_INVEPT_SINGLE | EPT_HAS_INVEPT_ALL)))
		return "VMX with an EPT that lacks 4 levels, write-back, 2 MiB pages or INVEPT";
	return judge_vpid(offer, controls);
}
