/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a CPU says it offers, and whether that is enough. Apart from reading it, so that values from
 * broken firmware and odd hypervisors can be tried on the host.
 */
#pragma once

#include "vmx/controls.h"

struct vmx_offer {
	u64 feature_control, basic;
	u64 cr0_fixed, cr4_fixed; /* bits that must be on in VMX operation */
	u64 cr0_allowed, cr4_allowed; /* those that may be */
	u64 cr0, cr4; /* as they are before */
	u64 ept; /* MSR_VMX_EPT_VPID; 0 without EPT and VPID */
	struct vmx_capabilities can;
};

/* Of the calling CPU, which has VMX. Reads no MSR that the CPU may lack. */
void vmx_offer_read(struct vmx_offer *out);

/*
 * NULL, with the control words chosen: enough. Otherwise why not, in one line, which may lie in buf
 * (of size bytes).
 */
const char *vmx_offer_judge(const struct vmx_offer *offer, struct vmx_controls *controls, char *buf,
			    size_t size);

/*
 * Another CPU, by itself good enough, beside the first, whose choice all use: NULL when it offers
 * that too, and maybe more. Otherwise why not, as above.
 */
const char *vmx_offer_compare(const struct vmx_offer *offer, const struct vmx_offer *first,
			      const struct vmx_controls *chosen, char *buf, size_t size);
