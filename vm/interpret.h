/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that the interpreter leaves to its caller: they touch more than a CPU's registers
 * and memory.
 */
#pragma once

#include "vm/vcpu.h"

/*
 * Those that a CPU in a guest executes by itself: done, or a fault queued. False: not one of them.
 */
bool interpret_directly(struct vcpu *vcpu, const struct fetch_state *state,
			const struct insn *insn);

/*
 * Make exit, where nothing but the place of the instruction is set, what insn would have exited
 * with.
 */
void interpret_as_exit(const struct vcpu *vcpu, const struct insn *insn, struct vm_exit *exit);
