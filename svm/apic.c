/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APICs whose TPR the CPU has: with V_INTR_MASKING a guest's CR8 is V_TPR of its control block,
 * and stays there from entry to entry. What is to be done comes with each vcpu_update_events()
 * (vm/apic_help.h). AVIC is not used.
 */
#include "lib/err.h"
#include "lib/log.h"
#include "mm/heap.h"
#include "svm/svm.h"
#include "vm/vcpu.h"

/* The page is one of registers, as far as the TPR and the PPR. */
#define PAGE_TPR (0x80 / sizeof(u32))

static bool helps __ro_after_init;

void svm_apic_setup(bool help)
{
	helps = help;
	log_info("svm: local APICs run by the CPU: CR8 yes%s", help ? "" : " (not used)");
}

int svm_apic_create(struct vcpu *vcpu)
{
	if (!helps)
		return 0;
	vcpu->apic_page = kzalloc(PAGE_SIZE);
	vcpu->apic_helps = BIT(APIC_TPR_SHADOW);
	return vcpu->apic_page ? 0 : E_NOMEM;
}

void svm_apic_destroy(struct vcpu *vcpu)
{
	kfree(vcpu->apic_page, PAGE_SIZE);
	vcpu->apic_page = NULL;
}

/*
 * There is no exit when the TPR falls below a threshold: while an interrupt waits for that, writes of
 * CR8 exit.
 */
void svm_set_apic(struct vcpu *vcpu, const struct apic_help *help)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	struct vmcb *vmcb = svm->vmcb;
	const u32 *page = vcpu->apic_page;

	svm->has_tpr = help->helper == APIC_TPR_SHADOW;
	svm->more = svm->armed || svm->has_tpr;
	vmcb->cr_read |= INTERCEPT_CR8;
	vmcb->cr_write |= INTERCEPT_CR8;
	if (!svm->has_tpr)
		return;
	vmcb->cr_read &= (u16)~INTERCEPT_CR8;
	if (!help->threshold)
		vmcb->cr_write &= (u16)~INTERCEPT_CR8;
	vmcb->v_intr = (vmcb->v_intr & ~V_TPR) | page[PAGE_TPR] >> 4;
}

void svm_apic_exited(struct vcpu *vcpu, const struct vm_exit *exit)
{
	u32 *page = vcpu->apic_page;

	atomic_store(&page[PAGE_TPR], (u32)(vmcb_of(vcpu)->v_intr & V_TPR) << 4);
	vcpu_apic_exited(vcpu, exit);
}
