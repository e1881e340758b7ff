/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CPUID shows a guest: only what works for it. One table for both vendors.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/feature_set.h"
#include "lib/types.h"

struct vcpu;

#define CPUID_BASIC_LEAVES 0xeu /* 0 .. 0Dh */
#define CPUID_EXTENDED_LEAVES 0x1fu /* 80000000h .. 8000001Eh */
#define CPUID_XSAVE_SUBLEAVES 3u
#define CPUID_HYPERVISOR 0x40000000u

/* Features a guest can only turn on by a CR4 bit: the bits it may set. */
struct cpuid_table {
	struct cpuid basic[CPUID_BASIC_LEAVES];
	struct cpuid extended[CPUID_EXTENDED_LEAVES];
	struct cpuid xsave[CPUID_XSAVE_SUBLEAVES]; /* leaf 0Dh by subleaf */
	u64 cr4_allowed, efer_allowed; /* bits that CR4 and EFER may have */
	u64 xcr0_allowed;
	u32 vcpus, id_bits; /* how many, and the bits of the numbers below that */
};

/* The bits of the CPU's feature word that guests are shown. */
u32 cpuid_shown(u32 leaf, u32 subleaf, enum feature_reg reg);

/* Fill table for a guest of this machine that has so many vCPUs. */
void cpuid_table_init(struct cpuid_table *table, u32 vcpus);
