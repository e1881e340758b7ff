/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch. The VMCS switches RSP, RIP, RFLAGS, segments and control registers; this
 * file the other general registers.
 *
 * A CPU in a guest is called out of it by an NMI. One that comes after the last look at requests and
 * before the entry would be lost: the NMI handler has left a mark (nmi_seen), looked at here,
 * and what interrupts the code from there to the entry itself is sent to vmx_entry_abort.
 */
#include "offsets.h"

#define VMCS_HOST_RSP 0x6c14
#define ENTRY_EXITED 0
#define ENTRY_FAILED 1
#define ENTRY_KICKED 2

	.text
	/*
	 * enum vmx_entry vmx_enter(struct vcpu_regs *regs, bool launched)
	 *
	 * Called with interrupts off, returns the same way.
	 */
	.globl vmx_enter, vmx_exited, vmx_entry_begin, vmx_entry_end, vmx_entry_abort
	.type vmx_enter, @function
vmx_enter:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdi
	movl $VMCS_HOST_RSP, %eax
	vmwrite %rsp, %rax

vmx_entry_begin:
	cmpl $0, %gs:PERCPU_NMI_SEEN
	jne vmx_entry_abort
	testb %sil, %sil
	movq REGS_RAX(%rdi), %rax
	movq REGS_RCX(%rdi), %rcx
	movq REGS_RDX(%rdi), %rdx
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
	movq REGS_RDI(%rdi), %rdi
	jnz 1f
	vmlaunch
	jmp vmx_entry_end
1:	vmresume
vmx_entry_end:
	movl $ENTRY_FAILED, %eax
	jmp 2f

vmx_entry_abort:
	movl $ENTRY_KICKED, %eax
2:	addq $8, %rsp
	jmp 3f

vmx_exited:
	xchgq %rdi, (%rsp) /* the guest's RDI against regs */
	popq REGS_RDI(%rdi)
	movq %rax, REGS_RAX(%rdi)
	movq %rcx, REGS_RCX(%rdi)
	movq %rdx, REGS_RDX(%rdi)
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
	xorl %eax, %eax /* ENTRY_EXITED */
3:	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size vmx_enter, . - vmx_enter
