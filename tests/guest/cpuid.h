/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the files of the CPUID guest.
 */
#pragma once

#include "tests/guest/lib/x86.h"

#define CPUID_MONITOR BIT(3) /* 1.ecx */
#define CPUID_XSAVE BIT(26) /* 1.ecx */
#define CPUID_PKU BIT(3) /* 7.ecx */
#define CPUID_OSPKE BIT(4) /* 7.ecx */

static inline bool cpuid_has_leaf(u32 leaf)
{
	return cpuid(leaf & 0x80000000u, 0).a >= leaf;
}

void test_features(void);
void test_virtualization_insns(void);
