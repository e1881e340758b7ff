/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to real mode and back, and what runs there. A test finds DS at REAL_DATA, ES at 0, FS
 * with base 0 and a limit of 4 GiB, and writes its results to DS:0 and up.
 */
#include "tests/guest/lib/bits.h"
#include "tests/guest/lib/desc.h"
#include "tests/guest/real.h"

#define AT(label) ((label) - real_image)
#define FLAT(label) (REAL_CODE + AT(label))

	.text
	.code32
	/* cdecl: the test's address, and its offset in the image */
	.globl	real_call
real_call:
	push	%ebp
	push	%ebx
	push	%esi
	push	%edi
	pushf
	mov	24(%esp), %eax
	mov	28(%esp), %ebx
	mov	%esp, FLAT(saved_esp)
	sidt	FLAT(saved_idt)
	cli
	ljmp	$SEL_FREE0, $AT(leave_protected)

	.section .rodata
	.balign	16
	.globl	real_image, real_image_end
real_image:
	.code16
leave_protected:
	mov	$SEL_FREE1, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	%ax, %gs
	mov	$SEL_DATA, %ax
	mov	%ax, %fs
	mov	%cr0, %eax
	and	$~CR0_PE, %al
	mov	%eax, %cr0
	ljmp	$REAL_CODE_SEG, $AT(real_mode)
real_mode:
	mov	$REAL_STACK_SEG, %ax
	mov	%ax, %ss
	mov	$REAL_SP, %sp
	lidtl	%cs:AT(ivt_ptr)
	call	set_vectors
	mov	$REAL_DATA_SEG, %ax
	mov	%ax, %ds
	call	*%bx
	cli
	/* Back. Between PE and the far jump real mode's segments are still there, and work. */
	mov	%cr0, %eax
	or	$CR0_PE, %al
	mov	%eax, %cr0
	movw	$0x1234, %ds:0x80
	push	%ds:0x80
	pop	%ax
	add	%cs:AT(one), %ax
	mov	%ax, %ds:0x82
	call	1f
	jmp	2f
1:	incw	%ds:0x82
	ret
2:	lidtl	%cs:AT(saved_idt)
	ljmpl	$SEL_CODE, $protected_again

one:	.word	1
	.balign	4
ivt_ptr:
	.word	0x3ff
	.long	0
	.balign	4
saved_esp:
	.long	0
saved_idt:
	.word	0
	.long	0

	/* Handlers count in DS:0x40 + 2 * n, with DS at REAL_DATA whatever it is when they run. */
	.macro	vector number, handler
	movw	$AT(\handler), 4 * \number
	movw	$REAL_CODE_SEG, 4 * \number + 2
	.endm
set_vectors:
	push	%ds
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	vector	0, on_de
	vector	1, on_db
	vector	6, on_ud
	vector	13, on_gp
	vector	0x40, on_pit
	vector	0x80, on_int
	pop	%ds
	ret

	/* Count, and go on skip bytes further. */
	.macro	handler name, at, skip
\name:	push	%bp
	push	%ds
	mov	%sp, %bp
	addw	$\skip, 4(%bp)
	mov	$REAL_DATA_SEG, %bp
	mov	%bp, %ds
	incw	%ds:\at
	pop	%ds
	pop	%bp
	iret
	.endm
	handler	on_de, 0x40, 2
	handler	on_db, 0x42, 0
	handler	on_ud, 0x44, 2
	handler	on_gp, 0x46, 3

on_pit:	push	%ax
	mov	$0x20, %al
	out	%al, $0x20
	incw	%cs:AT(pit_count)
	pop	%ax
	iret
pit_count:
	.word	0

	/* Twice AX, and CF. */
on_int:	push	%bp
	mov	%sp, %bp
	pushf
	pop	%ds:0x48
	add	%ax, %ax
	orw	$FLAGS_CF, 6(%bp)
	pop	%bp
	iret

	.macro	test name
	.globl	real_\name
real_\name:
	.endm

	test	nothing
	ret

	test	arithmetic
	mov	$0xfff0, %ax
	add	$0x20, %ax
	mov	%ax, %ds:0
	sbb	%ax, %ax
	mov	%ax, %ds:2
	mov	$1234, %ax
	mov	$5678, %cx
	mul	%cx
	mov	%ax, %ds:4
	mov	%dx, %ds:6
	mov	$1000, %cx
	div	%cx
	mov	%ax, %ds:8
	mov	%dx, %ds:10
	mov	$0x12345678, %eax
	rol	$12, %eax
	mov	%eax, %ds:12
	mov	$0x35, %al
	add	$0x48, %al
	daa
	mov	%al, %ds:16
	mov	$0x8000, %ax
	mov	$3, %cl
	sar	%cl, %ax
	mov	%ax, %ds:18
	xor	%ax, %ax
	mov	$100, %cx
1:	add	%cx, %ax
	loop	1b
	mov	%ax, %ds:20
	ret

	/* Two segments that overlap, so that the copy spreads its first byte; then backwards. */
	test	strings
	push	%ds
	pop	%es
	mov	$REAL_DATA_SEG + 1, %ax
	mov	%ax, %es
	cld
	movw	$0xa55a, %ds:0x100
	mov	$0x100, %si
	mov	$0x0f2, %di
	mov	$14, %cx
	rep movsb
	mov	%si, %ds:0
	mov	%di, %ds:2
	mov	%cx, %ds:4
	std
	mov	$0x10c, %si
	mov	$0x0fe, %di
	mov	$7, %cx
	rep movsw
	mov	%si, %ds:6
	mov	%di, %ds:8
	cld
	mov	$0xffff, %ax
	mov	$0x200, %di
	mov	$16, %cx
	rep stosw
	movb	$0x7e, %es:0x213
	mov	$0x7e, %al
	mov	$0x200, %di
	mov	$0x100, %cx
	repne scasb
	mov	%di, %ds:10
	mov	%cx, %ds:12
	ret

	test	far
	mov	%sp, %dx
	push	$3
	push	$4
	lcall	$REAL_CODE_SEG, $AT(far_add)
	mov	%ax, %ds:0
	sub	%sp, %dx
	mov	%dx, %ds:2
	/* The same place by another segment, through memory. */
	movw	$AT(far_cs) - 0x10, %ds:0x20
	movw	$REAL_CODE_SEG + 1, %ds:0x22
	lcall	*%ds:0x20
	mov	%ax, %ds:4
	ret
far_add:
	mov	%sp, %bp
	mov	4(%bp), %ax
	add	6(%bp), %ax
	lret	$4
far_cs:	mov	%cs, %ax
	lret

	test	int
	mov	$21, %ax
	sti
	clc
	int	$0x80
	mov	%ax, %ds:0
	pushf
	pop	%ds:2
	cli
	ret

	test	flags
	pushf
	pop	%ax
	mov	%ax, %ds:0
	push	$FLAGS_CF | FLAGS_DF | FLAGS_OF | 0x7000
	popf
	pushf
	pop	%ds:2
	pushl	$0x240002
	popfl
	pushfl
	popl	%ds:4
	push	$2
	popf
	ret

	/* Addresses, string indexes and the stack pointer go round at 64 KiB. */
	test	wrap
	movb	$0x77, %ds:0x11
	mov	$0xffff, %bx
	mov	$0x12, %si
	mov	(%bx, %si), %al
	mov	%al, %ds:0
	movb	$0x88, %ds:0xffff
	mov	$0xffff, %si
	lodsb
	mov	%al, %ds:1
	mov	%si, %ds:2
	mov	%sp, %dx
	xor	%sp, %sp
	push	$0x4567
	mov	%sp, %ds:4
	mov	%ss:0xfffe, %ax
	pop	%cx
	mov	%sp, %ds:6
	mov	%dx, %sp
	mov	%ax, %ds:8
	ret

	test	limit
	mov	%ds:0xffff, %ax
	ret

	/* ebx: an address above 1 MiB, the argument's place in the data */
	test	unreal
	mov	%ds:0x20, %ebx
	addr32 movl %fs:(%ebx), %eax
	mov	%eax, %ds:0
	addr32 movl $0x600dbeef, %fs:4(%ebx)
	/* Another base, and the limit stays. */
	mov	$0x10, %ax
	mov	%ax, %fs
	addr32 movl %fs:-0x100(%ebx), %eax
	mov	%eax, %ds:4
	ret

	test	ports
	mov	$0xfe, %al
	out	%al, $0x21
	in	$0x21, %al
	mov	%al, %ds:0
	movw	$0x55aa, %ds:0x20
	mov	$0x20, %si
	mov	$2, %cx
	mov	$0x21, %dx
	cld
	rep outsb
	mov	%si, %ds:2
	push	%ds
	pop	%es
	mov	$4, %di
	insb
	mov	%di, %ds:6
	mov	$0xff, %al
	out	%al, %dx
	ret

	test	cpuid
	xor	%eax, %eax
	cpuid
	mov	%ebx, %ds:0
	mov	%ecx, %ds:4
	mov	%edx, %ds:8
	ret

	test	hlt
	movw	$0, %cs:AT(pit_count)
1:	sti
	hlt
	cli
	incw	%ds:2
	cmpw	$0, %cs:AT(pit_count)
	je	1b
	mov	%cs:AT(pit_count), %ax
	mov	%ax, %ds:0
	ret

	test	faults
	mov	$5, %ax
	xor	%bl, %bl
	div	%bl
	mov	$0x7fff, %ax
	mov	$1, %bl
	idiv	%bl
	ud2
	mov	%ax, %ds:0
	ret

#include "tests/guest/real_msr.inc"

	/* TF is set behind the POPF, and traps after each of two NOPs and the POPF that ends it. */
	test	steps
	push	$2
	push	$2 | FLAGS_TF
	popf
	nop
	nop
	popf
	nop
	ret
real_image_end:

	.text
	.code32
protected_again:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	FLAT(saved_esp), %esp
	popf
	pop	%edi
	pop	%esi
	pop	%ebx
	pop	%ebp
	ret

	.section .note.GNU-stack, "", @progbits
