/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU areas and the descriptor tables in them; in debug builds also the check of the
 * lock order, which is kept per CPU.
 */
#include "arch/percpu.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/lock.h"
#include "arch/traps.h"
#include "lib/log.h"

#define GDT_CODE64 0x00af9b000000ffffull
#define GDT_DATA 0x00cf93000000ffffull
#define TSS_AVAILABLE 0x89ull

struct percpu *cpus[MAX_CPUS];
u32 cpu_count = 1;

struct table_pointer {
	u16 limit;
	u64 base;
} __packed;

static void gdt_fill(struct percpu *cpu)
{
	u64 base = (u64)&cpu->tss;

	cpu->gdt[0] = 0;
	cpu->gdt[SEL_CODE64 / 8] = GDT_CODE64;
	cpu->gdt[SEL_DATA / 8] = GDT_DATA;
	cpu->gdt[SEL_TSS / 8] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 |
				TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
	cpu->gdt[SEL_TSS / 8 + 1] = base >> 32;
}

static void set_stacks(struct percpu *cpu)
{
	cpu->tss.rsp[0] = cpu->stacks[STACK_MAIN].top;
	for (u32 i = STACK_DF; i < STACK_COUNT; i++)
		cpu->tss.ist[i - 1] = cpu->stacks[i].top;
}

void percpu_load(struct percpu *cpu)
{
	struct table_pointer gdt_pointer = { sizeof(cpu->gdt) - 1, (u64)cpu->gdt };
	struct table_pointer idt_pointer = { sizeof(idt) - 1, (u64)idt };

	gdt_fill(cpu);
	set_stacks(cpu);
	cpu->tss.iomap_base = sizeof(struct tss);
	asm volatile("lgdt %0\n\t"
		     "pushq %1\n\t"
		     "leaq 1f(%%rip), %%rax\n\t"
		     "pushq %%rax\n\t"
		     "lretq\n"
		     "1:\n\t"
		     "movl %2, %%ss\n\t"
		     "movl %3, %%ds\n\t"
		     "movl %3, %%es\n\t"
		     "movl %3, %%fs\n\t"
		     "movl %3, %%gs\n\t"
		     "ltr %w4"
		     :
		     : "m"(gdt_pointer), "i"(SEL_CODE64), "r"(SEL_DATA), "r"(0), "r"(SEL_TSS)
		     : "rax", "memory");
	wrmsr(MSR_GS_BASE, (u64)cpu);
	/* Last: from here on a trap finds all it needs. */
	asm volatile("lidt %0" : : "m"(idt_pointer));
}

void percpu_load_stacks(struct percpu *cpu)
{
	set_stacks(cpu);
}

#ifdef SILL_DEBUG
void lock_order_acquire(const struct spinlock *lock)
{
	struct percpu *cpu = this_cpu();

	if (cpu->lock_depth && cpu->lock_ranks[cpu->lock_depth - 1] >= lock->rank &&
	    lock->rank != LOCK_LOG)
		panic("lock order: rank %u taken while %u is held", lock->rank,
		      cpu->lock_ranks[cpu->lock_depth - 1]);
	if (cpu->lock_depth < ARRAY_SIZE(cpu->lock_ranks))
		cpu->lock_ranks[cpu->lock_depth] = lock->rank;
	cpu->lock_depth++;
}

void lock_order_release(const struct spinlock *lock)
{
	struct percpu *cpu = this_cpu();

	if (!cpu->lock_depth)
		panic("lock order: rank %u released but none is held", lock->rank);
	cpu->lock_depth--;
}
#endif
