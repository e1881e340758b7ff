/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry per vector: push what the CPU did not (an error code), the vector, all
 * registers, and call trap_dispatch(frame).
 */
	.text
	.macro ENTRY vector
	.balign 16
	.if !((\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17) || (\vector == 21) || (\vector == 29) || (\vector == 30))
	pushq $0
	.endif
	pushq $\vector
	jmp trap_common
	.endm

	.balign 16
	.globl trap_entries
trap_entries:
	.altmacro
	.set number, 0
	.rept 256
	ENTRY %number
	.set number, number + 1
	.endr
	.noaltmacro

	.type trap_common, @function
trap_common:
	cld
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, %rdi
	/* The backtrace of a trap starts at the interrupted frame: rbp is still its. */
	call trap_dispatch
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq
	.size trap_common, . - trap_common
	.globl trap_entries_end
trap_entries_end:

	.globl irq_wait, irq_wait_hlt
	.type irq_wait, @function
irq_wait:
	sti
irq_wait_hlt:
	hlt
	cli
	ret
	.size irq_wait, . - irq_wait
