/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few FPU instructions by which 16-bit code looks whether there is an FPU. They work on the
 * state in the CPU, where the guest's is. The others are not the interpreter's.
 */
#include "vm/interp_insns.h"

#define STATUS_ES 0x80u /* an unmasked exception waits */

enum interp_result interp_fwait(struct interp *in)
{
	if (in->cr0 & CR0_MP && in->cr0 & CR0_TS)
		return interp_fault(in, VECTOR_NM);
	/* Unmasked exceptions that wait are found by the next FPU instruction as well. */
	return INTERP_DONE;
}

enum interp_result interp_fpu_exception(struct interp *in)
{
	u16 status;

	asm volatile("fnstsw %0" : "=m"(status));
	if (!(status & STATUS_ES))
		return INTERP_DONE;
	/* Without CR0.NE it is an external interrupt. */
	return in->cr0 & CR0_NE ? interp_fault(in, VECTOR_MF) : INTERP_UNSUPPORTED;
}

static enum interp_result store_word(struct interp *in, u16 value)
{
	return interp_set_rm(in, 2, value);
}

static enum interp_result store_control(struct interp *in)
{
	u16 value;

	asm volatile("fnstcw %0" : "=m"(value));
	return store_word(in, value);
}

static enum interp_result store_status(struct interp *in)
{
	u16 value;

	asm volatile("fnstsw %0" : "=m"(value));
	return store_word(in, value);
}

enum interp_result interp_fpu(struct interp *in)
{
	unsigned int opcode = in->insn.opcode;
	enum { FNSTCW, FNSTSW, FNINIT, FNCLEX } what;

	if (in->insn.mem && interp_digit(in) == 7 && (opcode == 0xd9 || opcode == 0xdd))
		what = opcode == 0xd9 ? FNSTCW : FNSTSW;
	else if (opcode == 0xdf && in->insn.modrm == 0xe0)
		what = FNSTSW;
	else if (opcode == 0xdb && (in->insn.modrm == 0xe3 || in->insn.modrm == 0xe2))
		what = in->insn.modrm == 0xe3 ? FNINIT : FNCLEX;
	else
		return INTERP_UNSUPPORTED;
	if (in->cr0 & (CR0_EM | CR0_TS))
		return interp_fault(in, VECTOR_NM);
	switch (what) {
	case FNSTCW:
		return store_control(in);
	case FNSTSW:
		return store_status(in);
	case FNINIT:
		asm volatile("fninit");
		return INTERP_DONE;
	default:
		asm volatile("fnclex");
		return INTERP_DONE;
	}
}
