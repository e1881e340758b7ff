/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU features of the boot CPU; see features.h. Read-only after start-up.
 */
#include "arch/features.h"

#include "arch/cpu.h"
#include "arch/feature_set.h"
#include "arch/percpu.h"
#include "lib/printf.h"
#include "lib/string.h"

struct cpu_features cpu_features __ro_after_init;

/* What CPUs without leaf 80000008h have. */
#define DEFAULT_PHYS_BITS 36
#define FXSAVE_SIZE 512

static bool feature_present(u32 leaf, u32 subleaf, u32 reg_offset, u32 bit)
{
	u32 max = leaf & 0x80000000u ? cpu_features.max_ext_leaf : cpu_features.max_leaf;
	struct cpuid regs;

	if (leaf > max)
		return false;
	regs = cpuid(leaf, subleaf);
	return (*(const u32 *)((const u8 *)&regs + reg_offset) >> bit) & 1;
}

static void read_names(void)
{
	struct cpuid r = cpuid(0, 0);

	memcpy(cpu_features.vendor, &r.ebx, 4);
	memcpy(cpu_features.vendor + 4, &r.edx, 4);
	memcpy(cpu_features.vendor + 8, &r.ecx, 4);
	if (cpu_features.max_ext_leaf < 0x80000004u)
		return;
	for (u32 i = 0; i < 3; i++) {
		r = cpuid(0x80000002u + i, 0);
		memcpy(cpu_features.brand + 16 * i, &r, 16);
	}
}

void features_init(void)
{
	struct cpu_features *f = &cpu_features;

	f->max_leaf = cpuid(0, 0).eax;
	f->max_ext_leaf = cpuid(0x80000000u, 0).eax;
	read_names();
#define FEATURE(name, leaf, subleaf, reg, bit) \
	f->name = feature_present(leaf, subleaf, offsetof(struct cpuid, reg), bit);
	CPU_FEATURES(FEATURE)
#undef FEATURE

	f->phys_bits = DEFAULT_PHYS_BITS;
	if (f->max_ext_leaf >= 0x80000008u)
		f->phys_bits = (u8)MIN(cpuid(0x80000008u, 0).eax & 0xff, 52u);

	f->xsave_size = FXSAVE_SIZE;
	/*
	 * QEMU has models with XSAVE but nothing in leaf 0Dh.1, and then takes CR4.OSXSAVE for reserved: setting it
	 * would stop the machine without a word. A CPU that has no hypervisor below it may be like that.
	 */
	if (f->hypervisor && f->max_leaf >= 0xd && !cpuid(0xd, 1).eax)
		f->xsave = false;
	if (f->xsave && f->max_leaf >= 0xd) {
		struct cpuid r = cpuid(0xd, 0);

		f->xsave_size = r.ecx; /* for all components, whatever XCR0 is now */
		f->xsave_mask = (u64)r.edx << 32 | r.eax;
	}
	/* Firmware can hide the leaf; XCR0 cannot be set without these. */
	if ((f->xsave_mask & (XCR0_X87 | XCR0_SSE)) != (XCR0_X87 | XCR0_SSE))
		f->xsave = false;
}

static u32 word_read(const struct feature_word *word)
{
	u32 max = cpuid(word->leaf & 0x80000000u, 0).eax;
	struct cpuid r;

	if (word->leaf > max)
		return 0;
	r = cpuid(word->leaf, word->subleaf);
	switch (word->reg) {
	case FEATURE_EAX:
		return r.eax;
	case FEATURE_EBX:
		return r.ebx;
	case FEATURE_ECX:
		return r.ecx;
	case FEATURE_EDX:
		return r.edx;
	}
	return 0;
}

/* Of the CPU's own leaves: cpu_features is about the boot CPU. */
void feature_set_read(struct feature_set *set)
{
	u32 max = cpuid(0, 0).eax, max_ext = cpuid(0x80000000u, 0).eax;

	for (u32 i = 0; i < FEATURE_WORD_COUNT; i++)
		set->words[i] = word_read(&feature_words[i]);
	set->xsave_mask = max >= 0xd ? (u64)cpuid(0xd, 0).edx << 32 | cpuid(0xd, 0).eax : 0;
	set->phys_bits = max_ext >= 0x80000008u ? (u8)MIN(cpuid(0x80000008u, 0).eax & 0xff, 52u)
						: DEFAULT_PHYS_BITS;
}

void features_enable(void)
{
	const struct cpu_features *f = &cpu_features;
	u64 cr4 = read_cr4() | CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	write_cr0((read_cr0() & ~(CR0_CD | CR0_NW | CR0_TS | CR0_EM)) | CR0_WP | CR0_NE | CR0_MP);
	if (f->mce)
		cr4 |= CR4_MCE;
	if (f->pge)
		cr4 |= CR4_PGE;
	if (f->smep)
		cr4 |= CR4_SMEP;
	if (f->smap)
		cr4 |= CR4_SMAP;
	if (f->umip)
		cr4 |= CR4_UMIP;
	if (f->xsave)
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
	/* So it is whenever no guest's is in effect: see fpu.h. */
	if (f->xsave)
		xsetbv(0, f->xsave_mask);
	wrmsr(MSR_PAT, PAT_HOST);
}

void features_names(char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
#define FEATURE(name, leaf, subleaf, reg, bit) \
	if (cpu_features.name && used < size)  \
		used += (size_t)str_printf(buf + used, size - used, "%s%s", used ? " " : "", #name);
	CPU_FEATURES(FEATURE)
#undef FEATURE
}
