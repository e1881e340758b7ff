/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the CPU without a moment at which an interrupt could come: how=ac by an exception whose
 * delivery raises it again, how=segment by real-mode code that loads a segment register in a
 * loop, how=movss by MOV SS after MOV SS, each of which puts interrupts off for one instruction.
 */
#include "tests/guest/hostile_starve.h"

#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

#define CODE_16 0x00009b000000ffffull
#define DATA_16 0x000093000000ffffull

static u32 directory[1024] __aligned(4096), table[1024] __aligned(4096);
static u16 sea[2048] __aligned(4096);

static void open_gate(unsigned int vector)
{
	ulong handler = (ulong)starve_user;

	idt[vector].offset_low = (u16)handler;
	idt[vector].offset_mid = (u16)(handler >> 16);
	idt[vector].selector = SEL_USER_CODE;
	idt_set_dpl(vector, 3);
}

/* #UD at privilege 3, on a misaligned stack: each push of a frame is a misaligned access. */
static void by_ac(void)
{
	open_gate(VEC_UD);
	open_gate(VEC_AC);
	write_cr0(read_cr0() | CR0_AM);
	starve_ac();
}

/* All of the address space but its first 4 MiB is one page of MOV SS, EAX. */
static void prepare_sea(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(sea); i++)
		sea[i] = 0xd08e;
	for (u32 i = 0; i < 1024; i++) {
		table[i] = (u32)(ulong)sea | PTE_P | PTE_W;
		directory[i] = (u32)(ulong)table | PTE_P | PTE_W;
	}
	directory[0] = PTE_P | PTE_W | PTE_PS;
	write_cr4(read_cr4() | CR4_PSE);
	write_cr3((ulong)directory);
}

static void in_real_mode(const u8 *code)
{
	gdt[SEL_FREE0 / 8] = CODE_16;
	gdt[SEL_FREE1 / 8] = DATA_16;
	memcpy((void *)STARVE_CODE, starve_image, (size_t)(starve_image_end - starve_image));
	starve_real((u32)(code - starve_image) + STARVE_CODE);
}

void guest_main(void)
{
	tap_diag("spinning");
	if (boot_option_is("how", "ac"))
		by_ac();
	if (boot_option_is("how", "segment"))
		in_real_mode(starve_segment);
	if (boot_option_is("how", "movss")) {
		prepare_sea();
		in_real_mode(starve_movss);
	}
	tap_bail_out("how= is none of the known ways");
}
