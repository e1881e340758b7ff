/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry and one exit. Translations are tagged with the ASID; each CPU hands out ASIDs of its
 * own and starts over, with a full flush, when they are used up. A vCPU that must forget its
 * translations, or comes from another CPU (vm/ then calls svm_flush), simply gets a new one.
 */
#include "arch/cpu.h"
#include "svm/svm.h"
#include "vm/turn.h"

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

/*
 * Returns the vCPU: of the general registers the world switch leaves only RDI as it was, and the
 * compiler, which is told, need not fetch it from elsewhere.
 */
static __forceinline struct vcpu *switch_worlds(struct vcpu *vcpu, hpa_t vmcb, hpa_t host_vmcb)
{
	u64 guest, host;

	_Static_assert(!offsetof(struct vcpu, regs), "RDI points to both");
	asm volatile("call svm_enter"
		     : "=a"(guest), "=S"(host), "+D"(vcpu)
		     : "0"(vmcb.raw), "1"(host_vmcb.raw)
		     : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
		       "memory", "cc");
	return vcpu;
}

static __noinline void not_entered(struct vm_exit *exit)
{
	set_gif(true);
	exit->kind = EXIT_HOST;
	exit->interrupted.kind = EVENT_NONE;
}

/*
 * The save area holds anything now: what the guest had is in vcpu->regs. Nor can it be told whether
 * the flush took place: the next ASID starts with one.
 */
static __noinline void refused(void)
{
	struct svm_cpu *cpu = this_cpu()->backend;

	cpu->next_asid = cpu->max_asid + 1;
}

static __forceinline void decode_io(const struct vmcb *vmcb, struct vm_exit *exit)
{
	u64 info = vmcb->exit_info1;

	exit->io.port = IOIO_PORT(info);
	exit->io.size = IOIO_SIZE(info);
	exit->io.in = info & IOIO_IN;
	exit->io.string = info & IOIO_STRING;
	exit->io.rep = info & IOIO_REP;
	exit->insn_len = (u8)(vmcb->exit_info2 - vmcb->rip);
}

static __forceinline void decode(struct vcpu *vcpu, struct vmcb *vmcb, struct vm_exit *exit)
{
	u64 code = vmcb->exit_code;

	vcpu->in_shadow = vmcb->interrupt_shadow & SHADOW_ACTIVE;
	exit->cs_base = vmcb->cs.base;
	exit->cr3 = vmcb->cr3;
	exit->insn_len = 0;
	if (svm_has_nrips && vmcb->next_rip - vmcb->rip - 1 < INSN_MAX_LEN)
		exit->insn_len = (u8)(vmcb->next_rip - vmcb->rip);
	exit->interrupted.kind = EVENT_NONE;
	if (likely(code < SVM_EXIT_KINDS)) {
		exit->kind = svm_exit_kinds[code].kind;
		if (likely(!svm_exit_kinds[code].more))
			return;
	} else {
		exit->kind = EXIT_UNKNOWN;
	}
	if (code == SVM_EXIT_MSR)
		exit->kind = vmcb->exit_info1 ? EXIT_WRMSR : EXIT_RDMSR;
	else if (code == SVM_EXIT_IOIO)
		decode_io(vmcb, exit);
	else if (likely(code == SVM_EXIT_NPF && !(vmcb->exit_int_info & EVENT_VALID)))
		svm_decode_npf(vmcb, exit);
	else if (exit->kind != EXIT_HOST || unlikely(vmcb->exit_int_info & EVENT_VALID))
		svm_decode_more(vcpu, exit);
}

/* After an exit. */
static __forceinline void leave(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	atomic_store(&this_cpu()->mode, (u32)CPU_HOST);
	set_gif(true);
	if (likely((u32)vmcb->exit_code != SVM_EXIT_INVALID_LOW)) {
		vcpu->regs.gpr[GPR_RAX] = vmcb->rax;
		vcpu->regs.gpr[GPR_RSP] = vmcb->rsp;
		vcpu->regs.rip = vmcb->rip;
		vcpu->regs.rflags = vmcb->rflags;
	} else {
		refused();
	}
	vmcb->event_inj = 0;
	decode(vcpu, vmcb, exit);
}

/* What is seldom: breakpoints that are on (see arm() in state.c), and a TPR that the CPU has. */
static __noinline struct vcpu *enter_with_more(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct svm_vcpu *svm = svm_of(vcpu);
	struct svm_cpu *cpu = this_cpu()->backend;

	if (svm->armed)
		write_dr7(svm->armed);
	vcpu = switch_worlds(vcpu, svm->vmcb_hpa, cpu->host_vmcb);
	svm = svm_of(vcpu);
	if (svm->armed)
		write_dr7(DR7_FIXED_1);
	leave(vcpu, exit);
	if (svm->has_tpr)
		svm_apic_exited(vcpu, exit);
	return vcpu;
}

static __forceinline struct vcpu *enter(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct svm_cpu *cpu = this_cpu()->backend;
	struct svm_vcpu *svm = svm_of(vcpu);
	struct vmcb *vmcb = svm->vmcb;

	set_gif(false);
	if (unlikely(!vcpu_may_enter(vcpu))) {
		not_entered(exit);
		return vcpu;
	}
	asid_assign(svm, vmcb, cpu);
	vmcb->rax = vcpu->regs.gpr[GPR_RAX];
	vmcb->rsp = vcpu->regs.gpr[GPR_RSP];
	vmcb->rip = vcpu->regs.rip;
	vmcb->rflags = vcpu->regs.rflags;
	if (unlikely(svm->more))
		return enter_with_more(vcpu, exit);
	vcpu = switch_worlds(vcpu, svm->vmcb_hpa, cpu->host_vmcb);
	leave(vcpu, exit);
	return vcpu;
}

void svm_run(struct vcpu *vcpu)
{
	vcpu_turn(vcpu, enter);
}
