/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes one decoded instruction that touched device memory. The accesses themselves go
 * through operations of the caller, so that this file is tested on the host.
 */
#pragma once

#include "vm/insn.h"
#include "vm/regs.h"

struct emu {
	struct vcpu_regs *regs;
	enum insn_mode mode;
	u64 seg_base[6]; /* by enum insn_seg, as the mode uses them (0 for most in 64-bit mode) */
	void *ctx;
	/*
	 * Access size bytes (1, 2, 4, 8) at a linear address. 0, or a negative code that emu_execute
	 * passes on with no register changed by the failing access.
	 */
	int (*read)(void *ctx, u64 linear, unsigned int size, u64 *value);
	int (*write)(void *ctx, u64 linear, unsigned int size, u64 value);
};

/*
 * Execute insn: registers and rflags change, RIP moves past it (a REP string instruction does one
 * iteration and leaves RIP on itself until rCX is 0). E_UNSUPPORTED: not one of ours, or with a
 * LOCK prefix that a CPU would refuse; nothing was accessed. An error of read or write: no
 * register, no flag and not RIP has changed.
 *
 * Covers, with a memory operand: MOV (all r/m, moffs and immediate forms), MOVZX, MOVSX, MOVSXD,
 * ADD, ADC, SUB, SBB, AND, OR, XOR, CMP, TEST, INC, DEC, NOT, NEG, XCHG, BT, BTS, BTR, BTC; and
 * STOS, MOVS, LODS. Any insn that insn_decode made is safe to pass.
 */
int __must_check emu_execute(struct emu *emu, const struct insn *insn);

/* The linear address of insn's r/m or moffs operand (insn->mem). */
u64 emu_linear(const struct emu *emu, const struct insn *insn);
