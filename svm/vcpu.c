/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's control block: made, reset, destroyed. What is intercepted is decided here.
 */
#include "arch/cpu.h"
#include "arch/direct_map.h"
#include "arch/traps.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "svm/svm.h"

/* Kernels write CR0 and CR4 at start-up; CR3 is the CPU's own business under nested paging. */
#define CR_READ_INTERCEPTS (BIT(4) | INTERCEPT_CR8)
#define CR_WRITE_INTERCEPTS (BIT(0) | BIT(4) | INTERCEPT_CR8)

/* All but DR6, and DR5 too, which can be another name of DR7: see arm() in state.c. */
#define DR_WRITE_INTERCEPTS (BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(5) | BIT(7))

/*
 * #DB and #AC: a guest can arrange that delivering one raises the next, for ever, and on hardware
 * nothing but an intercept ends that. They are handed back to the guest. #MC is the machine's.
 */
#define EXCEPTION_INTERCEPTS (u32)(BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC))

#define PAUSES_IN_A_ROW 200u
#define PAT_RESET 0x0007040600070406ull
#define DR6_RESET 0xffff0ff0ull
#define CR0_RESET (CR0_CD | CR0_NW | CR0_ET)

int svm_vcpu_create(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = kzalloc(sizeof(*svm));

	if (!svm)
		return E_NOMEM;
	if (svm_apic_create(vcpu) || frame_alloc_zeroed(&svm_owner, &svm->vmcb_hpa)) {
		svm_apic_destroy(vcpu);
		kfree(svm, sizeof(*svm));
		return E_NOMEM;
	}
	svm->vmcb = hpa_to_ptr(svm->vmcb_hpa);
	vcpu->control = svm;
	return 0;
}

void svm_vcpu_destroy(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	svm_apic_destroy(vcpu);
	frame_free(&svm_owner, LEVEL_4K, svm->vmcb_hpa);
	kfree(svm, sizeof(*svm));
	vcpu->control = NULL;
}

static void set_intercepts(struct vmcb *vmcb)
{
	vmcb->exceptions = EXCEPTION_INTERCEPTS;
	vmcb->cr_read = CR_READ_INTERCEPTS;
	vmcb->cr_write = CR_WRITE_INTERCEPTS;
	vmcb->dr_write = DR_WRITE_INTERCEPTS;
	vmcb->intercept1 = (u32)(INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_SMI | INTERCEPT_INIT |
				 INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_INVD |
				 INTERCEPT_HLT | INTERCEPT_INVLPGA | INTERCEPT_IOIO |
				 INTERCEPT_MSR | INTERCEPT_TASK_SWITCH | INTERCEPT_FERR_FREEZE |
				 INTERCEPT_SHUTDOWN);
	vmcb->intercept2 = (u32)(INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD |
				 INTERCEPT_VMSAVE | INTERCEPT_STGI | INTERCEPT_CLGI |
				 INTERCEPT_SKINIT | INTERCEPT_WBINVD | INTERCEPT_MONITOR |
				 INTERCEPT_MWAIT | INTERCEPT_MWAIT_ARMED);
	/* Of CPUs with a pause filter; others exit at each. See svm_want_pauses(). */
	vmcb->pause_count = PAUSES_IN_A_ROW;
	vmcb->iopm_base = svm_iopm.raw;
	vmcb->msrpm_base = svm_msrpm.raw;
	vmcb->v_intr = V_INTR_MASKING;
	vmcb->np_control = NP_ENABLE;
}

static void reset_segments(struct vmcb *vmcb)
{
	const struct vmcb_segment data = { .attr = 0x93, .limit = 0xffff };
	const struct vmcb_segment table = { .limit = 0xffff };

	vmcb->ds = vmcb->es = vmcb->fs = vmcb->gs = vmcb->ss = data;
	vmcb->cs = (struct vmcb_segment){
		.selector = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000
	};
	vmcb->gdtr = vmcb->idtr = table;
	vmcb->ldtr = (struct vmcb_segment){ .attr = 0x82, .limit = 0xffff };
	vmcb->tr = (struct vmcb_segment){ .attr = 0x8b, .limit = 0xffff };
}

void svm_vcpu_reset(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	struct vmcb *vmcb = svm->vmcb;
	u64 root = vmcb->n_cr3;

	memset(vmcb, 0, sizeof(*vmcb));
	vmcb->n_cr3 = root;
	set_intercepts(vmcb);
	reset_segments(vmcb);
	vmcb->efer = EFER_SVME;
	vmcb->cr0 = CR0_RESET;
	vmcb->dr6 = DR6_RESET;
	vmcb->dr7 = DR7_FIXED_1;
	vmcb->g_pat = PAT_RESET;
	svm->intr_window = false;
	svm->nmis = NMIS_OPEN;
	svm->armed = 0;
	svm->has_tpr = svm->more = false;
	svm_set_reg(vcpu, VREG_CR4, 0);
	svm_flush(vcpu);
}

void svm_set_root(struct vcpu *vcpu, hpa_t root)
{
	vmcb_of(vcpu)->n_cr3 = root.raw;
	svm_flush(vcpu);
}

/* A new ASID has no translations: see run.c. */
void svm_flush(struct vcpu *vcpu)
{
	svm_of(vcpu)->asid_generation = 0;
}
