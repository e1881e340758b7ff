/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of another CPU from real mode, by way of 32-bit protected mode, to C. The first part is
 * copied to page SMP_START_PAGE.
 */
#include "tests/guest/lib/bits.h"
#include "tests/guest/lib/desc.h"

#define SMP_STACK_SIZE 16384
#define STATE_SIZE 36

	.section .rodata
	.globl	smp_code, smp_code_end
	.code16
smp_code:
	cli
	mov	%cs, %bx
	mov	%ds, %cx
	mov	%bx, %ds
	mov	%cr0, %esi
	lgdtl	smp_gdt_ptr - smp_code
	mov	%esi, %eax
	and	$~(CR0_CD + CR0_NW), %eax
	or	$CR0_PE, %eax
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $smp_start32
	.balign	4
smp_gdt_ptr:
	.word	GDT_ENTRIES * 8 - 1
	.long	gdt
smp_code_end:

	/* esi: CR0, edx: as it was, bx: CS, cx: DS. The id by CPUID: it is so in every APIC mode. */
	.text
	.code32
smp_start32:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%edx, %ebp
	shl	$16, %ecx
	mov	%bx, %cx
	mov	%ecx, %esp
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	imul	$STATE_SIZE, %ebx, %edi
	add	$smp_states, %edi
	mov	%esi, (%edi)
	mov	%cr4, %eax
	mov	%eax, 4(%edi)
	mov	%ebp, 16(%edi)
	movzwl	%sp, %eax
	mov	%eax, 20(%edi)
	shr	$16, %esp
	mov	%esp, 24(%edi)
	mov	%dr7, %eax
	mov	%eax, 28(%edi)

	mov	$CR4_PAE + CR4_OSFXSR + CR4_OSXMMEXCPT, %eax
	mov	%eax, %cr4
	mov	$boot_pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	mov	%eax, 8(%edi)
	or	$EFER_LME, %eax
	wrmsr
	mov	$CR0_PG + CR0_WP + CR0_NE + CR0_ET + CR0_MP + CR0_PE, %eax
	mov	%eax, %cr0
	ljmp	$SEL_CODE, $smp_start64

	.code64
smp_start64:
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	mov	%ebx, %edi
	lea	1(%rbx), %eax
	imul	$SMP_STACK_SIZE, %eax, %eax
	lea	smp_stacks(%rax), %rsp
	xor	%ebp, %ebp
	pushf
	pop	%rsi
	call	smp_entry

	.bss
	.balign	4096
smp_stacks:
	.skip	64 * SMP_STACK_SIZE

	.section .note.GNU-stack, "", @progbits
