/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 256 interrupt entries, 16 bytes each, and the calls that an exception may end:
 * trap_call and trap_call_user save the callee-saved registers and the stack pointer,
 * trap_recover returns through them from wherever the exception was.
 */
#include "tests/guest/lib/desc.h"

	.text
	.balign	16
	.globl	isr_entries
isr_entries:
	vector = 0
	.rept	256
	.balign	16
	.if	(vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
	.else
	push	$0
	.endif
#ifdef __x86_64__
	push	$vector
#else
	pushl	$vector
#endif
	jmp	isr_common
	vector = vector + 1
	.endr

	.balign	16
#ifdef __x86_64__
isr_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	/* Interrupts can come at any alignment of a 32-bit caller; the ABI wants 16. */
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	trap_dispatch
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

	.macro	save_context
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushf
	push	trap_recover_sp
	mov	%rsp, trap_recover_sp
	.endm

	.macro	restore_context
	mov	trap_recover_sp, %rsp
	pop	trap_recover_sp
	popf
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	.endm

	.globl	trap_call
trap_call:
	save_context
	movl	$0x100, trap + 0
	mov	%rdi, %rax
	mov	%rsi, %rdi
	sub	$8, %rsp
	and	$-16, %rsp
	call	*%rax
	movl	$0x100, trap + 0
	/* fall through */
	.globl	trap_recover
trap_recover:
	restore_context
	mov	trap + 0, %eax
	ret

	.globl	trap_call_user
trap_call_user:
	save_context
	movl	$0x100, trap + 0
	push	$SEL_USER_DATA
	push	%rdx
	push	%rcx
	push	$SEL_USER_CODE
	push	%rdi
	mov	%rsi, %rdi
	iretq
#else
isr_common:
	pusha
	cld
	push	%esp
	call	trap_dispatch
	add	$4, %esp
	popa
	add	$8, %esp
	iret

	.macro	save_context
	push	%ebx
	push	%ebp
	push	%esi
	push	%edi
	pushf
	push	trap_recover_sp
	mov	%esp, trap_recover_sp
	.endm

	.macro	restore_context
	mov	trap_recover_sp, %esp
	pop	trap_recover_sp
	popf
	pop	%edi
	pop	%esi
	pop	%ebp
	pop	%ebx
	.endm

	.globl	trap_call
trap_call:
	mov	4(%esp), %eax
	mov	8(%esp), %edx
	save_context
	movl	$0x100, trap + 0
	push	%edx
	call	*%eax
	movl	$0x100, trap + 0
	/* fall through */
	.globl	trap_recover
trap_recover:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	restore_context
	mov	trap + 0, %eax
	ret

	.globl	trap_call_user
trap_call_user:
	save_context
	movl	$0x100, trap + 0
	/* Behind 6 saved words and the return address: fn, arg, stack_top, flags. */
	mov	%esp, %ecx
	mov	$SEL_USER_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	push	%eax
	push	36(%ecx)
	push	40(%ecx)
	push	$SEL_USER_CODE
	push	28(%ecx)
	mov	32(%ecx), %eax
	iret
#endif

	.bss
	.balign	8
	.globl	trap_recover_sp
trap_recover_sp:
	.skip	8

	.section .note.GNU-stack, "", @progbits
