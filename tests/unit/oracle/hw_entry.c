/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the simulated CPUs enter and leave guests, are kicked out of them, and flush; and what
 * they could still use of what is gone. The entry itself is the kernel's: vcpu_may_enter().
 */
#include "arch/apic.h"
#include "hw.h"
#include "mm/dirty_log.h"
#include "report.h"

struct percpu *cpus[MAX_CPUS];
u32 cpu_count;

struct percpu *this_cpu(void)
{
	return &hw_cpus[sched.current ? sched.current->index : 0].percpu;
}

/* What the hardware does when it is told to flush: everything that is tagged with the space. */
static void flush(struct vcpu *vcpu)
{
	struct hw_cpu *cpu = sched.current->cpu;
	u64 *flushed = &cpu->flushed[vcpu - cpu->vcpus];

	if (*flushed == vcpu->flushed_generation)
		report("WRONG_RESULT", "an entry flushes once more, and nothing was removed");
	*flushed = vcpu->flushed_generation;
	for (u32 i = 0; i < HW_TLB; i++) {
		if (cpu->vcpus[cpu->tlb[i].space].vm == vcpu->vm)
			cpu->tlb[i].leaf = NO_LEAF;
	}
	for (u32 i = 0; i < HW_PSC; i++) {
		if (cpu->vcpus[cpu->psc[i].space].vm == vcpu->vm)
			cpu->psc[i].table = HPA(0);
	}
	report_event("flushes");
}

static const struct backend simulated = { .flush = flush };
const struct backend *backend = &simulated;

void hw_turn(struct hw_cpu *cpu, u32 space)
{
	if (cpu->in_turn && cpu->space == space && (world.config->lazy_cpu || !chance(4))) {
		hw_exit(cpu);
		return;
	}
	hw_leave(cpu);
	cpu->space = space;
	cpu->in_turn = true;
	vcpu_turn_begin(&cpu->vcpus[space]);
}

/* Something is asked of the vCPU, or of its CPU, just now: then it is not to enter. */
static void enter_refused(struct hw_cpu *cpu, struct vcpu *vcpu)
{
	u32 *ask = chance(2) ? &vcpu->requests : &cpu->percpu.attention;

	atomic_store(ask, 1u);
	if (vcpu_may_enter(vcpu))
		report("WRONG_RESULT", "an entry does not look at what is asked of its CPU");
	if (atomic_load(&cpu->percpu.mode) != CPU_HOST)
		report("WRONG_RESULT", "turned away, and says that it is in the guest");
	atomic_store(ask, 0u);
}

void hw_enter(struct hw_cpu *cpu, u32 space)
{
	struct vcpu *vcpu = &cpu->vcpus[space];
	u32 entries;

	if (cpu->in_guest && cpu->space == space)
		return;
	hw_turn(cpu, space);
	if (!world.config->lazy_cpu && chance(16)) {
		enter_refused(cpu, vcpu);
		return;
	}
	entries = atomic_load(&cpu->percpu.entries);
	if (!vcpu_may_enter(vcpu))
		report("WRONG_RESULT", "turned away for nothing");
	if (atomic_load(&cpu->percpu.entries) == entries)
		report("WRONG_RESULT", "an entry that is not told from the last one");
	cpu->in_guest = true;
	report_event("is in the guest");
}

/* The first thing after an exit: what the CPU has listed comes into the logs. */
static void log_written(struct hw_cpu *cpu)
{
	const struct guest_mem *mem = &world.vms[cpu->space].mem;

	for (u32 i = 0; i < cpu->written_count; i++)
		guest_mem_listed(mem, gfn_to_gpa(GFN(cpu->written[i])));
	cpu->written_count = 0;
}

void hw_exit(struct hw_cpu *cpu)
{
	if (!cpu->in_guest)
		return;
	/* Walks that are under way end with the stay in the guest, one way or the other. */
	for (u32 i = 0; i < HW_WALKS; i++)
		cpu->walks[i].busy = false;
	cpu->in_guest = false;
	report_event("leaves the guest");
	atomic_store(&cpu->percpu.mode, (u32)CPU_HOST);
	log_written(cpu);
}

void hw_leave(struct hw_cpu *cpu)
{
	hw_exit(cpu);
	if (!cpu->in_turn)
		return;
	sched.current->look.slots = NULL;
	vcpu_turn_end();
	cpu->in_turn = false;
}

bool hw_stays(struct hw_cpu *cpu)
{
	if (!cpu->in_guest)
		return false;
	/* The kick arrives when it likes to. */
	if (atomic_load(&cpu->nmi) && (world.config->lazy_cpu || chance(3))) {
		atomic_store(&cpu->nmi, 0u);
		hw_exit(cpu);
	}
	return cpu->in_guest;
}

/* The IPI is under way. */
void apic_send_nmi(u32 id)
{
	atomic_xchg(&hw_cpus[id].nmi, 1u);
	report_event("kicks cpu%u", id);
}

/* Can cpu use what it has cached of space, now or after an entry that does not flush? */
static bool usable(const struct hw_cpu *cpu, u32 space)
{
	if (cpu->in_guest && cpu->space == space)
		return true;
	return cpu->vcpus[space].flushed_generation == world.vms[space].tdp.tlb.generation;
}

void hw_check_dead(void)
{
	for (u32 i = 0; i < world.config->cpus; i++) {
		for (u32 j = 0; j < HW_TLB; j++) {
			const struct hw_tlb *entry = &hw_cpus[i].tlb[j];
			const struct leaf *leaf = judge_leaf(entry->leaf);

			if (entry->leaf != NO_LEAF && leaf->dead &&
			    usable(&hw_cpus[i], entry->space))
				report("STALE_USE",
				       "cpu%u can still use a level %u leaf for gfn 0x%lx that %s",
				       i, leaf->level, entry->gfn, leaf->why);
		}
	}
}

/* What a harvest hands on is looked at from then on: no CPU may write there unnoticed. */
void hw_check_unusable(u32 leaf)
{
	for (u32 i = 0; i < world.config->cpus; i++) {
		for (u32 j = 0; j < HW_TLB; j++) {
			const struct hw_tlb *entry = &hw_cpus[i].tlb[j];

			if (entry->leaf == leaf && usable(&hw_cpus[i], entry->space))
				report("LOST_DIRTY",
				       "cpu%u can write unnoticed, and gfn 0x%lx is handed on", i,
				       entry->gfn);
		}
	}
}

static void check_freed(u32 cpu, const struct hw_table *at, hpa_t table)
{
	if (at->table.raw == table.raw && at->incarnation == judge_table(table)->incarnation &&
	    usable(&hw_cpus[cpu], at->space))
		report("FREED_USE", "cpu%u can still walk the level %u table 0x%lx, gfn 0x%lx", cpu,
		       at->level, table.raw, at->gfn);
}

void hw_check_freed(hpa_t table)
{
	for (u32 i = 0; i < world.config->cpus; i++) {
		for (u32 j = 0; j < HW_PSC; j++)
			check_freed(i, &hw_cpus[i].psc[j], table);
		for (u32 j = 0; j < HW_WALKS; j++) {
			if (hw_cpus[i].walks[j].busy)
				check_freed(i, &hw_cpus[i].walks[j].at, table);
		}
	}
}

/* What the vCPU keeps from one exit to the next, until its CPU flushes: where it fetched from. */
static bool memo_has(const struct vcpu *vcpu, u64 pfn, u64 npages)
{
	return vcpu->memo.page && vcpu->memo.rip_page != FETCH_MEMO_NONE &&
	       (ptr_to_hpa(vcpu->memo.page).raw >> PAGE_SHIFT) - pfn < npages;
}

static void check_frames(const struct hw_cpu *cpu, u64 pfn, u64 npages)
{
	for (u32 j = 0; j < HW_TLB; j++) {
		const struct hw_tlb *entry = &cpu->tlb[j];

		if (entry->leaf != NO_LEAF && entry->pfn < pfn + npages &&
		    pfn < entry->pfn + entry->pages && usable(cpu, entry->space))
			report("FREED_USE", "cpu%u can still use pfn 0x%lx as gfn 0x%lx",
			       cpu->percpu.index, entry->pfn, entry->gfn);
	}
	for (u32 space = 0; space < world.config->spaces; space++) {
		if (memo_has(&cpu->vcpus[space], pfn, npages) && usable(cpu, space))
			report("FREED_USE", "cpu%u fetches from frames that are freed",
			       cpu->percpu.index);
	}
}

void hw_check_frames(u64 pfn, u64 npages)
{
	for (u32 i = 0; i < world.config->cpus; i++)
		check_frames(&hw_cpus[i], pfn, npages);
}

void hw_check_made(const struct leaf *leaf)
{
	for (u32 i = 0; i < world.config->cpus; i++) {
		for (u32 j = 0; j < HW_TLB; j++) {
			const struct hw_tlb *entry = &hw_cpus[i].tlb[j];

			if (entry->leaf == NO_LEAF || entry->space != leaf->space ||
			    entry->gfn >= leaf->gfn + leaf->pages ||
			    leaf->gfn >= entry->gfn + entry->pages ||
			    entry->pfn - entry->gfn == leaf->pfn - leaf->gfn ||
			    !usable(&hw_cpus[i], entry->space))
				continue;
			report("LEAF_TO_LEAF", "cpu%u still has pfn 0x%lx for gfn 0x%lx", i,
			       entry->pfn, entry->gfn);
		}
	}
}
