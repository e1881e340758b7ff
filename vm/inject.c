/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the next entry delivers. One event an entry: first what is owed (an exception, or an event
 * whose delivery an exit interrupted), then an NMI, then an interrupt if the guest can take it;
 * otherwise the CPU is asked to exit as soon as it can.
 */
#include "vm/skip.h"

/*
 * STI; HLT must not lose a wake-up: the interrupt belongs behind the HLT. The CPU takes care of it
 * where it keeps the shadow of STI over exits and entries; some emulators forget it. So an
 * interrupt that finds the guest in front of a HLT executes the HLT first, which is always
 * right: the interrupt could as well have come a moment later.
 */
static void finish_hlt(struct vcpu *vcpu)
{
	struct fetch_state state;

	if (!vcpu->between || vcpu->halted || !(vcpu->regs.rflags & RFLAGS_IF))
		return;
	vcpu->between = false;
	backend->get_fetch_state(vcpu, &state);
	if (!state.paging.user && vcpu_peek_byte(vcpu, &state) == OPCODE_HLT)
		vcpu_skip_by(vcpu, &state, 1);
}

static void inject_nmi(struct vcpu *vcpu)
{
	backend->inject(vcpu, &(struct vm_event){ .kind = EVENT_NMI, .vector = VECTOR_GUEST_NMI });
	vcpu->signals &= ~SIGNAL_NMI;
	vcpu->halted = false;
}

static void inject_interrupt(struct vcpu *vcpu)
{
	int vector = platform->intr_ack(vcpu);

	if (vector < 0)
		return;
	backend->inject(vcpu, &(struct vm_event){ .kind = EVENT_INTR, .vector = (u8)vector });
	vcpu->halted = false;
}

/* Without vcpu->window none is asked for. */
static inline void want_windows(struct vcpu *vcpu, bool interrupt)
{
	u32 wanted = vcpu->signals | interrupt;

	if (!(wanted | vcpu->window))
		return;
	backend->want_window(vcpu, EVENT_NMI, vcpu->signals);
	backend->want_window(vcpu, EVENT_INTR, interrupt);
	vcpu->window = wanted;
}

/* dev_lock held. */
static void choose_event(struct vcpu *vcpu)
{
	bool interrupt = platform->intr_pending(vcpu);
	bool can = interrupt && backend->can_inject(vcpu, EVENT_INTR);

	/* Not before an event that was injected for an entry that did not take place. */
	if ((can || (interrupt && vcpu->in_shadow)) && vcpu->pending.kind == EVENT_NONE)
		finish_hlt(vcpu);
	if (vcpu->pending.kind != EVENT_NONE) {
		backend->inject(vcpu, &vcpu->pending);
		vcpu->pending.kind = EVENT_NONE;
	} else if (unlikely(vcpu->signals) && backend->can_inject(vcpu, EVENT_NMI)) {
		inject_nmi(vcpu);
	} else if (can || (interrupt && backend->can_inject(vcpu, EVENT_INTR))) {
		inject_interrupt(vcpu);
		interrupt = platform->intr_pending(vcpu);
	}
	/* What the CPU delivers needs no window. One that sleeps must see what would wake it. */
	if (unlikely(vcpu->apic_useful) && !vcpu->halted && vcpu_give_apic(vcpu))
		interrupt = platform->intr_pending(vcpu);
	want_windows(vcpu, interrupt);
}

void vcpu_update_events(struct vcpu *vcpu)
{
	spin_lock(&vcpu->vm->dev_lock);
	if (unlikely(vcpu->apic_given))
		vcpu_take_apic_locked(vcpu);
	if (unlikely(vcpu->signals & ~SIGNAL_NMI))
		vcpu_take_signals(vcpu);
	if (likely(!vcpu->waits))
		choose_event(vcpu);
	/* All this changes under dev_lock only: what was asked for until now has been looked at. */
	atomic_fetch_and(&vcpu->requests, ~REQUEST_EVENT);
	spin_unlock(&vcpu->vm->dev_lock);
}

/* It has halted, and something has come. If that does not wake it, it is not asked again. */
static bool has_woken(struct vcpu *vcpu)
{
	struct spinlock *lock = &vcpu->vm->dev_lock;
	bool wakes;

	spin_lock(lock);
	wakes = vcpu->signals || (!vcpu->waits && platform->intr_pending(vcpu));
	if (!wakes)
		atomic_fetch_and(&vcpu->requests, ~REQUEST_EVENT);
	spin_unlock(lock);
	return wakes;
}

bool vcpu_runnable(struct vcpu *vcpu)
{
	u32 requests = atomic_load(&vcpu->requests);

	if (unlikely(requests & REQUEST_PAUSE))
		return false;
	return !vcpu->halted || (requests & REQUEST_EVENT && has_woken(vcpu));
}
