/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch. VMRUN itself switches RAX, RSP, RIP, RFLAGS, CS, DS, ES, SS and the control registers;
 * VMLOAD and VMSAVE FS, GS, LDTR, TR and the system-call MSRs; this file the other
 * general registers.
 */
#include "offsets.h"

	.text
	/*
	 * RAX: the guest's VMCB, RSI: the host's, both physical; RDI: struct vcpu_regs. Called with
	 * GIF=0 and IF=0, returns the same way, with other values in all general registers but RSP
	 * and RBP: whoever calls saves what it needs.
	 * IF=1 around VMRUN lets physical interrupts end the guest (V_INTR_MASKING).
	 */
	.globl svm_enter
	.type svm_enter, @function
svm_enter:
	pushq %rbp
	pushq %rsi
	pushq %rdi

	vmload %rax
	movq REGS_RCX(%rdi), %rcx
	movq REGS_RBX(%rdi), %rbx
	movq REGS_RBP(%rdi), %rbp
	movq REGS_RSI(%rdi), %rsi
	movq REGS_R8(%rdi), %r8
	movq REGS_R9(%rdi), %r9
	movq REGS_R10(%rdi), %r10
	movq REGS_R11(%rdi), %r11
	movq REGS_R12(%rdi), %r12
	movq REGS_R13(%rdi), %r13
	movq REGS_R14(%rdi), %r14
	movq REGS_R15(%rdi), %r15
	movq REGS_RDX(%rdi), %rdx
	movq REGS_RDI(%rdi), %rdi

	sti
	nop /* or an emulator takes STI's interrupt shadow into the guest, where the next STI has none */
	vmrun %rax
	cli
	vmsave %rax

	xchgq %rdi, (%rsp) /* the guest's RDI against regs */
	popq REGS_RDI(%rdi)
	movq %rdx, REGS_RDX(%rdi)
	movq %rcx, REGS_RCX(%rdi)
	movq %rbx, REGS_RBX(%rdi)
	movq %rbp, REGS_RBP(%rdi)
	movq %rsi, REGS_RSI(%rdi)
	movq %r8, REGS_R8(%rdi)
	movq %r9, REGS_R9(%rdi)
	movq %r10, REGS_R10(%rdi)
	movq %r11, REGS_R11(%rdi)
	movq %r12, REGS_R12(%rdi)
	movq %r13, REGS_R13(%rdi)
	movq %r14, REGS_R14(%rdi)
	movq %r15, REGS_R15(%rdi)

	popq %rax
	vmload %rax /* the GS base is ours again */
	popq %rbp
	ret
	.size svm_enter, . - svm_enter
