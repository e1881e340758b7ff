/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment and interrupt descriptors: flat segments for both privileges, one TSS, and a gate
 * for each vector.
 */
#include "tests/guest/lib/desc.h"

#include "tests/guest/lib/x86.h"

#define GATE_INTERRUPT 0x8eu
#define GATE_PRESENT 0x80u
#define IST_DOUBLE_FAULT 1u
#define STACK_SIZE 8192u
#define ISR_ENTRY_SIZE 16u

#ifdef __x86_64__
#define CODE_ATTR 0x00af9a000000ffffull
#define USER_CODE_ATTR 0x00affa000000ffffull
#else
#define CODE_ATTR 0x00cf9a000000ffffull
#define USER_CODE_ATTR 0x00cffa000000ffffull
#endif

u64 gdt[GDT_ENTRIES] __aligned(16) = {
	[SEL_CODE / 8] = CODE_ATTR,
	[SEL_DATA / 8] = 0x00cf92000000ffffull,
#ifdef __x86_64__
	[SEL_USER_CODE32 / 8] = 0x00cffa000000ffffull,
#endif
	[SEL_USER_DATA / 8] = 0x00cff2000000ffffull,
	[SEL_USER_CODE / 8] = USER_CODE_ATTR,
	[SEL_CODE32 / 8] = 0x00cf9a000000ffffull,
};

struct idt_gate idt[256] __aligned(4096);
struct tss tss __aligned(16);

_Static_assert(sizeof(struct tss) == 104, "the hardware's format");

static u8 trap_stack[STACK_SIZE] __aligned(16);
#ifdef __x86_64__
static u8 double_fault_stack[STACK_SIZE] __aligned(16);
#endif

extern const char isr_entries[];

void gdt_set_tss(unsigned int selector, const struct tss *which, u32 limit)
{
	u64 base = (uintptr_t)which;
	u64 *entry = &gdt[selector / 8];

	entry[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x89ull << 40 |
		   (u64)(limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
#ifdef __x86_64__
	entry[1] = base >> 32;
#endif
}

static void gate_set(struct idt_gate *gate, uintptr_t handler)
{
	*gate = (struct idt_gate){
		.offset_low = (u16)handler,
		.selector = SEL_CODE,
		.type = GATE_INTERRUPT,
		.offset_mid = (u16)(handler >> 16),
	};
#ifdef __x86_64__
	gate->offset_high = (u32)(handler >> 32);
#endif
}

void idt_set_dpl(unsigned int vector, unsigned int dpl)
{
	idt[vector].type = (u8)((idt[vector].type & ~0x60u) | dpl << 5);
}

void idt_set_present(unsigned int vector, bool present)
{
	idt[vector].type = (u8)((idt[vector].type & ~GATE_PRESENT) | (present ? GATE_PRESENT : 0));
}

void idt_load(void *table)
{
	struct table_ptr ptr = { .limit = sizeof(idt) - 1, .base = (ulong)table };

	lidt(&ptr);
}

void desc_init(void)
{
	struct table_ptr gdt_ptr = { .limit = sizeof(gdt) - 1, .base = (ulong)gdt };

	for (unsigned int i = 0; i < 256; i++)
		gate_set(&idt[i], (uintptr_t)isr_entries + i * ISR_ENTRY_SIZE);
#ifdef __x86_64__
	tss.rsp[0] = (u64)(trap_stack + sizeof(trap_stack));
	tss.ist[IST_DOUBLE_FAULT - 1] = (u64)(double_fault_stack + sizeof(double_fault_stack));
	idt[VEC_DF].ist = IST_DOUBLE_FAULT;
#else
	tss.esp0 = (u32)(trap_stack + sizeof(trap_stack));
	tss.ss0 = SEL_DATA;
#endif
	/* No I/O bitmap: ports are closed to privilege 3. */
	tss.io_map = sizeof(tss);
	gdt_set_tss(SEL_TSS, &tss, sizeof(tss) - 1);
	lgdt(&gdt_ptr);
	idt_load(idt);
	ltr(SEL_TSS);
}
