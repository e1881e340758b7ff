/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SVM on and off, what all vCPUs share, and the table of operations.
 */
#include "svm/backend.h"

#include "arch/cpu.h"
#include "arch/direct_map.h"
#include "arch/features.h"
#include "arch/percpu.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/spte.h"
#include "svm/svm.h"

#define CPUID_SVM 0x8000000au
#define SVM_FEATURE_NPT BIT(0)
#define SVM_FEATURE_NRIPS BIT(3)
#define SVM_FEATURE_FLUSH_BY_ASID BIT(6)
#define VM_CR_SVMDIS BIT(4)
#define CPUID_EMULATOR 0x40000000u

/* Three pages of one bit a port, and one for ports FFFFh+; two pages of two bits an MSR. */
#define IOPM_PAGES 3u
#define MSRPM_PAGES 2u

hpa_t svm_iopm __ro_after_init, svm_msrpm __ro_after_init;
bool svm_has_nrips __ro_after_init, svm_has_flush_by_asid __ro_after_init;
struct frame_owner svm_owner;

static const char *svm_probe(void)
{
	struct cpuid r;

	if (!cpu_features.svm || cpu_features.max_ext_leaf < CPUID_SVM)
		return "no SVM (AMD-V)";
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
		return "SVM is disabled by firmware: turn on SVM Mode in its setup";
	r = cpuid(CPUID_SVM, 0);
	if (!(r.edx & SVM_FEATURE_NPT))
		return "SVM without nested paging (NPT), which this version needs";
	if (r.ebx < 2)
		return "SVM with fewer than 2 address space identifiers (ASIDs)";
	return NULL;
}

#define MSRPM_READ 1u
#define MSRPM_WRITE 2u

/* Let the guest access msr without an exit. */
static void msrpm_open(u8 *map, u32 msr, u32 rights)
{
	u32 base = msr >= 0xc0010000u ? 0x1000u : msr >= 0xc0000000u ? 0x800u : 0;
	u32 bit = (msr & 0x1fff) * 2;

	map[base + bit / 8] &= (u8) ~(rights << bit % 8);
}

static int svm_permission_maps(void)
{
	/* VMLOAD and VMSAVE switch all of these. */
	static const u32 read_write[] = GUEST_MSRS_READ_WRITE, read_only[] = GUEST_MSRS_READ_ONLY;
	int err = frame_alloc_run(&svm_owner, IOPM_PAGES, &svm_iopm);

	if (!err)
		err = frame_alloc_run(&svm_owner, MSRPM_PAGES, &svm_msrpm);
	if (err)
		return err;
	memset(hpa_to_ptr(svm_iopm), 0xff, IOPM_PAGES * PAGE_SIZE);
	memset(hpa_to_ptr(svm_msrpm), 0xff, MSRPM_PAGES * PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(read_write); i++)
		msrpm_open(hpa_to_ptr(svm_msrpm), read_write[i], MSRPM_READ | MSRPM_WRITE);
	for (u32 i = 0; i < ARRAY_SIZE(read_only); i++)
		msrpm_open(hpa_to_ptr(svm_msrpm), read_only[i], MSRPM_READ);
	return 0;
}

static int svm_setup(bool apic_help)
{
	struct cpuid r = cpuid(CPUID_SVM, 0);
	int err = frame_owner_register(&svm_owner, "svm");

	svm_has_nrips = r.edx & SVM_FEATURE_NRIPS;
	svm_has_flush_by_asid = r.edx & SVM_FEATURE_FLUSH_BY_ASID;
	log_info("svm: %u ASIDs, next-RIP %s, flush by ASID %s", r.ebx,
		 svm_has_nrips ? "from the CPU" : "by decoding (the CPU does not tell)",
		 svm_has_flush_by_asid ? "yes" : "no");
	svm_apic_setup(apic_help);
	return err ? err : svm_permission_maps();
}

static const char *svm_cpu_enable(void)
{
	struct svm_cpu *cpu = kzalloc(sizeof(*cpu));

	if (!cpu || frame_alloc_zeroed(&svm_owner, &cpu->hsave) ||
	    frame_alloc_zeroed(&svm_owner, &cpu->host_vmcb))
		return "no memory for the structures of SVM";
	cpu->max_asid = cpuid(CPUID_SVM, 0).ebx - 1;
	cpu->next_asid = 1;
	cpu->asid_generation = 1;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, cpu->hsave.raw);
	/* What VMLOAD brings back after each exit: host FS, GS, TR never change. */
	asm volatile("vmsave %%rax" : : "a"(cpu->host_vmcb.raw) : "memory");
	this_cpu()->backend = cpu;
	return NULL;
}

static void svm_cpu_disable(void)
{
	wrmsr(MSR_VM_HSAVE_PA, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}

static bool svm_needs_identity_map(void)
{
	return false;
}

/*
 * QEMU's TCG, seen in 7.2: FXRSTOR, XRSTOR and FLDENV on any CPU rewrite a word of CPU 0's without
 * a lock, to take back IGNNE#. That word tells too whether CPU 0 is in a guest with nested paging,
 * and whether its global interrupt flag is set: what a VMRUN or #VMEXIT there changes meanwhile is
 * lost, and CPU 0 then walks its own page tables as a guest's.
 */
static bool svm_spares_cpu0(void)
{
	struct cpuid r = cpuid(CPUID_EMULATOR, 0);
	const u32 signature[3] = { r.ebx, r.ecx, r.edx };

	if (!cpu_features.hypervisor || memcmp(signature, "TCGTCGTCGTCG", sizeof(signature)))
		return false;
	log_warn("svm: QEMU mixes up CPU 0's state with other CPUs': it runs only VMs with pin=");
	return true;
}

static bool svm_scales_tsc(void)
{
	return cpu_features.tsc_ratio;
}

static void svm_tdp_config(struct tdp_config *config)
{
	*config = (struct tdp_config){
		.fmt = &spte_format_npt,
		.max_leaf_level = cpu_features.page1g ? LEVEL_1G : LEVEL_2M,
		.hw_ad = true,
		.mmio_signal = cpu_features.phys_bits < 52 ? SPTE_NPT_RESERVED : 0,
	};
}

/* It is in effect in guests only, and has 32 fraction bits. */
static void set_tsc_ratio(u64 ratio)
{
	struct svm_cpu *cpu = this_cpu()->backend;

	if (cpu->tsc_ratio == ratio)
		return;
	cpu->tsc_ratio = ratio;
	wrmsr(MSR_TSC_RATIO, ratio >> (TSC_RATIO_SHIFT - 32));
}

/* VMRUN names its control block: nothing is loaded but this. */
static void svm_load(struct vcpu *vcpu)
{
	if (cpu_features.tsc_ratio)
		set_tsc_ratio(vcpu->vm->tsc.ratio);
}

static void svm_put(struct vcpu *vcpu __unused)
{
}

/* A walk reads PAE's top level itself. */
static void svm_set_pdptes(struct vcpu *vcpu __unused, const u64 *pdptes __unused)
{
}

const struct backend svm_backend = { .name = "SVM",
				     .tdp_name = "NPT",
#define BACKEND_OP(result, op, args) .op = svm_##op,
				     BACKEND_OPS(BACKEND_OP)
#undef BACKEND_OP
};
