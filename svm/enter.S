/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch. VMRUN itself switches RAX, RSP, RIP, RFLAGS, CS, DS, ES, SS and the control registers;
 * VMLOAD and VMSAVE FS, GS, LDTR, TR and the system-call MSRs; this file the other
 * general registers.
 */
#include "offsets.h"

	.text
	/*
	 * void svm_enter(u64 guest_vmcb, u64 host_vmcb, struct vcpu_regs *regs)
	 *
	 * Both addresses are physical. Called with GIF=0 and IF=0, returns the same way.
	 * IF=1 around VMRUN lets physical interrupts end the guest (V_INTR_MASKING).
	 */
	.globl svm_enter
	.type svm_enter, @function
svm_enter:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rsi
	pushq %rdx

	movq %rdi, %rax
	vmload %rax
	movq REGS_RCX(%rdx), %rcx
	movq REGS_RBX(%rdx), %rbx
	movq REGS_RBP(%rdx), %rbp
	movq REGS_RSI(%rdx), %rsi
	movq REGS_RDI(%rdx), %rdi
	movq REGS_R8(%rdx), %r8
	movq REGS_R9(%rdx), %r9
	movq REGS_R10(%rdx), %r10
	movq REGS_R11(%rdx), %r11
	movq REGS_R12(%rdx), %r12
	movq REGS_R13(%rdx), %r13
	movq REGS_R14(%rdx), %r14
	movq REGS_R15(%rdx), %r15
	movq REGS_RDX(%rdx), %rdx

	sti
	nop /* or an emulator takes STI's interrupt shadow into the guest, where the next STI has none */
	vmrun %rax
	cli
	vmsave %rax

	xchgq %rdx, (%rsp) /* the guest's RDX against regs */
	popq REGS_RDX(%rdx)
	movq %rcx, REGS_RCX(%rdx)
	movq %rbx, REGS_RBX(%rdx)
	movq %rbp, REGS_RBP(%rdx)
	movq %rsi, REGS_RSI(%rdx)
	movq %rdi, REGS_RDI(%rdx)
	movq %r8, REGS_R8(%rdx)
	movq %r9, REGS_R9(%rdx)
	movq %r10, REGS_R10(%rdx)
	movq %r11, REGS_R11(%rdx)
	movq %r12, REGS_R12(%rdx)
	movq %r13, REGS_R13(%rdx)
	movq %r14, REGS_R14(%rdx)
	movq %r15, REGS_R15(%rdx)

	popq %rax
	vmload %rax /* the GS base is ours again */
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size svm_enter, . - svm_enter
