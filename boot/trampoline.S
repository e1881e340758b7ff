/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a CPU starts after the start-up IPI: copied to a page below 1 MiB, in real mode, with
 * CS:IP = page:0. The boot CPU fills in the fields at the end and the two far pointers. The page is
 * identity-mapped, readable and executable, while CPUs start; it is written through the direct map only.
 */
#include "arch/layout.h"

#define CR0_PE 0x1
#define CR0_PG_WP_NE 0x80010020
#define CR0_CD_NW 0x60000000
#define CR4_PAE_BIT 0x20
#define MSR_EFER_NUMBER 0xc0000080
#define EFER_LME_NXE 0x900
#define CPUID_NX_LM 0x20100000 /* in EDX of leaf 80000001h */

#define AT(label) ((label) - trampoline_start)

	.section .rodata
	.balign 16
	.globl trampoline_start, trampoline_end
	.globl trampoline_far32, trampoline_far64, trampoline_gdt_base
	.globl trampoline_cr3, trampoline_stack, trampoline_argument, trampoline_entry
	.code16
trampoline_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	movzwl %ax, %ebx
	shll $4, %ebx /* EBX: where this page is */
	lgdtl AT(trampoline_gdt_pointer)
	movl %cr0, %eax
	andl $~CR0_CD_NW, %eax
	orl $CR0_PE, %eax
	movl %eax, %cr0
	ljmpl *AT(trampoline_far32)

	.code32
in_protected_mode:
	movw $0x18, %ax
	movw %ax, %ds
	/* Without long mode or NX the next steps would fault, and reset the machine. */
	movl %ebx, %edi
	movl $0x80000001, %eax
	cpuid
	movl %edi, %ebx
	notl %edx
	testl $CPUID_NX_LM, %edx
	jnz stop
	movl $CR4_PAE_BIT, %eax
	movl %eax, %cr4
	movl AT(trampoline_cr3)(%ebx), %eax
	movl %eax, %cr3
	movl $MSR_EFER_NUMBER, %ecx
	rdmsr
	orl $EFER_LME_NXE, %eax
	wrmsr
	movl %cr0, %eax
	orl $CR0_PG_WP_NE, %eax
	movl %eax, %cr0
	ljmpl *AT(trampoline_far64)(%ebx)

stop:
	hlt
	jmp stop

	.code64
in_long_mode:
	movl %ebx, %ebx
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movq AT(trampoline_stack)(%rbx), %rsp
	movq AT(trampoline_argument)(%rbx), %rdi
	xorl %ebp, %ebp
	pushq $0
	jmpq *AT(trampoline_entry)(%rbx)

	.balign 8
trampoline_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff /* 08: 32-bit code */
	.quad 0x00af9b000000ffff /* 10: 64-bit code */
	.quad 0x00cf93000000ffff /* 18: data */
trampoline_gdt_pointer:
	.word 31
trampoline_gdt_base:
	.long AT(trampoline_gdt) /* + page */
trampoline_far32:
	.long AT(in_protected_mode) /* + page */
	.word 0x08
trampoline_far64:
	.long AT(in_long_mode) /* + page */
	.word 0x10
	.balign 8
trampoline_cr3:
	.quad 0
trampoline_stack:
	.quad 0
trampoline_argument:
	.quad 0
trampoline_entry:
	.quad 0
trampoline_end:
