/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loops of hostile_starve.c that need another privilege or mode.
 */
#include "tests/guest/hostile_starve.h"
#include "tests/guest/lib/bits.h"
#include "tests/guest/lib/desc.h"

#define AT(label) ((label) - starve_image + STARVE_CODE)

	.text
	.code32
	.globl	starve_ac, starve_user, starve_real
starve_ac:
	push	$SEL_USER_DATA
	push	$STARVE_STACK + 1
	push	$FLAGS_AC | FLAGS_IF | 2
	push	$SEL_USER_CODE
	push	$starve_user
	iret
	/* Also what both gates lead to. */
starve_user:
	mov	$STARVE_STACK + 1, %esp
	ud2
	jmp	starve_user

	/* cdecl: the offset */
starve_real:
	mov	4(%esp), %ebx
	cli
	ljmp	$SEL_FREE0, $STARVE_CODE

	.section .rodata
	.globl	starve_image, starve_image_end, starve_segment, starve_movss
starve_image:
	.code16
	mov	$SEL_FREE1, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	%ax, %fs
	mov	%ax, %gs
	mov	%cr0, %eax
	and	$~CR0_PE, %al
	mov	%eax, %cr0
	ljmp	$0, $AT(1f)
1:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$STARVE_STACK, %sp
	jmp	*%bx

starve_segment:
	xor	%ax, %ax
1:	mov	%ax, %ds
	jmp	1b

	/*
	 * FS keeps what protected mode would never have put there, which is more than some CPUs
	 * take of a guest. CR3 and CR4 are ready.
	 */
starve_movss:
	mov	$3, %ax
	mov	%ax, %fs
	mov	%cr0, %eax
	or	$CR0_PE, %al
	mov	%eax, %cr0
	ljmpl	$SEL_CODE, $AT(1f)
	.code32
1:	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%cr0, %ecx
	or	$CR0_PG, %ecx
	mov	%ecx, %cr0
	mov	$STARVE_SEA, %edx
	jmp	*%edx
starve_image_end:

	.section .note.GNU-stack, "", @progbits
