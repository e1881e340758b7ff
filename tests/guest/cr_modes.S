/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways out of 64-bit mode and back: through compatibility mode to paging off, then to what the
 * caller asks for, and back with the caller's CR3, CR4 and EFER.
 */
#include "tests/guest/lib/bits.h"
#include "tests/guest/lib/desc.h"

	.text

	/* From 64-bit mode to 32-bit protected mode, paging off, long mode off, CR4.PAE off. */
	.macro	leave_long_mode
	push	%rbx
	push	%rbp
	mov	%rsp, saved_rsp
	mov	%cr3, %rax
	mov	%rax, saved_cr3
	mov	%cr4, %rax
	mov	%rax, saved_cr4
	ljmp	*1f
	.section .rodata
1:	.long	2f
	.word	SEL_CODE32
	.text
	.code32
2:	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	mov	$MSR_EFER, %ecx
	rdmsr
	and	$~EFER_LME, %eax
	wrmsr
	mov	%cr4, %eax
	and	$~CR4_PAE, %eax
	mov	%eax, %cr4
	.endm

	/* Back, from paging off; returns esi to the C caller. */
	.macro	enter_long_mode
	mov	saved_cr4, %eax
	mov	%eax, %cr4
	mov	saved_cr3, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0
	ljmp	$SEL_CODE, $3f
	.code64
3:	mov	saved_rsp, %rsp
	pop	%rbp
	pop	%rbx
	mov	%esi, %eax
	ret
	.endm

	.macro	paging_off
	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	.endm

	.macro	paging_on
	mov	%edi, %cr3
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0
	.endm

	.globl	mode_trip_unpaged
mode_trip_unpaged:
	leave_long_mode
	xor	%eax, %eax
	cpuid
	mov	%eax, %esi
	enter_long_mode

	.globl	mode_trip_cr0_flags
mode_trip_cr0_flags:
	leave_long_mode
	mov	%cr0, %esi
	enter_long_mode

	/* edi: CR3, esi: address */
	.globl	mode_trip_32
mode_trip_32:
	leave_long_mode
	mov	%cr4, %eax
	or	$CR4_PSE, %eax
	mov	%eax, %cr4
	paging_on
	mov	(%esi), %esi
	/* An exit while 32-bit paging is on. */
	xor	%eax, %eax
	cpuid
	paging_off
	enter_long_mode

	.globl	mode_trip_pae
mode_trip_pae:
	leave_long_mode
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	paging_on
	mov	(%esi), %esi
	xor	%eax, %eax
	cpuid
	paging_off
	enter_long_mode

	/*
	 * edi: a pointer for LIDT whose #GP leads to tss16_refused. With a 16-bit TSS in TR, of
	 * SEL_FREE0, to long mode; 0 when it is entered, else 1, and entered with the 32-bit TSS of
	 * SEL_FREE1.
	 */
	.globl	mode_trip_tss16, tss16_refused
mode_trip_tss16:
	leave_long_mode
	lidt	(%edi)
	mov	$SEL_FREE0, %eax
	ltr	%ax
	xor	%esi, %esi
tss16_enter:
	enter_long_mode
	.code32
tss16_refused:
	mov	saved_rsp, %esp
	mov	$SEL_FREE1, %eax
	ltr	%ax
	inc	%esi
	jmp	tss16_enter

	.bss
	.balign	8
saved_rsp:
	.skip	8
saved_cr3:
	.skip	8
saved_cr4:
	.skip	8

	.section .note.GNU-stack, "", @progbits
