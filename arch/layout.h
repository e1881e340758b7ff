/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's virtual address space, for C and assembly.
 *
 *	0                    empty; while CPUs start, the one page of the AP trampoline
 *	ffff8000_00000000    direct map of all memory, never executable
 *	ffffc000_00000000    device registers, uncached; the framebuffer, write-combining
 *	ffffd000_00000000    stacks, each with an unmapped page below it
 *	ffffffff_80000000    the image
 */
#pragma once

#define KERNEL_OFFSET 0xffffffff80000000
#define LAYOUT_DIRECT_MAP 0xffff800000000000
#define LAYOUT_IO 0xffffc00000000000
#define LAYOUT_STACKS 0xffffd00000000000

/* Selectors of every CPU's GDT. */
#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_TSS 0x18
