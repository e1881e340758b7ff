/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the next entry delivers. One event an entry: first what is owed (an exception, or an event
 * whose delivery an exit interrupted), then an interrupt if the guest can take it;
 * otherwise the CPU is asked to exit as soon as it can.
 */
#include "vm/vcpu.h"

#define OPCODE_HLT 0xf4

/*
 * STI; HLT must not lose a wake-up: the interrupt belongs behind the HLT. The CPU takes care of it
 * where it keeps the shadow of STI over exits and entries; some emulators forget it. So an
 * interrupt that finds the guest in front of a HLT executes the HLT first, which is always
 * right: the interrupt could as well have come a moment later.
 */
static void finish_hlt(struct vcpu *vcpu)
{
	struct fetch_state state;
	struct insn insn;

	if (!vcpu->between || vcpu->halted || !(vcpu->regs.rflags & RFLAGS_IF))
		return;
	vcpu->between = false;
	if (vcpu_peek(vcpu, &insn, &state) || insn.map || insn.opcode != OPCODE_HLT ||
	    state.paging.user)
		return;
	vcpu_skip_by(vcpu, &state, insn.len);
}

void vcpu_update_events(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct vm_event event = { .kind = EVENT_INTR };
	int vector;

	spin_lock(&vm->dev_lock);
	vcpu->window = platform->intr_pending(vm);
	if (vcpu->window && vcpu->pending.kind == EVENT_NONE)
		finish_hlt(vcpu);
	if (vcpu->pending.kind != EVENT_NONE) {
		backend->inject(vcpu, &vcpu->pending);
		vcpu->pending.kind = EVENT_NONE;
	} else if (vcpu->window) {
		vector = backend->can_inject(vcpu, EVENT_INTR) ? platform->intr_ack(vm) : -1;
		if (vector >= 0) {
			event.vector = (u8)vector;
			backend->inject(vcpu, &event);
			vcpu->halted = false;
			vcpu->window = platform->intr_pending(vm);
		}
	}
	backend->want_window(vcpu, EVENT_INTR, vcpu->window);
	/* Lines change under dev_lock only: what was asked for until now has been looked at. */
	atomic_fetch_and(&vcpu->requests, ~REQUEST_EVENT);
	spin_unlock(&vm->dev_lock);
}

bool vcpu_runnable(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool wakes;

	if (!vcpu->halted)
		return true;
	if (!(atomic_load(&vcpu->requests) & REQUEST_EVENT))
		return false;
	spin_lock(&vm->dev_lock);
	wakes = platform->intr_pending(vm);
	if (!wakes)
		atomic_fetch_and(&vcpu->requests, ~REQUEST_EVENT);
	spin_unlock(&vm->dev_lock);
	return wakes;
}
