/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events into and out of a guest: EVENTINJ, EXITINTINFO, and the windows that say when one
 * could be delivered.
 *
 * V_IRQ serves as window request only. Interrupts themselves go through EVENTINJ: an exit
 * during the delivery of a V_IRQ is described wrongly by one emulator, and not at all by another.
 */
#include "svm/svm.h"

#include "arch/apic.h"

#define NMI_POLL_NS 10000u

void svm_inject(struct vcpu *vcpu, const struct vm_event *event)
{
	static const u8 types[] = {
		[EVENT_INTR] = EVENT_TYPE_INTR,
		[EVENT_NMI] = EVENT_TYPE_NMI,
		[EVENT_EXCEPTION] = EVENT_TYPE_EXCEPTION,
		[EVENT_SOFT_INTR] = EVENT_TYPE_SOFT,
	};
	struct svm_vcpu *svm = svm_of(vcpu);

	svm->vmcb->event_inj = EVENT_VALID | event->vector |
			       (u64)types[event->kind] << EVENT_TYPE_SHIFT;
	if (event->has_error)
		svm->vmcb->event_inj |= EVENT_ERROR_VALID | (u64)event->error << 32;
	if (event->kind == EVENT_NMI)
		svm_block_nmis(vcpu, true);
}

void svm_want_pauses(struct vcpu *vcpu, bool want)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	if (want)
		vmcb->intercept1 |= (u32)INTERCEPT_PAUSE;
	else
		vmcb->intercept1 &= ~(u32)INTERCEPT_PAUSE;
}

void svm_block_nmis(struct vcpu *vcpu, bool block)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	svm->nmis = block ? NMIS_BLOCKED : NMIS_OPEN;
	if (block)
		svm->vmcb->intercept1 |= (u32)INTERCEPT_IRET;
	else
		svm->vmcb->intercept1 &= ~(u32)INTERCEPT_IRET;
}

void svm_nmis_leaving(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	svm_block_nmis(vcpu, false);
	svm->nmis = NMIS_LEAVING;
	svm->iret_rip = vcpu->regs.rip;
	svm->iret_rsp = vcpu->regs.gpr[GPR_RSP];
}

/* Also when the IRET has faulted: it ends the blocking all the same. */
static bool nmis_open(const struct vcpu *vcpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	if (svm->nmis == NMIS_LEAVING &&
	    (svm->iret_rip != vcpu->regs.rip || svm->iret_rsp != vcpu->regs.gpr[GPR_RSP]))
		svm->nmis = NMIS_OPEN;
	return svm->nmis == NMIS_OPEN;
}

bool svm_can_inject(struct vcpu *vcpu, enum event_kind kind)
{
	/* One that was injected for an entry that then did not take place is still to go. */
	if (vmcb_of(vcpu)->event_inj & EVENT_VALID || vcpu->in_shadow)
		return false;
	if (kind == EVENT_NMI)
		return nmis_open(vcpu);
	return vcpu->regs.rflags & RFLAGS_IF;
}

void svm_want_window(struct vcpu *vcpu, enum event_kind kind, bool want)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	struct vmcb *vmcb = svm->vmcb;

	/*
	 * The IRET intercept is on whenever NMIs are blocked. Nothing tells when the IRET, an
	 * interrupt shadow or the delivery of another event has ended: have a look soon.
	 */
	if (kind == EVENT_NMI && want && svm->nmis != NMIS_BLOCKED)
		apic_timer_arm(NMI_POLL_NS);
	if (kind == EVENT_NMI || svm->intr_window == want)
		return;
	svm->intr_window = want;
	if (want) {
		vmcb->intercept1 |= (u32)INTERCEPT_VINTR;
		vmcb->v_intr |= V_IRQ | V_IGN_TPR | 0xfull << V_INTR_PRIO_SHIFT;
	} else {
		vmcb->intercept1 &= ~(u32)INTERCEPT_VINTR;
		vmcb->v_intr &= ~(V_IRQ | V_IGN_TPR | 0xfull << V_INTR_PRIO_SHIFT);
	}
}

void svm_clear_shadow(struct vcpu *vcpu)
{
	vmcb_of(vcpu)->interrupt_shadow = 0;
}

void svm_decode_event(const struct vmcb *vmcb, struct vm_event *event)
{
	u64 info = vmcb->exit_int_info;

	event->vector = (u8)info;
	event->has_error = info & EVENT_ERROR_VALID;
	event->error = (u32)(info >> 32);
	switch (info >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK) {
	case EVENT_TYPE_NMI:
		event->kind = EVENT_NMI;
		break;
	case EVENT_TYPE_EXCEPTION:
		event->kind = EVENT_EXCEPTION;
		break;
	case EVENT_TYPE_SOFT:
		event->kind = EVENT_SOFT_INTR;
		break;
	default:
		event->kind = EVENT_INTR;
	}
}
