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
	if ((offer->cr0 | offer->cr0_fixed) & ~offer->cr0_allowed)
		return "VMX that does not allow bits of CR0 that are on (a bad capability MSR)";
	if ((offer->cr4 | offer->cr4_fixed | CR4_VMXE) & ~offer->cr4_allowed)
		return "VMX that does not allow bits of CR4 that are on (a bad capability MSR)";
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

/* What run.c, vcpu.c and tables with large leaves use, once the first CPU has it. */
static const struct {
	u64 bit;
	const char *name;
} ept_uses[] = {
	{ EPT_HAS_1G, "1 GiB pages" },
	{ EPT_HAS_ACCESSED_DIRTY, "A/D bits" },
	{ EPT_HAS_INVEPT_SINGLE, "INVEPT of one context" },
	{ EPT_HAS_INVEPT_ALL, "INVEPT of all contexts" },
};

/* Of the two types of INVEPT the second is used only without the first. */
static const char *compare_ept(u64 ept, u64 first, bool vpid)
{
	if (first & EPT_HAS_INVEPT_SINGLE)
		first &= ~EPT_HAS_INVEPT_ALL;
	for (u32 i = 0; i < ARRAY_SIZE(ept_uses); i++) {
		if (first & ~ept & ept_uses[i].bit)
			return ept_uses[i].name;
	}
	return vpid && (ept & VPID_NEEDED) != VPID_NEEDED ? "INVVPID of all contexts" : NULL;
}

const char *vmx_offer_compare(const struct vmx_offer *offer, const struct vmx_offer *first,
			      const struct vmx_controls *chosen, char *buf, size_t size)
{
	const char *lacks = compare_ept(offer->ept, first->ept,
					chosen->words[WORD_PROC2] & PROC2_VPID);
	char controls[160];

	if (VMX_BASIC_REVISION(offer->basic) != VMX_BASIC_REVISION(first->basic)) {
		str_printf(buf, size,
			   "VMX with control structures of revision %x; the first CPU's "
			   "are of %x",
			   VMX_BASIC_REVISION(offer->basic), VMX_BASIC_REVISION(first->basic));
		return buf;
	}
	if (offer->cr0_fixed & ~first->cr0_fixed || offer->cr4_fixed & ~first->cr4_fixed)
		return "VMX that wants more bits of CR0 or CR4 on than the first CPU's";
	if (!vmx_controls_fit(&offer->can, chosen, controls, sizeof(controls)))
		lacks = controls;
	if (!lacks)
		return NULL;
	str_printf(buf, size, "VMX without what the first CPU's has: %s", lacks);
	return buf;
}
