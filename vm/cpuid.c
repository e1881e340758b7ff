/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's CPUID. A leaf is shown through a mask of the bits that work in a guest; what no
 * rule names is zero. See cpuid.h.
 */
#include "vm/cpuid.h"

#include "arch/features.h"
#include "lib/string.h"
#include "vm/pv.h"
#include "vm/skip.h"

#define LEAF1_EDX_APIC BIT(9)
#define LEAF1_ECX_OSXSAVE BIT(27)
#define LEAF1_ECX_HYPERVISOR BIT(31)
#define LEAF1_ECX_XSAVE BIT(26)
/* What comes with XSAVE: FMA, AVX, F16C; and AVX2. */
#define LEAF1_ECX_BY_XSAVE (B(12) | B(28) | B(29))
#define LEAF7_EBX_BY_XSAVE B(5)
#define CLFLUSH_LINE 0x0000ff00u
#define LINEAR_BITS 48u
#define TOPOLOGY_THREADS 1u
#define TOPOLOGY_CORES 2u
#define XSAVE_LEGACY_SIZE 576u /* x87 and SSE areas, and the XSAVE header */

#define B(n) (1u << (n))

/* What the virtual local APIC has, whatever CPU this is: x2APIC and TSC-deadline mode. */
#define LEAF1_ECX_APIC (B(21) | B(24))
#define LEAF1_EDX_HTT B(28) /* there is more than one logical CPU in the package */

/* Leaf 1: SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND */
#define LEAF1_ECX                                                                             \
	(B(0) | B(1) | B(9) | B(12) | B(13) | B(19) | B(20) | B(22) | B(23) | B(25) | B(26) | \
	 B(28) | B(29) | B(30))
/* FPU DE PSE TSC MSR PAE CX8 APIC SEP PGE CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2 */
#define LEAF1_EDX                                                                                \
	(B(0) | B(2) | B(3) | B(4) | B(5) | B(6) | B(8) | B(9) | B(11) | B(13) | B(15) | B(16) | \
	 B(17) | B(19) | B(23) | B(24) | B(25) | B(26))
/* FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA */
#define LEAF7_EBX \
	(B(0) | B(3) | B(5) | B(7) | B(8) | B(9) | B(18) | B(19) | B(20) | B(23) | B(24) | B(29))
/* UMIP, RDPID */
#define LEAF7_ECX_RDPID B(22)
#define LEAF7_ECX (B(2) | LEAF7_ECX_RDPID)
/* LAHF, CR8 by LOCK, ABM, SSE4A, misaligned SSE, PREFETCH */
#define EXT1_ECX (B(0) | B(4) | B(5) | B(6) | B(7) | B(8))
/* Of more than one CPU: that they are cores, not threads; and that leaf 8000001Eh is there. */
#define EXT1_ECX_CMP_LEGACY B(1)
#define EXT1_ECX_TOPOLOGY B(22)
/* SYSCALL NX MMXEXT 1G RDTSCP LM, and AMD's copies of leaf 1 */
#define EXT1_EDX_RDTSCP B(27)
#define EXT1_EDX                                                                     \
	((LEAF1_EDX & 0x0183f3ffu) | B(11) | B(20) | B(22) | B(24) | B(26) | B(29) | \
	 EXT1_EDX_RDTSCP)
#define EXT7_EDX B(8) /* invariant TSC */
/* XSAVEOPT and XGETBV(1); not the compacted forms, which would need their sizes and XSS. */
#define XSAVE_FEATURES (B(0) | B(2))

struct cpuid_rule {
	u32 leaf;
	u32 eax, ebx, ecx, edx; /* the bits of the CPU's that are shown */
};

#define ALL 0xffffffffu

static const struct cpuid_rule rules[] = {
	{ 0x00, ALL, ALL, ALL, ALL },       { 0x01, ALL, CLFLUSH_LINE, LEAF1_ECX, LEAF1_EDX },
	{ 0x02, ALL, ALL, ALL, ALL },       { 0x07, 0, LEAF7_EBX, LEAF7_ECX, B(4) },
	{ 0x80000000, ALL, ALL, ALL, ALL }, { 0x80000001, ALL, 0, EXT1_ECX, EXT1_EDX },
	{ 0x80000002, ALL, ALL, ALL, ALL }, { 0x80000003, ALL, ALL, ALL, ALL },
	{ 0x80000004, ALL, ALL, ALL, ALL }, { 0x80000005, ALL, ALL, ALL, ALL },
	{ 0x80000006, ALL, ALL, ALL, ALL }, { 0x80000007, 0, 0, 0, EXT7_EDX },
	{ 0x80000008, 0xff, 0, 0, 0 },
};

static struct cpuid *leaf_slot(struct cpuid_table *table, u32 leaf)
{
	if (leaf < CPUID_BASIC_LEAVES)
		return &table->basic[leaf];
	if (leaf - 0x80000000u < CPUID_EXTENDED_LEAVES)
		return &table->extended[leaf - 0x80000000u];
	return NULL;
}

static void apply_rules(struct cpuid_table *table)
{
	for (u32 i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct cpuid_rule *rule = &rules[i];
		u32 max = rule->leaf & 0x80000000u ? cpu_features.max_ext_leaf
						   : cpu_features.max_leaf;
		struct cpuid host;

		if (rule->leaf > max)
			continue;
		host = cpuid(rule->leaf, 0);
		*leaf_slot(table, rule->leaf) = (struct cpuid){
			.eax = host.eax & rule->eax,
			.ebx = host.ebx & rule->ebx,
			.ecx = host.ecx & rule->ecx,
			.edx = host.edx & rule->edx,
		};
	}
	table->basic[0].eax = MIN(table->basic[0].eax, CPUID_BASIC_LEAVES - 1);
	table->extended[0].eax = MIN(table->extended[0].eax,
				     0x80000000u + CPUID_EXTENDED_LEAVES - 1);
}

u32 cpuid_shown(u32 leaf, u32 subleaf, enum feature_reg reg)
{
	if (leaf == 0xd && subleaf == 1 && reg == FEATURE_EAX)
		return XSAVE_FEATURES;
	for (u32 i = 0; i < ARRAY_SIZE(rules) && !subleaf; i++) {
		const u32 shown[] = {
			[FEATURE_EAX] = rules[i].eax,
			[FEATURE_EBX] = rules[i].ebx,
			[FEATURE_ECX] = rules[i].ecx,
			[FEATURE_EDX] = rules[i].edx,
		};

		if (rules[i].leaf == leaf)
			return shown[reg];
	}
	return 0;
}

/* Leaf 0Dh: the components of XCR0 that a guest may enable, and their places. */
static void xsave_leaf(struct cpuid_table *table)
{
	struct cpuid avx;

	table->xcr0_allowed = cpu_features.xsave_mask & ((XCR0_X87 | XCR0_SSE) | XCR0_AVX);
	if (!(table->basic[1].ecx & LEAF1_ECX_XSAVE))
		return;
	avx = cpuid(0xd, 2);
	table->xsave[0].eax = (u32)table->xcr0_allowed;
	table->xsave[0].ecx = XSAVE_LEGACY_SIZE;
	if (table->xcr0_allowed & XCR0_AVX) {
		table->xsave[0].ecx = avx.ebx + avx.eax;
		table->xsave[2] = (struct cpuid){ .eax = avx.eax, .ebx = avx.ebx };
	}
	table->xsave[1].eax = cpuid(0xd, 1).eax & XSAVE_FEATURES;
}

/* Each CR4 bit comes with a feature: without it, setting the bit is #GP as on such a CPU. */
static void allowed_bits(struct cpuid_table *table)
{
	const struct {
		u64 bit;
		u32 reg, feature;
	} needs[] = {
		{ CR4_PGE, table->basic[1].edx, B(13) },
		{ CR4_OSXSAVE, table->basic[1].ecx, (u32)LEAF1_ECX_XSAVE },
		{ CR4_FSGSBASE, table->basic[7].ebx, B(0) },
		{ CR4_SMEP, table->basic[7].ebx, B(7) },
		{ CR4_SMAP, table->basic[7].ebx, B(20) },
		{ CR4_UMIP, table->basic[7].ecx, B(2) },
	};

	table->cr4_allowed = CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT |
			     CR4_PCE | CR4_MCE;
	for (u32 i = 0; i < ARRAY_SIZE(needs); i++) {
		if (needs[i].reg & needs[i].feature)
			table->cr4_allowed |= needs[i].bit;
	}
	table->efer_allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
}

/* The bits that an APIC id below count needs. */
static u32 id_bits(u32 count)
{
	return count > 1 ? 32 - (u32)__builtin_clz(count - 1) : 0;
}

/*
 * One package of as many cores as there are vCPUs, without threads. What tells a CPU its own place
 * is added where it asks.
 */
static void topology(struct cpuid_table *table, u32 vcpus)
{
	u32 bits = id_bits(vcpus);

	table->id_bits = bits;
	table->vcpus = vcpus;
	if (vcpus == 1)
		return;
	table->basic[1].ebx |= 1u << bits << 16;
	table->basic[1].edx |= LEAF1_EDX_HTT;
	if (cpu_features.vmx || cpu_features.max_ext_leaf < 0x80000008u)
		return;
	table->extended[1].ecx |= EXT1_ECX_CMP_LEGACY | EXT1_ECX_TOPOLOGY;
	table->extended[8].ecx = bits << 12 | (vcpus - 1);
	table->extended[0].eax = 0x80000000u + CPUID_EXTENDED_LEAVES - 1;
}

void cpuid_table_init(struct cpuid_table *table, u32 vcpus)
{
	apply_rules(table);
	topology(table, vcpus);
	table->basic[1].ecx |= (u32)LEAF1_ECX_HYPERVISOR | LEAF1_ECX_APIC;
	table->basic[0].eax = MAX(table->basic[0].eax, 0xbu); /* the x2APIC id */
	if (table->extended[0].eax >= 0x80000008u)
		table->extended[8].eax |= LINEAR_BITS << 8;
	if (!cpu_features.rdtscp) { /* the CPU may have it, but not for guests */
		table->extended[1].edx &= ~(u32)EXT1_EDX_RDTSCP;
		table->basic[7].ecx &= ~(u32)LEAF7_ECX_RDPID;
	}
	if (!cpu_features.xsave) { /* likewise: its state would not be switched */
		table->basic[1].ecx &= ~((u32)LEAF1_ECX_XSAVE | LEAF1_ECX_BY_XSAVE);
		table->basic[7].ebx &= ~LEAF7_EBX_BY_XSAVE;
	}
	xsave_leaf(table);
	allowed_bits(table);
}

/* Leaves that depend on the vCPU, its state or the subleaf. */
#define DYNAMIC_LEAVES (B(0x1) | B(0x4) | B(0x7) | B(0xb) | B(0xd))

static bool apic_enabled(const struct vcpu *vcpu)
{
	return platform->apic_base_read(vcpu) & APIC_BASE_ENABLE;
}

static struct cpuid cpuid_leaf1(const struct vcpu *vcpu)
{
	struct cpuid r = vcpu->vm->cpuid.basic[1];

	r.ebx |= vcpu->index << 24;
	if (!apic_enabled(vcpu))
		r.edx &= ~(u32)LEAF1_EDX_APIC;
	if (backend->get_reg(vcpu, VREG_CR4) & CR4_OSXSAVE)
		r.ecx |= (u32)LEAF1_ECX_OSXSAVE;
	return r;
}

/* The CPU's caches: the last level is all cores' together, the others are each core's. */
static struct cpuid cpuid_caches(const struct vcpu *vcpu, u32 subleaf)
{
	u32 bits = vcpu->vm->cpuid.id_bits, level;
	struct cpuid r = { 0 };

	if (!cpu_features.vmx || cpu_features.max_leaf < 4)
		return r;
	r = cpuid(4, subleaf);
	if (!(r.eax & 0x1f))
		return (struct cpuid){ 0 };
	level = r.eax >> 5 & 7;
	r.eax = (r.eax & 0x3fff) | ((1u << bits) - 1) << 26;
	if (level > 2)
		r.eax |= ((1u << bits) - 1) << 14;
	return r;
}

/* What a package consists of: threads, of which each core has one, and cores. */
static struct cpuid cpuid_topology(const struct vcpu *vcpu, u32 subleaf)
{
	const struct cpuid_table *table = &vcpu->vm->cpuid;
	struct cpuid r = { .ecx = subleaf & 0xff, .edx = vcpu->index };

	if (subleaf == 0) {
		r.ebx = 1;
		r.ecx |= TOPOLOGY_THREADS << 8;
	} else if (subleaf == 1) {
		r.eax = table->id_bits;
		r.ebx = table->vcpus;
		r.ecx |= TOPOLOGY_CORES << 8;
	}
	return r;
}

static struct cpuid cpuid_extended(const struct vcpu *vcpu, u32 leaf)
{
	const struct cpuid_table *table = &vcpu->vm->cpuid;
	struct cpuid r = table->extended[leaf - 0x80000000u];

	/* AMD's copy of the bit in leaf 1. */
	if (leaf == 0x80000001u && !apic_enabled(vcpu))
		r.edx &= ~(u32)LEAF1_EDX_APIC;
	/* Its APIC id, and the number of its core. */
	if (leaf == 0x8000001eu && table->extended[1].ecx & EXT1_ECX_TOPOLOGY)
		r.eax = r.ebx = vcpu->index;
	return r;
}

static struct cpuid cpuid_xsave(const struct vcpu *vcpu, u32 subleaf)
{
	const struct cpuid_table *table = &vcpu->vm->cpuid;
	struct cpuid r;

	if (subleaf >= CPUID_XSAVE_SUBLEAVES)
		return (struct cpuid){ 0 };
	r = table->xsave[subleaf];
	if (subleaf == 0 && cpu_features.xsave)
		/* The guest's XCR0 is the CPU's while its vCPU is loaded. */
		r.ebx = xgetbv(0) & XCR0_AVX ? table->xsave[0].ecx : XSAVE_LEGACY_SIZE;
	return r;
}

static __noinline struct cpuid cpuid_seldom(const struct vcpu *vcpu, u32 leaf, u32 subleaf)
{
	const struct cpuid_table *table = &vcpu->vm->cpuid;

	if (leaf == 4)
		return cpuid_caches(vcpu, subleaf);
	if (leaf == 0xb)
		return cpuid_topology(vcpu, subleaf);
	if (leaf == 7)
		return subleaf ? (struct cpuid){ 0 } : table->basic[leaf];
	if (leaf == 0xd)
		return cpuid_xsave(vcpu, subleaf);
	if (leaf - 0x80000000u < CPUID_EXTENDED_LEAVES)
		return cpuid_extended(vcpu, leaf);
	return pv_cpuid(vcpu->vm, leaf);
}

static inline void answer(struct vcpu *vcpu, const struct cpuid *leaf)
{
	u64 *gpr = vcpu->regs.gpr;

	gpr[GPR_RAX] = leaf->eax;
	gpr[GPR_RBX] = leaf->ebx;
	gpr[GPR_RCX] = leaf->ecx;
	gpr[GPR_RDX] = leaf->edx;
}

/* The seldom and the changing ones; leaf 1 without the registers that the others need. */
static __noinline void answer_other(struct vcpu *vcpu)
{
	u32 leaf = (u32)vcpu->regs.gpr[GPR_RAX], subleaf = (u32)vcpu->regs.gpr[GPR_RCX];
	struct cpuid other = leaf == 1 ? cpuid_leaf1(vcpu) : cpuid_seldom(vcpu, leaf, subleaf);

	answer(vcpu, &other);
}

void exit_cpuid(struct vcpu *vcpu, const struct vm_exit *exit)
{
	u32 leaf = (u32)vcpu->regs.gpr[GPR_RAX];

	if (!vcpu_skip_opcode(vcpu, exit, OPCODE_CPUID, 2))
		return;
	if (likely(leaf < CPUID_BASIC_LEAVES && !(DYNAMIC_LEAVES >> leaf & 1)))
		answer(vcpu, &vcpu->vm->cpuid.basic[leaf]);
	else
		answer_other(vcpu);
}
