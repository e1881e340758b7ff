/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which vCPU runs on which CPU, and for how long: those that want to share each CPU by the weights
 * of their VMs, and go from CPU to CPU where their VM is not pinned. A CPU with nothing to do halts.
 */
#pragma once

#include "lib/types.h"

struct vcpu;
struct vm;

/* What to do when the last VM has ended. Called on the CPU that saw it. Set once. */
void sched_set_on_idle(void (*on_idle)(void));

/* Once per CPU, before its VMs are queued. E_NOMEM. */
int __must_check sched_init_cpu(u32 cpu);

/* Start a vCPU, on the CPU that it names. */
void sched_add(struct vcpu *vcpu);

/*
 * A timer of the vCPU, which may be on another CPU, may have been armed: have that CPU look, if it
 * does not know. One that waits for its turn looks when it comes.
 */
void sched_check_timers(const struct vcpu *vcpu);

/*
 * Put the state of the vCPU that is loaded on this CPU, if one is, aside: another one's is about to
 * be built here. Called between turns.
 */
void sched_unload(void);

/*
 * Within the turn of the vCPU, which is asked to end it: let the host's interrupts in. True: it was
 * only about the vCPU's own timers, which have been seen to, and it may go on.
 */
bool sched_go_on(struct vcpu *vcpu);

/* The main loop of every CPU. */
__noreturn void sched_run(void);
