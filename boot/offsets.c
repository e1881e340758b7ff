/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structure offsets for assembly: compiled to assembly text only, from which the build
 * makes build/offsets.h.
 */
#include "arch/percpu.h"
#include "lib/types.h"
#include "vm/regs.h"

#define DEFINE(symbol, value) asm volatile("\n.ascii \"->" #symbol " %0\"" : : "i"(value))
#define DEFINE_GPR(name) \
	DEFINE(REGS_##name, offsetof(struct vcpu_regs, gpr) + sizeof(u64) * GPR_##name)

void offsets(void);
void offsets(void)
{
	DEFINE(PERCPU_NMI_SEEN, offsetof(struct percpu, nmi_seen));
	DEFINE_GPR(RAX);
	DEFINE_GPR(RCX);
	DEFINE_GPR(RDX);
	DEFINE_GPR(RBX);
	DEFINE_GPR(RBP);
	DEFINE_GPR(RSI);
	DEFINE_GPR(RDI);
	DEFINE_GPR(R8);
	DEFINE_GPR(R9);
	DEFINE_GPR(R10);
	DEFINE_GPR(R11);
	DEFINE_GPR(R12);
	DEFINE_GPR(R13);
	DEFINE_GPR(R14);
	DEFINE_GPR(R15);
}
