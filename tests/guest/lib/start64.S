/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of the 64-bit guests: from 32-bit protected mode to long mode, with the first 4 GiB
 * mapped one to one by 2 MiB pages for privilege 0, then C.
 */
#include "tests/guest/lib/bits.h"
#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/entry.inc"

	.section .text.start, "ax"
	.code32
	.globl	_start
_start:
	save_boot_state

	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	no_long_mode
	mov	$0x80000001, %eax
	cpuid
	bt	$29, %edx
	jnc	no_long_mode

	movl	$boot_pdpt + 3, boot_pml4
	mov	$boot_pd + 3, %eax
	xor	%ecx, %ecx
1:	mov	%eax, boot_pdpt(, %ecx, 8)
	add	$4096, %eax
	inc	%ecx
	cmp	$4, %ecx
	jb	1b
	mov	$PTE_P + PTE_W + PTE_PS, %eax
	xor	%ecx, %ecx
2:	mov	%eax, boot_pd(, %ecx, 8)
	add	$0x200000, %eax
	inc	%ecx
	cmp	$2048, %ecx
	jb	2b

	mov	$CR4_PAE + CR4_OSFXSR + CR4_OSXMMEXCPT, %eax
	mov	%eax, %cr4
	mov	$boot_pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	$CR0_PG + CR0_WP + CR0_NE + CR0_ET + CR0_MP + CR0_PE, %eax
	mov	%eax, %cr0
	lgdt	gdt_ptr
	ljmp	$SEL_CODE, $start_long_mode

	/* Exit code 127, as of a guest that bails out. */
no_long_mode:
	mov	$127, %al
	out	%al, $PORT_EXIT
3:	cli
	hlt
	jmp	3b

	.code64
start_long_mode:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$boot_stack_top, %rsp
	xor	%ebp, %ebp
	call	guest_start

	.section .rodata
gdt_ptr:
	.word	GDT_ENTRIES * 8 - 1
	.quad	gdt

	.bss
	.balign	4096
	.globl	boot_pml4
boot_pml4:
	.skip	4096
boot_pdpt:
	.skip	4096
boot_pd:
	.skip	4 * 4096

	.section .note.GNU-stack, "", @progbits
