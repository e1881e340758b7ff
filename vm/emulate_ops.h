/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam between emulate.c, which owns addresses, accesses and string instructions, and
 * emulate_ops.c, which has a function for each other opcode. Nobody else includes this.
 */
#pragma once

#include "vm/emulate.h"

/* One opcode. exec is called with a memory operand only, and leaves RIP to its caller. */
struct emu_op {
	int (*exec)(struct emu *emu, const struct insn *insn);
	u8 lock; /* mask of the ModRM.reg values for which LOCK is allowed */
};

/* How to execute insn, or NULL. */
const struct emu_op *emu_find_op(const struct insn *insn);

/* Access memory; a value has zeros above its size. 0 or what the caller's operations return. */
int __must_check emu_load(const struct emu *emu, u64 linear, unsigned int size, u64 *value);
int __must_check emu_store(const struct emu *emu, u64 linear, unsigned int size, u64 value);

/* The memory operand's offset in its segment; displace comes on top before offsets wrap around. */
u64 emu_offset(const struct emu *emu, const struct insn *insn, u64 displace);

u64 emu_to_linear(const struct emu *emu, unsigned int seg, u64 offset);
