/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes one decoded instruction that touched device memory, if it is a plain move. The accesses
 * themselves go through operations of the caller, so that this file is tested on the host.
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
	 * passes on with no register changed; E_UNSUPPORTED if the access is not so simple.
	 */
	int (*read)(void *ctx, u64 linear, unsigned int size, u64 *value);
	int (*write)(void *ctx, u64 linear, unsigned int size, u64 value);
};

/*
 * Execute insn: registers change, RIP moves past it. E_UNSUPPORTED: not one of ours; nothing was
 * accessed. An error of read or write: no register and not RIP has changed.
 *
 * Covers, with a memory operand and without LOCK: MOV (r/m, moffs and immediate forms), MOVZX, MOVSX.
 * Any insn that insn_decode made is safe to pass.
 */
int __must_check emu_execute(struct emu *emu, const struct insn *insn);

/* The linear address of insn's r/m or moffs operand (insn->mem). */
u64 emu_linear(const struct emu *emu, const struct insn *insn);
