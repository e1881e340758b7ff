/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Past an instruction that was executed for the guest. Inlined: most exits end with it.
 */
#pragma once

#include "lib/string.h"
#include "vm/vcpu.h"

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

/* Are the bytes at RIP opcode, without prefixes, on one page that is remembered? */
static inline bool vcpu_is_at(const struct vcpu *vcpu, const struct vm_exit *exit, u16 opcode,
			      u32 len)
{
	const u8 *bytes = fetch_memo_find(&vcpu->memo, vcpu->regs.rip, len, exit->cs_base,
					  exit->cr3);
	u16 found = 0;

	if (unlikely(!bytes))
		return false;
	memcpy(&found, bytes, len);
	return found == opcode;
}

/*
 * Move RIP past the exiting instruction, which nearly always is opcode, of len bytes, 1 or 2. False: the
 * fetch faulted or failed and that is queued.
 */
static __forceinline bool vcpu_skip_opcode(struct vcpu *vcpu, const struct vm_exit *exit,
					   u16 opcode, u32 len)
{
	u64 rip = vcpu->regs.rip, next = rip + exit->insn_len;

	if (next == rip) {
		if (unlikely(!vcpu_is_at(vcpu, exit, opcode, len)))
			return vcpu_skip_slowly(vcpu, exit);
		next += len;
	} else if (unlikely((next ^ rip) >> 32)) {
		return vcpu_skip_slowly(vcpu, exit);
	}
	vcpu->regs.rip = next;
	vcpu_retired(vcpu);
	return true;
}

/* The same for any instruction. */
static inline bool vcpu_skip(struct vcpu *vcpu, const struct vm_exit *exit)
{
	u64 rip = vcpu->regs.rip, next = rip + exit->insn_len;

	if (unlikely(next == rip || (next ^ rip) >> 32))
		return vcpu_skip_slowly(vcpu, exit);
	vcpu->regs.rip = next;
	vcpu_retired(vcpu);
	return true;
}

/* As their two bytes lie in memory. */
#define OPCODE_CPUID 0xa20f
#define OPCODE_RDMSR 0x320f
#define OPCODE_WRMSR 0x300f
#define OPCODE_WBINVD 0x090f
#define OPCODE_PAUSE 0x90f3
#define OPCODE_HLT 0xf4 /* of one byte */
