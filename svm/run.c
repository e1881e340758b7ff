/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry and one exit. Translations are tagged with the ASID; each CPU hands out ASIDs of its
 * own and starts over, with a full flush, when they are used up. A vCPU that must forget its
 * translations, or comes from another CPU (vm/ then calls svm_flush), simply gets a new one.
 */
#include "arch/cpu.h"
#include "svm/svm.h"

static void asid_assign(struct svm_vcpu *svm, struct vmcb *vmcb, struct svm_cpu *cpu)
{
	vmcb->tlb_control = TLB_FLUSH_NONE;
	if (likely(svm->asid_generation == cpu->asid_generation))
		return;
	if (cpu->next_asid > cpu->max_asid) {
		cpu->next_asid = 1;
		cpu->asid_generation++;
		vmcb->tlb_control = TLB_FLUSH_ALL;
	}
	vmcb->asid = cpu->next_asid++;
	svm->asid_generation = cpu->asid_generation;
}

static inline void set_gif(bool on)
{
	if (on)
		asm volatile("stgi" : : : "memory");
	else
		asm volatile("clgi" : : : "memory");
}

/* The guest has breakpoints on: see arm() in state.c. */
static __noinline void enter_armed(struct vcpu *vcpu, struct svm_cpu *cpu)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	write_dr7(svm->armed);
	svm_enter(svm->vmcb_hpa.raw, cpu->host_vmcb.raw, &vcpu->regs);
	write_dr7(DR7_FIXED_1);
}

void svm_run(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	struct svm_cpu *cpu = this_cpu()->backend;
	struct vmcb *vmcb = svm->vmcb;

	set_gif(false);
	if (unlikely(!vcpu_may_enter(vcpu))) {
		set_gif(true);
		exit->kind = EXIT_HOST;
		exit->interrupted.kind = EVENT_NONE;
		return;
	}
	asid_assign(svm, vmcb, cpu);
	vmcb->rax = vcpu->regs.gpr[GPR_RAX];
	vmcb->rsp = vcpu->regs.gpr[GPR_RSP];
	vmcb->rip = vcpu->regs.rip;
	vmcb->rflags = vcpu->regs.rflags;

	if (unlikely(svm->armed))
		enter_armed(vcpu, cpu);
	else
		svm_enter(svm->vmcb_hpa.raw, cpu->host_vmcb.raw, &vcpu->regs);

	atomic_store(&this_cpu()->mode, (u32)CPU_HOST);
	set_gif(true);
	/*
	 * After a refused entry the save area holds anything: what the guest had is in vcpu->regs.
	 */
	if (likely((u32)vmcb->exit_code != SVM_EXIT_INVALID_LOW)) {
		vcpu->regs.gpr[GPR_RAX] = vmcb->rax;
		vcpu->regs.gpr[GPR_RSP] = vmcb->rsp;
		vcpu->regs.rip = vmcb->rip;
		vcpu->regs.rflags = vmcb->rflags;
	} else {
		/*
		 * Nor can it be told whether the flush took place: the next ASID starts with one.
		 */
		cpu->next_asid = cpu->max_asid + 1;
	}
	vmcb->event_inj = 0;
	svm_decode_exit(vcpu, exit);
}
