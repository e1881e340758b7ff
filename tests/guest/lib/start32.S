/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of the 32-bit guests: own segments, then C, with paging off.
 */
#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/entry.inc"

	.section .text.start, "ax"
	.globl	_start
_start:
	save_boot_state
	lgdt	gdt_ptr
	ljmp	$SEL_CODE, $1f
1:	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	xor	%ebp, %ebp
	call	guest_start

	.section .rodata
gdt_ptr:
	.word	GDT_ENTRIES * 8 - 1
	.long	gdt

	.section .note.GNU-stack, "", @progbits
