/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's control structure: made, reset, loaded on a CPU, destroyed. What is intercepted is in
 * controls.h. While it is loaded, and only then, its state can be read and written.
 */
#include "arch/cpu.h"
#include "arch/direct_map.h"
#include "arch/layout.h"
#include "arch/percpu.h"
#include "arch/traps.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm/heap.h"
#include "vmx/msrs.h"
#include "vmx/vmx.h"

/*
 * #DB and #AC: a guest can arrange that delivering one raises the next, for ever, and on hardware
 * nothing but an intercept ends that. They are handed back to the guest. #MC is the machine's.
 */
#define EXCEPTION_INTERCEPTS (u32)(BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC))

#define PAT_RESET 0x0007040600070406ull
#define DR6_RESET 0xffff0ff0ull
#define CR0_RESET (CR0_CD | CR0_NW | CR0_ET)

#define EPTP_WRITE_BACK 6u
#define EPTP_4_LEVELS (3u << 3)
#define EPTP_ACCESSED_DIRTY BIT(6)

static const u32 switched_msrs[SWITCHED_COUNT] = {
#define MSR(name) MSR_##name,
	VMX_SWITCHED_MSRS(MSR)
#undef MSR
};

int vmx_vcpu_create(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = kzalloc(sizeof(*vmx));

	if (!vmx)
		return E_NOMEM;
	vmx->pml = kzalloc(PAGE_SIZE);
	vcpu->control = vmx;
	if (vmx_apic_create(vcpu) || !vmx->pml || frame_alloc_zeroed(&vmx_owner, &vmx->vmcs_hpa)) {
		vmx_apic_destroy(vcpu);
		kfree(vmx->pml, PAGE_SIZE);
		kfree(vmx, sizeof(*vmx));
		vcpu->control = NULL;
		return E_NOMEM;
	}
	*(u32 *)hpa_to_ptr(vmx->vmcs_hpa) = vmx_revision;
	return 0;
}

void vmx_vcpu_destroy(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	frame_free(&vmx_owner, LEVEL_4K, vmx->vmcs_hpa);
	vmx_apic_destroy(vcpu);
	kfree(vmx->pml, PAGE_SIZE);
	kfree(vmx, sizeof(*vmx));
	vcpu->control = NULL;
}

static void vmclear(hpa_t vmcs)
{
	bool failed;

	asm volatile("vmclear %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
	if (unlikely(failed))
		panic("vmx: VMCLEAR refused");
}

/* The parts of the host's state that are this CPU's. */
static void load_host_state(void)
{
	struct percpu *cpu = this_cpu();

	vmcs_write_natural(VMCS_HOST_CR0, read_cr0());
	vmcs_write_natural(VMCS_HOST_CR3, read_cr3());
	vmcs_write_natural(VMCS_HOST_CR4, read_cr4());
	vmcs_write_natural(VMCS_HOST_GS_BASE, (u64)cpu);
	vmcs_write_natural(VMCS_HOST_TR_BASE, (u64)&cpu->tss);
	vmcs_write_natural(VMCS_HOST_GDTR_BASE, (u64)cpu->gdt);
	vmcs_write_natural(VMCS_HOST_IDTR_BASE, (u64)idt);
}

void vmx_load(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	struct vmx_cpu *cpu = this_cpu()->backend;
	bool failed;

	vmclear(vmx->vmcs_hpa);
	asm volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(vmx->vmcs_hpa) : "memory");
	if (unlikely(failed))
		panic("vmx: VMPTRLD refused");
	vmx->launched = false;
	cpu->current = vcpu;
	load_host_state();
	write_cr2(vmx->cr2);
	for (u32 i = 0; i < SWITCHED_COUNT; i++)
		wrmsr(switched_msrs[i], vmx->msrs[i]);
}

/* Cleared, so that another CPU can load it. */
void vmx_put(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	struct vmx_cpu *cpu = this_cpu()->backend;

	for (u32 i = 0; i < SWITCHED_COUNT; i++)
		vmx->msrs[i] = rdmsr(switched_msrs[i]);
	vmx->cr2 = read_cr2();
	vmclear(vmx->vmcs_hpa);
	cpu->current = NULL;
}

static void set_controls(const struct vmx_vcpu *vmx)
{
	const u32 *words = vmx_controls.words;

	vmcs_write32(VMCS_PIN_CONTROLS, words[WORD_PIN]);
	vmcs_write32(VMCS_PROC_CONTROLS,
		     words[WORD_PROC] | PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING);
	vmcs_write32(VMCS_PROC_CONTROLS2, words[WORD_PROC2]);
	vmcs_write32(VMCS_EXIT_CONTROLS, words[WORD_EXIT]);
	vmcs_write32(VMCS_ENTRY_CONTROLS, words[WORD_ENTRY]);
	vmcs_write32(VMCS_EXCEPTION_BITMAP, EXCEPTION_INTERCEPTS);
	vmcs_write32(VMCS_PAGE_FAULT_MASK, 0);
	vmcs_write32(VMCS_PAGE_FAULT_MATCH, 0);
	vmcs_write32(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write32(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write32(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_ENTRY_EVENT, 0);
	vmcs_write64(VMCS_MSR_BITMAP, vmx_msr_bitmap.raw);
	vmcs_write64(VMCS_LINK_POINTER, ~0ull);
	vmcs_write64(VMCS_EPT_POINTER,
		     vmx->root.raw | EPTP_WRITE_BACK | EPTP_4_LEVELS |
			     (vmx_ept_caps & EPT_HAS_ACCESSED_DIRTY ? EPTP_ACCESSED_DIRTY : 0));
	vmx_pml_reset(vmx);
	if (words[WORD_PIN] & PIN_PREEMPTION_TIMER)
		vmcs_write32(VMCS_PREEMPTION_TIMER, vmx_slice);
	/* Every write of CR0 and CR4 is the hypervisor's to judge. */
	vmcs_write_natural(VMCS_CR0_MASK, ~0ull);
	vmcs_write_natural(VMCS_CR4_MASK, ~0ull);
}

static void set_host_state(void)
{
	vmcs_write16(VMCS_HOST_ES, 0);
	vmcs_write16(VMCS_HOST_CS, SEL_CODE64);
	vmcs_write16(VMCS_HOST_SS, 0);
	vmcs_write16(VMCS_HOST_DS, 0);
	vmcs_write16(VMCS_HOST_FS, 0);
	vmcs_write16(VMCS_HOST_GS, 0);
	vmcs_write16(VMCS_HOST_TR, SEL_TSS);
	vmcs_write64(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmcs_write64(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmcs_write32(VMCS_HOST_SYSENTER_CS, 0);
	vmcs_write_natural(VMCS_HOST_FS_BASE, 0);
	vmcs_write_natural(VMCS_HOST_SYSENTER_ESP, 0);
	vmcs_write_natural(VMCS_HOST_SYSENTER_EIP, 0);
	vmcs_write_natural(VMCS_HOST_RIP, (u64)vmx_exited);
}

static void reset_segments(struct vcpu *vcpu)
{
	const struct segment data = { .attr = 0x93, .limit = 0xffff };
	const struct segment code = {
		.selector = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000
	};
	const struct segment ldtr = { .attr = 0x82, .limit = 0xffff };
	const struct segment tr = { .attr = 0x8b, .limit = 0xffff };

	for (u32 seg = SEG_ES; seg <= SEG_GS; seg++)
		vmx_set_seg(vcpu, (enum insn_seg)seg, &data);
	vmx_set_seg(vcpu, SEG_CS, &code);
	vmx_set_seg(vcpu, SEG_LDTR, &ldtr);
	vmx_set_seg(vcpu, SEG_TR, &tr);
	vmx_set_table(vcpu, TABLE_GDTR, 0, 0xffff);
	vmx_set_table(vcpu, TABLE_IDTR, 0, 0xffff);
}

static void set_tsc_ratio(const struct guest_tsc *tsc)
{
	if (!tsc->scaled)
		return;
	vmcs_write32(VMCS_PROC_CONTROLS2, vmx_controls.words[WORD_PROC2] | PROC2_TSC_SCALING);
	vmcs_write64(VMCS_TSC_MULTIPLIER, tsc->ratio);
}

void vmx_vcpu_reset(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	set_controls(vmx);
	set_tsc_ratio(&vcpu->vm->tsc);
	set_host_state();
	reset_segments(vcpu);
	for (u32 i = 0; i < SWITCHED_COUNT; i++)
		wrmsr(switched_msrs[i], 0);
	vmcs_write64(VMCS_GUEST_DEBUGCTL, 0);
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write32(VMCS_GUEST_ACTIVITY, 0);
	vmcs_write32(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_write_natural(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_write_natural(VMCS_GUEST_SYSENTER_EIP, 0);
	vmcs_write_natural(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write_natural(VMCS_GUEST_CR3, 0);
	vmx->identity = false;
	vmx_set_reg(vcpu, VREG_EFER, 0);
	vmx_set_reg(vcpu, VREG_CR0, CR0_RESET);
	vmx_set_reg(vcpu, VREG_CR2, 0);
	vmx_set_reg(vcpu, VREG_CR4, 0);
	vmx_set_reg(vcpu, VREG_PAT, PAT_RESET);
	vmx_set_reg(vcpu, VREG_DR6, DR6_RESET);
	vmx_set_reg(vcpu, VREG_DR7, DR7_FIXED_1);
	vmx_apic_reset(vcpu);
	vmx_pauses_reset(vmx);
	vmx->intr_window = vmx->nmi_window = vmx->injected = false;
	vmx_flush(vcpu);
}

/* Part of the state from the next reset on. */
void vmx_set_root(struct vcpu *vcpu, hpa_t root)
{
	vmx_of(vcpu)->root = root;
	vmx_flush(vcpu);
}

/*
 * A new VPID has no linear translations; those by guest-physical address need an INVEPT: see run.c.
 */
void vmx_flush(struct vcpu *vcpu)
{
	vmx_of(vcpu)->vpid_generation = 0;
	vmx_of(vcpu)->flush = true;
}
