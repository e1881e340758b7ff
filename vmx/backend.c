/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMX on and off, what all vCPUs share, and the table of operations.
 */
#include "vmx/backend.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/direct_map.h"
#include "arch/features.h"
#include "arch/percpu.h"
#include "arch/traps.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/spte.h"
#include "vmx/msrs.h"
#include "vmx/probe.h"
#include "vmx/vmx.h"

#define SLICE_MS 1

struct vmx_controls vmx_controls __ro_after_init;
u64 vmx_cr0_fixed __ro_after_init, vmx_cr4_fixed __ro_after_init;
u64 vmx_cr4_allowed __ro_after_init, vmx_ept_caps __ro_after_init;
u32 vmx_revision __ro_after_init, vmx_slice __ro_after_init;
hpa_t vmx_msr_bitmap __ro_after_init;
struct frame_owner vmx_owner;

static char refusal[240];

static void read_capabilities(struct vmx_capabilities *out)
{
	static const u32 msrs[WORD_COUNT] = {
		[WORD_PIN] = MSR_VMX_PIN,     [WORD_PROC] = MSR_VMX_PROC,
		[WORD_PROC2] = MSR_VMX_PROC2, [WORD_EXIT] = MSR_VMX_EXIT,
		[WORD_ENTRY] = MSR_VMX_ENTRY,
	};
	static const u32 true_msrs[WORD_COUNT] = {
		[WORD_PIN] = MSR_VMX_TRUE_PIN,     [WORD_PROC] = MSR_VMX_TRUE_PROC,
		[WORD_PROC2] = MSR_VMX_PROC2,      [WORD_EXIT] = MSR_VMX_TRUE_EXIT,
		[WORD_ENTRY] = MSR_VMX_TRUE_ENTRY,
	};
	bool has_true = rdmsr(MSR_VMX_BASIC) & VMX_BASIC_TRUE_CONTROLS;

	for (u32 word = 0; word < WORD_COUNT; word++) {
		/*
		 * Without secondary controls the CPU has no MSR for them: PROC comes before PROC2.
		 */
		if (word == WORD_PROC2 && !(out->words[WORD_PROC] >> 32 & PROC_SECONDARY_CONTROLS))
			out->words[word] = 0;
		else
			out->words[word] = rdmsr(has_true ? true_msrs[word] : msrs[word]);
	}
}

void vmx_offer_read(struct vmx_offer *out)
{
	read_capabilities(&out->can);
	out->feature_control = rdmsr(MSR_FEATURE_CONTROL);
	out->basic = rdmsr(MSR_VMX_BASIC);
	out->cr0_fixed = rdmsr(MSR_VMX_CR0_FIXED0);
	out->cr4_fixed = rdmsr(MSR_VMX_CR4_FIXED0);
	out->cr0_allowed = rdmsr(MSR_VMX_CR0_FIXED1);
	out->cr4_allowed = rdmsr(MSR_VMX_CR4_FIXED1);
	out->cr0 = read_cr0();
	out->cr4 = read_cr4();
	out->ept = 0;
	if (out->can.words[WORD_PROC2] >> 32 & (PROC2_EPT | PROC2_VPID))
		out->ept = rdmsr(MSR_VMX_EPT_VPID);
}

/* The first CPU decides what is used, the others must offer that too. */
static const char *vmx_probe(void)
{
	static struct vmx_offer first __ro_after_init;
	struct vmx_offer offer;
	struct vmx_controls controls;
	const char *reason;

	if (!cpu_features.vmx)
		return "no VMX (Intel VT-x)";
	vmx_offer_read(&offer);
	reason = vmx_offer_judge(&offer, &controls, refusal, sizeof(refusal));
	if (reason)
		return reason;
	if (this_cpu()->index)
		return vmx_offer_compare(&offer, &first, &vmx_controls, refusal, sizeof(refusal));
	first = offer;
	vmx_controls = controls;
	vmx_ept_caps = offer.ept;
	return NULL;
}

#define BITMAP_HIGH 1024u

void vmx_bitmap_open(u8 *map, u32 msr, enum vmx_bitmap_part part)
{
	u32 bit = msr & 0x1fff;

	map[part + (msr >= 0xc0000000u ? BITMAP_HIGH : 0) + bit / 8] &= (u8) ~(1u << bit % 8);
}

static int vmx_permission_maps(void)
{
	static const u32 read_write[] = GUEST_MSRS_READ_WRITE, read_only[] = GUEST_MSRS_READ_ONLY;
	int err = frame_alloc_zeroed(&vmx_owner, &vmx_msr_bitmap);
	u8 *map;

	if (err)
		return err;
	map = hpa_to_ptr(vmx_msr_bitmap);
	memset(map, 0xff, PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(read_write); i++) {
		vmx_bitmap_open(map, read_write[i], BITMAP_READ);
		vmx_bitmap_open(map, read_write[i], BITMAP_WRITE);
	}
	for (u32 i = 0; i < ARRAY_SIZE(read_only); i++)
		vmx_bitmap_open(map, read_only[i], BITMAP_READ);
	return 0;
}

static int vmx_setup(bool apic_help)
{
	int err = frame_owner_register(&vmx_owner, "vmx");
	u32 shift = VMX_MISC_TIMER_SHIFT(rdmsr(MSR_VMX_MISC));
	u64 ticks = clock_tsc_khz() * SLICE_MS >> shift;

	vmx_revision = VMX_BASIC_REVISION(rdmsr(MSR_VMX_BASIC));
	ticks = MAX(ticks, 1u);
	vmx_slice = (u32)MIN(ticks, UINT32_MAX);
	vmx_cr0_fixed = rdmsr(MSR_VMX_CR0_FIXED0);
	/* An unrestricted guest may have paging and protection off whatever the MSR says. */
	if (!vmx_restricted())
		vmx_cr0_fixed &= ~(u64)(CR0_PE | CR0_PG);
	/* Machine checks are the machine's: with MCE off one would shut it down. */
	vmx_cr4_fixed = rdmsr(MSR_VMX_CR4_FIXED0) | (read_cr4() & CR4_MCE);
	vmx_cr4_allowed = rdmsr(MSR_VMX_CR4_FIXED1);
	/* Without the control the instruction is #UD in a guest. */
	cpu_features.rdtscp &= !!(vmx_controls.words[WORD_PROC2] & PROC2_RDTSCP);
	nmi_set_abort(vmx_entry_begin, vmx_entry_end, vmx_entry_abort);
	log_info(
		"vmx: EPT with A/D bits %s, 1 GiB pages %s, VPID %s, preemption timer %s, pause-loop exits %s",
		vmx_ept_caps & EPT_HAS_ACCESSED_DIRTY ? "yes" : "no",
		vmx_ept_caps & EPT_HAS_1G ? "yes" : "no", vmx_has_vpid() ? "yes" : "no",
		vmx_controls.words[WORD_PIN] & PIN_PREEMPTION_TIMER ? "yes" : "no",
		vmx_has_pause_loops(&vmx_controls) ? "yes" : "no");
	if (vmx_restricted())
		log_info("vmx: no unrestricted guest: real mode is emulated");
	if (!err)
		err = vmx_permission_maps();
	return err ? err : vmx_apic_setup(apic_help);
}

/* Firmware may have left it to us, CPU by CPU. */
static void unlock(void)
{
	u64 feature = rdmsr(MSR_FEATURE_CONTROL);

	if (!(feature & FEATURE_CONTROL_LOCKED))
		wrmsr(MSR_FEATURE_CONTROL,
		      feature | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMXON);
}

static const char *vmx_cpu_enable(void)
{
	struct vmx_cpu *cpu = kzalloc(sizeof(*cpu));
	bool failed;

	if (!cpu || frame_alloc_zeroed(&vmx_owner, &cpu->vmxon))
		return "no memory for the structures of VMX";
	*(u32 *)hpa_to_ptr(cpu->vmxon) = vmx_revision;
	cpu->next_vpid = 1;
	cpu->vpid_generation = 1;
	unlock();
	write_cr0(read_cr0() | rdmsr(MSR_VMX_CR0_FIXED0));
	write_cr4(read_cr4() | rdmsr(MSR_VMX_CR4_FIXED0) | CR4_VMXE);
	asm volatile("vmxon %1" : "=@ccbe"(failed) : "m"(cpu->vmxon) : "memory");
	if (failed)
		return "VMXON refused: something else, started before, uses VMX";
	this_cpu()->backend = cpu;
	return NULL;
}

static void vmx_cpu_disable(void)
{
	asm volatile("vmxoff" : : : "memory", "cc");
	write_cr4(read_cr4() & ~(u64)CR4_VMXE);
}

static bool vmx_spares_cpu0(void)
{
	return false;
}

static bool vmx_scales_tsc(void)
{
	return vmx_controls.sometimes[WORD_PROC2] & PROC2_TSC_SCALING;
}

static void vmx_tdp_config(struct tdp_config *config)
{
	*config = (struct tdp_config){
		.fmt = &spte_format_ept,
		.max_leaf_level = vmx_ept_caps & EPT_HAS_1G ? LEVEL_1G : LEVEL_2M,
		.hw_ad = vmx_ept_caps & EPT_HAS_ACCESSED_DIRTY,
		.pml = (vmx_ept_caps & EPT_HAS_ACCESSED_DIRTY) && vmx_has_pml(),
		.mmio_signal = SPTE_EPT_MISCONFIGURED,
	};
}

const struct backend vmx_backend = { .name = "VMX",
				     .tdp_name = "EPT",
				     .pdptes_loaded = true,
#define BACKEND_OP(result, op, args) .op = vmx_##op,
				     BACKEND_OPS(BACKEND_OP)
#undef BACKEND_OP
};
