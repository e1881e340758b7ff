/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the interpreter. interp.c fetches and dispatches, interp_tables.c says what each opcode
 * is, the other files have a function for each kind of instruction. Such a function finds RIP
 * already behind the instruction, changes registers and segments as it goes, and just returns what went
 * wrong: interp.c then puts everything back.
 */
#pragma once

#include "arch/cpu.h"
#include "vm/desc.h"
#include "vm/interp.h"
#include "vm/operand.h"

#define VECTOR_DE 0
#define VECTOR_DB 1
#define VECTOR_BP 3
#define VECTOR_OF 4
#define VECTOR_BR 5
#define VECTOR_UD 6
#define VECTOR_NM 7
#define VECTOR_TS 10
#define VECTOR_NP 11
#define VECTOR_SS 12
#define VECTOR_GP 13
#define VECTOR_MF 16
#define VECTOR_AC 17

/* One opcode. */
struct interp_op {
	enum interp_result (*exec)(struct interp *in);
	u8 lock; /* mask of the ModRM.reg values for which LOCK is allowed, with memory */
	u8 flags;
};

#define OP_NOT64 0x1u /* left to others in 64-bit mode */
#define OP_CPL0 0x2u /* #GP unless at CPL 0 */
#define OP_PROTECTED 0x4u /* #UD in real and in virtual-8086 mode */
#define OP_LOCK_ANY 0x8u /* LOCK is allowed and means something else */

/* How to execute in->insn, or NULL. */
const struct interp_op *interp_find_op(const struct insn *insn);

/* ---- mode ---- */

static inline bool interp_v8086(const struct interp *in)
{
	return in->cr0 & CR0_PE && in->regs->rflags & RFLAGS_VM;
}

/* Selectors name descriptors. */
static inline bool interp_protected(const struct interp *in)
{
	return in->cr0 & CR0_PE && !(in->regs->rflags & RFLAGS_VM);
}

static inline bool interp_long(const struct interp *in)
{
	return in->efer & EFER_LMA;
}

enum insn_mode interp_mode(const struct interp *in);

static inline unsigned int interp_iopl(const struct interp *in)
{
	return (unsigned int)(in->regs->rflags >> 12) & 3;
}

/* ---- faults: always INTERP_FAULT ---- */

enum interp_result interp_fault(struct interp *in, u8 vector);
/* With an error code, to which EXT is added while an event is being delivered. */
enum interp_result interp_fault_error(struct interp *in, u8 vector, u32 error);
/* The error code names a selector. */
enum interp_result interp_fault_selector(struct interp *in, u8 vector, u32 selector);

static inline enum interp_result interp_gp0(struct interp *in)
{
	return interp_fault_error(in, VECTOR_GP, 0);
}

/* ---- memory ---- */

/* Guests have linear addresses of 48 bits. */
static inline bool interp_is_canonical(u64 linear)
{
	return alu_sign_extend(linear, 6) == linear;
}

/* Of a descriptor, or of what is in a TSS. */
static inline u64 interp_table_linear(const struct interp *in, u64 linear)
{
	return interp_long(in) ? linear : (u32)linear;
}

/* By linear address, as it stands. */
enum interp_result interp_read_linear(struct interp *in, u64 linear, unsigned int size, u64 *value,
				      unsigned int how);
enum interp_result interp_write_linear(struct interp *in, u64 linear, unsigned int size, u64 value,
				       unsigned int how);

/* Limits, type and canonical form; for a read, or with how INTERP_WILL_WRITE for a write. */
enum interp_result interp_check(struct interp *in, unsigned int seg, u64 offset, unsigned int size,
				unsigned int how);
enum interp_result interp_read(struct interp *in, unsigned int seg, u64 offset, unsigned int size,
			       u64 *value, unsigned int how);
enum interp_result interp_write(struct interp *in, unsigned int seg, u64 offset, unsigned int size,
				u64 value);

/* ---- operands of in->insn ---- */

/* The memory operand's offset. */
u64 interp_offset(const struct interp *in, u64 displace);
enum interp_result interp_get_rm(struct interp *in, unsigned int size, u64 *value,
				 unsigned int how);
enum interp_result interp_set_rm(struct interp *in, unsigned int size, u64 value);
/* Of the memory operand. */
u64 interp_operand_linear(const struct interp *in);
/*
 * The memory operand, which may be longer than 8 bytes (16, 32) and then is accessed wholly or not at
 * all, in eights.
 */
enum interp_result interp_read_wide(struct interp *in, unsigned int size, u64 *value);
enum interp_result interp_write_wide(struct interp *in, unsigned int size, const u64 *value);
/* As interp_ops has it, of the memory operand, which is 16 bytes. */
enum interp_result interp_replace_pair(struct interp *in, u64 old[2], const u64 value[2],
				       bool *same);

static inline u64 interp_get_reg(const struct interp *in, unsigned int size)
{
	return reg_get(in->regs, &in->insn, in->insn.reg, size);
}

static inline void interp_set_reg(struct interp *in, unsigned int size, u64 value)
{
	reg_set(in->regs, &in->insn, in->insn.reg, size, value);
}

/* The register in the opcode's low three bits. */
static inline unsigned int interp_opcode_reg(const struct interp *in)
{
	return (in->insn.opcode & 7u) | (in->insn.rex & 1u) << 3;
}

/* ModRM.reg of opcodes that it extends. */
static inline unsigned int interp_digit(const struct interp *in)
{
	return in->insn.reg & 7u;
}

/* ---- stack ---- */

/* Of the stack pointer, as SS says: 2, 4, 8. */
unsigned int interp_stack_size(const struct interp *in);
void interp_stack_move(struct interp *in, u64 delta);
enum interp_result interp_push(struct interp *in, unsigned int size, u64 value);
enum interp_result interp_pop(struct interp *in, unsigned int size, u64 *value);
/* Could count values of size bytes be pushed, as far as the segment goes? */
enum interp_result interp_check_push(struct interp *in, unsigned int size, unsigned int count);

/* ---- control transfers ---- */

/* Go on at offset in the present code segment; it has the operand's size already. */
enum interp_result interp_jump(struct interp *in, u64 offset);
bool interp_condition(const struct interp *in, unsigned int code);

/* ---- FPU ---- */

/* The fault that is due when an unmasked exception waits in the FPU; or DONE. */
enum interp_result interp_fpu_exception(struct interp *in);

/* ---- segments ---- */

/* A descriptor, and where it is. */
struct interp_desc {
	u64 raw, linear;
	u32 selector;
};

/* vector is raised with the selector when it is null, or lies beyond its table. */
enum interp_result interp_read_desc(struct interp *in, u32 selector, u8 vector,
				    struct interp_desc *desc);
/* Set bits of the type (DESC_ACCESSED, DESC_BUSY) in memory too, if they are clear. */
enum interp_result interp_mark_desc(struct interp *in, struct interp_desc *desc, u64 bits);
/* Into the hidden part, selector and all; marks it accessed. */
enum interp_result interp_set_seg(struct interp *in, enum insn_seg seg, struct interp_desc *desc);
/* In real and virtual-8086 mode. */
void interp_set_seg_real(struct interp *in, enum insn_seg seg, u32 selector);
void interp_set_seg_null(struct interp *in, enum insn_seg seg, u32 selector);
/* As MOV and POP do, with all checks. Not CS. */
enum interp_result interp_load_seg(struct interp *in, enum insn_seg seg, u32 selector);
/* SS for privilege level cpl, with faults as vector. */
enum interp_result interp_load_stack(struct interp *in, u32 selector, unsigned int cpl, u8 vector);

/* ---- what interp_deliver shares with INT n and IRET ---- */

enum interp_result interp_deliver_event(struct interp *in, const struct vm_event *event);
