/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Past an instruction that was executed for the guest. Inlined: most exits end with it.
 */
#pragma once

#include "lib/string.h"
#include "vm/vcpu.h"

/* Intercepted instructions of two bytes, which nearly always come without prefixes; or 0. */
extern const u16 vcpu_plain_opcodes[EXIT_KINDS];

/* What retiring an instruction seldom involves. */
void vcpu_retired_more(struct vcpu *vcpu);

/* By a length from the CPU over a place where RIP may wrap around, or by decoding. As vcpu_skip(). */
bool __must_check vcpu_skip_slowly(struct vcpu *vcpu, const struct vm_exit *exit);

/* RIP has moved past an instruction that was executed for the guest. */
static inline void vcpu_retired(struct vcpu *vcpu)
{
	if (unlikely(vcpu->in_shadow || vcpu->window ||
		     vcpu->regs.rflags & (RFLAGS_TF | RFLAGS_RF)))
		vcpu_retired_more(vcpu);
}

/* Is the exiting instruction plain, and its page remembered? All of it is on that page. */
static inline bool vcpu_at_plain_opcode(const struct vcpu *vcpu, const struct vm_exit *exit)
{
	const u8 *bytes = fetch_memo_find(&vcpu->memo, vcpu->regs.rip, sizeof(u16), exit->cs_base,
					  exit->cr3);
	u16 opcode;

	if (unlikely(!bytes))
		return false;
	memcpy(&opcode, bytes, sizeof(opcode));
	return opcode == vcpu_plain_opcodes[exit->kind];
}

/* Move RIP past the exiting instruction. False: the fetch faulted or failed and that is queued. */
static inline bool vcpu_skip(struct vcpu *vcpu, const struct vm_exit *exit)
{
	u64 rip = vcpu->regs.rip, next = rip + exit->insn_len;

	if (next == rip) {
		if (unlikely(!vcpu_at_plain_opcode(vcpu, exit)))
			return vcpu_skip_slowly(vcpu, exit);
		next += sizeof(u16);
	} else if (unlikely((next ^ rip) >> 32)) {
		return vcpu_skip_slowly(vcpu, exit);
	}
	vcpu->regs.rip = next;
	vcpu_retired(vcpu);
	return true;
}
