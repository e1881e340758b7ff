/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's turn on a CPU: the loop of entry, exit and handler. Inlined into each back end, for it
 * is what every exit pays: one function, whose registers the guest's take the place of, instead of
 * three that save them for each other.
 */
#pragma once

#include "vm/vcpu.h"

/*
 * A turn ends after so many exits, whatever the timer says: where interrupts are held back while
 * a guest runs with its own off, one that exits all the time would keep its CPU.
 */
#define EXITS_PER_TURN 256u

/* By kind; those of CPUs and those that an emulated instruction stands for. */
extern void (*const exit_handlers[EXIT_KINDS])(struct vcpu *vcpu, const struct vm_exit *exit);

static __forceinline void vcpu_count_exit(struct vcpu *vcpu, const struct vm_exit *exit)
{
	vcpu->exits[exit->kind]++;
	exit_handlers[exit->kind](vcpu, exit);
}

/*
 * An exit that came while the CPU delivered an event: handle it, and have the event delivered
 * again. What an instruction raised comes again by itself, because RIP still stands on it.
 */
void vcpu_exit_in_delivery(struct vcpu *vcpu, const struct vm_exit *exit);

/* Something was asked of the vCPU. False: its turn is over. */
bool __must_check vcpu_prepare(struct vcpu *vcpu);

/*
 * enter: enter the guest once and decode the exit, see the operation run in backend.h. It returns the
 * vCPU, which is in a register then, and would have to be fetched from memory here.
 */
static __forceinline void vcpu_turn(struct vcpu *vcpu,
				    struct vcpu *(*enter)(struct vcpu *vcpu, struct vm_exit *exit))
{
	struct vm_exit exit;

	for (u32 left = EXITS_PER_TURN; left > 0; left--) {
		if (unlikely(atomic_load(&vcpu->requests)) && !vcpu_prepare(vcpu))
			return;
		vcpu = enter(vcpu, &exit);
		if (likely(exit.interrupted.kind == EVENT_NONE))
			vcpu_count_exit(vcpu, &exit);
		else
			vcpu_exit_in_delivery(vcpu, &exit);
	}
}
