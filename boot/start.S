/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions: multiboot 1 and 2 headers, from 32-bit protected mode without
 * paging to 64-bit long mode at the linked address. A CPU that cannot gets one line on the
 * serial port and the VGA text screen. The tables made here are scaffolding: they map the
 * first 4 GiB, writable and executable, until host_tables_init().
 */
#include "arch/layout.h"

#define PHYS(symbol) ((symbol) - KERNEL_OFFSET)

#define MB1_FLAGS 0x00010003 /* page-aligned modules, memory map, address fields */
#define MB2_MAGIC 0xe85250d6

#define CR0_PE_NE_WP_PG 0x80010021
#define CR0_CD_NW 0x60000000
#define CR4_PAE_BIT 0x20
#define MSR_EFER_NUMBER 0xc0000080
#define EFER_LME_NXE 0x900
#define MSR_APIC_BASE_NUMBER 0x1b
#define MSR_X2APIC_LINT1 0x836
#define LVT_MASKED_NMI 0x10400
#define PTE_P_W 0x03
#define PTE_P_W_LARGE 0x83

	.section .boot.header, "a"
	.balign 8
mb2_header:
	.long MB2_MAGIC, 0, mb2_header_end - mb2_header
	.long -(MB2_MAGIC + (mb2_header_end - mb2_header))
	.balign 8
	.word 6, 0 /* align modules on pages */
	.long 8
	.balign 8
	.word 5, 1 /* a framebuffer is welcome, of any size; optional: text will do as well */
	.long 20, 0, 0, 32
	.balign 8
	.word 0, 0
	.long 8
mb2_header_end:
	.balign 4
mb1_header:
	.long 0x1badb002, MB1_FLAGS, -(0x1badb002 + MB1_FLAGS)
	.long mb1_header, image_start, PHYS(load_end), PHYS(bss_end), start32

	.section .boot.text, "ax"
	.code32
	.globl start32
start32:
	cli
	cld
	movl %eax, %ebp /* loader magic */
	movl %ebx, %esi /* boot information */
	rdtsc
	movl %eax, %ebx

	/* No loader is trusted to have cleared bss: the tables and the stack lie there. */
	movl $PHYS(bss_start), %edi
	movl $PHYS(bss_end), %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl
	movl %ebx, PHYS(boot_tsc)
	movl %edx, PHYS(boot_tsc) + 4
	movl $PHYS(boot_stack_end), %esp

	call check_cpu
	call mask_nmi
nmi_masked: /* from here on tests send some */

	/* One page directory per GiB, 2 MiB pages: 0 to 4 GiB. */
	movl $PHYS(boot_pd), %edi
	movl $PTE_P_W_LARGE, %eax
	xorl %edx, %edx
1:	movl %eax, (%edi)
	movl %edx, 4(%edi)
	addl $8, %edi
	addl $0x200000, %eax
	jnc 1b

	movl $PHYS(boot_pd) + PTE_P_W, %eax
	movl $PHYS(boot_pdpt), %edi
	movl $4, %ecx
2:	movl %eax, (%edi)
	addl $4096, %eax
	addl $8, %edi
	loop 2b
	/* The top 2 GiB: the image lies in their first. */
	movl $PHYS(boot_pd) + PTE_P_W, PHYS(boot_pdpt_image) + 510 * 8

	movl $PHYS(boot_pdpt) + PTE_P_W, %eax
	movl %eax, PHYS(boot_pml4)
	movl %eax, PHYS(boot_pml4) + 256 * 8 /* DIRECT_MAP_BASE */
	movl $PHYS(boot_pdpt_image) + PTE_P_W, PHYS(boot_pml4) + 511 * 8

	movl $CR4_PAE_BIT, %eax
	movl %eax, %cr4
	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $MSR_EFER_NUMBER, %ecx
	rdmsr
	orl $EFER_LME_NXE, %eax
	wrmsr
	movl %cr0, %eax
	andl $~CR0_CD_NW, %eax /* Bochs's firmware leaves the caches off */
	orl $CR0_PE_NE_WP_PG, %eax
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $0x08, $start64_low

	.code64
start64_low:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movabsq $start64_high, %rax
	jmp *%rax

	.code32
/* Returns when the CPU has CPUID, long mode and NX; otherwise says what is missing and stops. */
check_cpu:
	pushfl
	popl %eax
	movl %eax, %ecx
	xorl $0x200000, %eax /* EFLAGS.ID can be toggled where CPUID exists */
	pushl %eax
	popfl
	pushfl
	popl %eax
	xorl %ecx, %eax
	testl $0x200000, %eax
	movl $no_cpuid, %edi
	jz refuse

	movl $0x80000000, %eax
	cpuid
	movl $no_long_mode, %edi
	cmpl $0x80000001, %eax
	jb refuse
	movl $0x80000001, %eax
	cpuid
	movl $no_long_mode, %edi
	btl $29, %edx
	jnc refuse
	movl $no_nx, %edi
	btl $20, %edx
	jnc refuse
	ret

/*
 * Firmware leaves LINT1 of this CPU as an NMI, and until percpu_load() has made an IDT one
 * would reset the machine: mask it. apic_enable() opens it again. CPUs that are started later have
 * it masked by their INIT.
 */
mask_nmi:
	movl $1, %eax
	cpuid
	btl $9, %edx
	jnc 2f
	movl $MSR_APIC_BASE_NUMBER, %ecx
	rdmsr
	btl $11, %eax /* disabled: it passes the pin on, as if it were not there */
	jnc 2f
	btl $10, %eax
	jc 1f
	andl $0xfffff000, %eax
	testl %edx, %edx /* above 4 GiB it cannot be reached without paging */
	jnz 2f
	movl $LVT_MASKED_NMI, 0x360(%eax)
	ret
1:	movl $MSR_X2APIC_LINT1, %ecx
	xorl %edx, %edx
	movl $LVT_MASKED_NMI, %eax
	wrmsr
2:	ret

/* Print the text at edi on COM1 and on the VGA text screen, then halt for good. */
refuse:
	movl $0xb8000, %ebx
	movw $0x3f8 + 3, %dx /* 8N1, 115200, no interrupts */
	movb $0x80, %al
	outb %al, %dx
	movw $0x3f8, %dx
	movb $1, %al
	outb %al, %dx
	incw %dx
	xorb %al, %al
	outb %al, %dx
	movw $0x3f8 + 3, %dx
	movb $3, %al
	outb %al, %dx
1:	movb (%edi), %al
	testb %al, %al
	jz 3f
	movb %al, (%ebx)
	movb $0x07, 1(%ebx)
	addl $2, %ebx
	movb %al, %ah
	movl $100000, %ecx /* a port that is not there must not stop us */
2:	movw $0x3f8 + 5, %dx
	inb %dx, %al
	testb $0x20, %al
	loopz 2b
	movw $0x3f8, %dx
	movb %ah, %al
	outb %al, %dx
	incl %edi
	jmp 1b
3:	cli
	hlt
	jmp 3b

	.section .boot.rodata, "a"
no_cpuid:
	.asciz "Sill: this CPU has no CPUID instruction: a 64-bit CPU is needed. Halted.\r\n"
no_long_mode:
	.asciz "Sill: this CPU has no long mode (64 bit): a 64-bit CPU is needed. Halted.\r\n"
no_nx:
	.asciz "Sill: this CPU has no NX bit, or firmware has disabled it: turn on Execute Disable. Halted.\r\n"
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 08: 64-bit code */
boot_gdt_pointer:
	.word 15
	.long boot_gdt

	.text
	.code64
start64_high:
	leaq boot_stack_end(%rip), %rsp
	movl %ebp, %edi
	movl %esi, %esi
	xorl %ebp, %ebp /* the end of every backtrace */
	call boot_main
1:	cli
	hlt
	jmp 1b

	.bss
	.balign 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pdpt_image: .skip 4096
boot_pd: .skip 4 * 4096
	.globl boot_stack, boot_tsc
boot_tsc: .skip 8 /* the TSC at the first instruction */
	.balign 4096
boot_stack: .skip 16384
boot_stack_end:
