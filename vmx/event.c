/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events into and out of a guest: the VM-entry event, IDT-vectoring, and the windows that say when
 * one could be delivered.
 */
#include "vmx/vmx.h"

/*
 * Of the TSC. Two PAUSEs further apart are not of one loop: between those of a lock's loop are
 * PAUSE itself (up to 140 ticks since Skylake) and a load that another CPU's cache has to answer.
 */
#define PAUSE_GAP_TICKS 512u
/*
 * A loop longer than this exits: some 5 us, several times what the exit and the change to another
 * vCPU cost, and longer than nearly all locks are held whose holder runs.
 */
#define PAUSE_WINDOW_TICKS 16384u

void vmx_inject(struct vcpu *vcpu, const struct vm_event *event)
{
	static const u8 types[] = {
		[EVENT_INTR] = EVENT_TYPE_INTR,
		[EVENT_NMI] = EVENT_TYPE_NMI,
		[EVENT_EXCEPTION] = EVENT_TYPE_EXCEPTION,
		[EVENT_SOFT_INTR] = EVENT_TYPE_SOFT,
	};
	u32 info = (u32)EVENT_VALID | event->vector | (u32)types[event->kind] << EVENT_TYPE_SHIFT;

	if (event->has_error) {
		info |= (u32)EVENT_ERROR_VALID;
		vmcs_write32(VMCS_ENTRY_EVENT_ERROR, event->error);
	}
	vmcs_write32(VMCS_ENTRY_EVENT, info);
	vmx_of(vcpu)->injected = true;
}

bool vmx_can_inject(struct vcpu *vcpu, enum event_kind kind)
{
	/* One that was injected for an entry that then did not take place is still to go. */
	if (vmx_of(vcpu)->injected || vcpu->in_shadow)
		return false;
	if (kind == EVENT_NMI)
		return !(vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & BLOCKED_BY_NMI);
	return vcpu->regs.rflags & RFLAGS_IF;
}

/* A control, of a word, that comes and goes; *asked: whether it is on. */
static void set_control(bool *asked, bool want, enum vmcs_field word, u32 control)
{
	u32 controls;

	if (*asked == want)
		return;
	*asked = want;
	controls = vmcs_read32(word) & ~control;
	vmcs_write32(word, controls | (want ? control : 0));
}

void vmx_want_window(struct vcpu *vcpu, enum event_kind kind, bool want)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (kind == EVENT_NMI)
		set_control(&vmx->nmi_window, want, VMCS_PROC_CONTROLS, PROC_NMI_WINDOW);
	else
		set_control(&vmx->intr_window, want, VMCS_PROC_CONTROLS, PROC_INTR_WINDOW);
}

/*
 * Loops exit at CPL 0 only, where locks are held with interrupts off: who waits in user mode keeps
 * its whole turn.
 */
void vmx_want_pauses(struct vcpu *vcpu, bool want)
{
	bool *pauses = &vmx_of(vcpu)->pauses;

	if (vmx_has_pause_loops(&vmx_controls))
		set_control(pauses, want, VMCS_PROC_CONTROLS2, PROC2_PAUSE_LOOP_EXITING);
	else
		set_control(pauses, want, VMCS_PROC_CONTROLS, PROC_PAUSE_EXITING);
}

void vmx_pauses_reset(struct vmx_vcpu *vmx)
{
	vmx->pauses = false;
	if (!vmx_has_pause_loops(&vmx_controls))
		return;
	vmcs_write32(VMCS_PLE_GAP, PAUSE_GAP_TICKS);
	vmcs_write32(VMCS_PLE_WINDOW, PAUSE_WINDOW_TICKS);
}

void vmx_block_nmis(struct vcpu *vcpu __unused, bool block)
{
	u32 blocked = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & ~(u32)BLOCKED_BY_NMI;

	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY, blocked | (block ? (u32)BLOCKED_BY_NMI : 0));
}

void vmx_clear_shadow(struct vcpu *vcpu __unused)
{
	u32 blocked = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY);

	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY,
		     blocked & ~(u32)(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
	vmcs_write_natural(VMCS_GUEST_PENDING_DEBUG, 0);
}

void vmx_decode_event(u32 info, enum vmcs_field error, struct vm_event *event)
{
	event->vector = (u8)info;
	event->has_error = info & EVENT_ERROR_VALID;
	event->error = event->has_error ? vmcs_read32(error) : 0;
	switch (info >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK) {
	case EVENT_TYPE_INTR:
		event->kind = EVENT_INTR;
		break;
	case EVENT_TYPE_NMI:
		event->kind = EVENT_NMI;
		break;
	case EVENT_TYPE_EXCEPTION:
	case EVENT_TYPE_SOFT_EXCEPTION:
		event->kind = EVENT_EXCEPTION;
		break;
	default:
		event->kind = EVENT_SOFT_INTR;
	}
}
