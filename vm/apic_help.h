/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a CPU can do of a vCPU's local APIC by itself, in a page that looks like the APIC's: the
 * registers where xAPIC mode has them. Between exits such an APIC is the page's, otherwise dev/'s;
 * vm/apic_help.c has how it goes to and fro.
 */
#pragma once

#include "lib/types.h"

enum apic_helper {
	APIC_SOFTWARE, /* none: the page means nothing */
	APIC_TPR_SHADOW, /* CR8 is the page's TPR; an exit when that falls below the threshold */
	/*
	 * x2APIC mode: registers are read from the page; TPR, EOI and self-IPIs, and delivery, are the CPU's.
	 */
	APIC_X2APIC,
	APIC_HELPERS
};

/* What the CPU has to know besides the page. */
struct apic_help {
	enum apic_helper helper;
	/* APIC_TPR_SHADOW: a priority class that is not above TPR's; 0: no exit */
	u8 threshold;
	/* APIC_X2APIC: the highest vectors in IRR and ISR, or 0; which EOIs exit, a bit per vector. */
	u8 requested, in_service;
	u64 eoi_exits[4];
};
