/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events into and out of a guest: EVENTINJ, EXITINTINFO, and the windows that say when one
 * could be delivered.
 *
 * V_IRQ serves as window request only. Interrupts themselves go through EVENTINJ: an exit
 * during the delivery of a V_IRQ is described wrongly by one emulator, and not at all by another.
 */
#include "svm/svm.h"

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
	if (event->kind == EVENT_NMI) {
		svm->nmi_blocked = true;
		svm->vmcb->intercept1 |= (u32)INTERCEPT_IRET;
	}
}

bool svm_can_inject(struct vcpu *vcpu, enum event_kind kind)
{
	const struct svm_vcpu *svm = svm_of(vcpu);

	/* One that was injected for an entry that then did not take place is still to go. */
	if (svm->vmcb->event_inj & EVENT_VALID || vcpu->in_shadow)
		return false;
	if (kind == EVENT_NMI)
		return !svm->nmi_blocked;
	return vcpu->regs.rflags & RFLAGS_IF;
}

void svm_want_window(struct vcpu *vcpu, enum event_kind kind, bool want)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	struct vmcb *vmcb = svm->vmcb;

	/* The IRET intercept, which ends NMI blocking, is on whenever NMIs are blocked. */
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
