/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the CPU can, found once by CPUID on the boot CPU. X-macro: the boot log prints
 * the same table.
 */
#pragma once

#include "lib/types.h"

/* FEATURE(name, leaf, subleaf, register, bit) */
#define CPU_FEATURES(FEATURE)                         \
	FEATURE(apic, 1, 0, edx, 9)                   \
	FEATURE(mce, 1, 0, edx, 7)                    \
	FEATURE(mca, 1, 0, edx, 14)                   \
	FEATURE(hypervisor, 1, 0, ecx, 31)            \
	FEATURE(x2apic, 1, 0, ecx, 21)                \
	FEATURE(xsave, 1, 0, ecx, 26)                 \
	FEATURE(pge, 1, 0, edx, 13)                   \
	FEATURE(smep, 7, 0, ebx, 7)                   \
	FEATURE(smap, 7, 0, ebx, 20)                  \
	FEATURE(umip, 7, 0, ecx, 2)                   \
	FEATURE(nx, 0x80000001, 0, edx, 20)           \
	FEATURE(page1g, 0x80000001, 0, edx, 26)       \
	FEATURE(rdtscp, 0x80000001, 0, edx, 27)       \
	FEATURE(svm, 0x80000001, 0, ecx, 2)           \
	FEATURE(vmx, 1, 0, ecx, 5)                    \
	FEATURE(npt, 0x8000000a, 0, edx, 0)           \
	FEATURE(nrips, 0x8000000a, 0, edx, 3)         \
	FEATURE(tsc_ratio, 0x8000000a, 0, edx, 4)     \
	FEATURE(flush_by_asid, 0x8000000a, 0, edx, 6) \
	FEATURE(xsaveerptr, 0x80000008, 0, ebx, 2)    \
	FEATURE(invariant_tsc, 0x80000007, 0, edx, 8)

struct cpu_features {
#define FEATURE(name, leaf, subleaf, reg, bit) bool name;
	CPU_FEATURES(FEATURE)
#undef FEATURE
	u32 max_leaf, max_ext_leaf;
	u8 phys_bits; /* width of a physical address */
	char vendor[13];
	char brand[49];
	u32 xsave_size; /* bytes of an XSAVE area with all of xsave_mask, or of FXSAVE */
	u64 xsave_mask; /* XCR0 bits the CPU has */
};

extern struct cpu_features cpu_features;

/* On the boot CPU, before anything asks. */
void features_init(void);

/* Turn on in this CPU's control registers what the hypervisor lives by: WP, NXE, SMEP ... */
void features_enable(void);

/* The names of what was found, separated by spaces, into buf. */
void features_names(char *buf, size_t size);
