/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the CPU's exit code to struct vm_exit.
 */
#include "arch/cpu.h"
#include "arch/traps.h"
#include "lib/printf.h"
#include "mm/spte.h"
#include "svm/svm.h"

#define KIND(name, exit_kind) [SVM_EXIT_##name] = { .kind = (exit_kind) }
#define KIND_MORE(name, exit_kind) [SVM_EXIT_##name] = { .kind = (exit_kind), .more = true }

/*
 * more: decode_more() has something to add, if only that an event was being delivered (no
 * instruction that was intercepted can have been running then). NPF lies outside, and has more too.
 */
static const struct {
	u8 kind;
	bool more;
} exit_kinds[] = {
	/* CR registers are intercepted by number; the instruction tells which and how. */
	[SVM_EXIT_CR0_READ... SVM_EXIT_CR15_WRITE] = { .kind = EXIT_CR_ACCESS },
	[SVM_EXIT_DR0_WRITE... SVM_EXIT_DR15_WRITE] = { .kind = EXIT_DR_ACCESS },
	[SVM_EXIT_EXCEPTION_0... SVM_EXIT_EXCEPTION_31] = { .kind = EXIT_EXCEPTION, .more = true },
	KIND_MORE(INTR, EXIT_HOST),
	KIND_MORE(NMI, EXIT_HOST),
	KIND(SMI, EXIT_HOST),
	KIND(INIT, EXIT_HOST),
	KIND_MORE(VINTR, EXIT_INTR_WINDOW),
	KIND(RDPMC, EXIT_UD),
	KIND(CPUID, EXIT_CPUID),
	KIND_MORE(IRET, EXIT_NMI_WINDOW),
	KIND(INVD, EXIT_NOP),
	KIND(PAUSE, EXIT_PAUSE),
	KIND(HLT, EXIT_HLT),
	KIND(INVLPGA, EXIT_UD),
	KIND_MORE(MSR, EXIT_RDMSR),
	KIND_MORE(TASK_SWITCH, EXIT_TASK_SWITCH),
	KIND(SHUTDOWN, EXIT_SHUTDOWN),
	KIND(VMRUN, EXIT_UD),
	KIND(VMMCALL, EXIT_UD),
	KIND(VMLOAD, EXIT_UD),
	KIND(VMSAVE, EXIT_UD),
	KIND(STGI, EXIT_UD),
	KIND(CLGI, EXIT_UD),
	KIND(SKINIT, EXIT_UD),
	KIND(WBINVD, EXIT_NOP),
	KIND(MONITOR, EXIT_UD),
	KIND(MWAIT, EXIT_UD),
	KIND(MWAIT_ARMED, EXIT_UD),
};

static void decode_io(const struct vmcb *vmcb, struct vm_exit *exit)
{
	u64 info = vmcb->exit_info1;

	exit->io.port = IOIO_PORT(info);
	exit->io.size = IOIO_SIZE(info);
	exit->io.in = info & IOIO_IN;
	exit->io.string = info & IOIO_STRING;
	exit->io.rep = info & IOIO_REP;
	exit->insn_len = (u8)(vmcb->exit_info2 - vmcb->rip);
}

static void decode_npf(const struct vmcb *vmcb, struct vm_exit *exit)
{
	u64 info = vmcb->exit_info1;

	exit->kind = EXIT_TDP_FAULT;
	exit->fault.gpa = GPA(vmcb->exit_info2);
	exit->fault.table_walk = info & NPF_TABLE_WALK;
	exit->fault.marked = info & NPF_RESERVED;
	exit->fault.access = ACCESS_READ | (info & NPF_WRITE ? ACCESS_WRITE : 0) |
			     (info & NPF_FETCH ? ACCESS_EXEC : 0);
}

static void decode_task_switch(const struct vmcb *vmcb, struct vm_exit *exit)
{
	u64 info = vmcb->exit_info2;

	exit->task.selector = (u16)vmcb->exit_info1;
	exit->task.has_error = info & TASK_INFO_HAS_ERROR;
	exit->task.error = (u32)info;
	if (info & TASK_INFO_IRET)
		exit->task.by = TASK_IRET;
	else if (info & TASK_INFO_JMP)
		exit->task.by = TASK_JMP;
	else
		exit->task.by = vmcb->exit_int_info & EVENT_VALID ? TASK_GATE : TASK_CALL;
}

static void decode_exception(struct vmcb *vmcb, struct vm_exit *exit)
{
	/* Delivery of #DB clears it, so that the handler can use the debug registers. */
	if (vmcb->exit_code == SVM_EXIT_EXCEPTION_0 + VECTOR_DB)
		vmcb->dr7 &= ~(u64)DR7_GD;
	exit->exception.vector = (u8)(vmcb->exit_code - SVM_EXIT_EXCEPTION_0);
	exit->exception.error = (u32)vmcb->exit_info1;
}

/* What the CPU's code alone does not say. */
static __noinline void decode_more(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct svm_vcpu *svm = svm_of(vcpu);

	if (svm->vmcb->exit_int_info & EVENT_VALID)
		svm_decode_event(svm->vmcb, &exit->interrupted);
	switch (svm->vmcb->exit_code) {
	case SVM_EXIT_NPF:
		decode_npf(svm->vmcb, exit);
		break;
	case SVM_EXIT_MSR:
		if (svm->vmcb->exit_info1)
			exit->kind = EXIT_WRMSR;
		break;
	case SVM_EXIT_TASK_SWITCH:
		decode_task_switch(svm->vmcb, exit);
		break;
	case SVM_EXIT_VINTR:
		svm_want_window(vcpu, EVENT_INTR, false);
		break;
	case SVM_EXIT_IRET:
		svm_nmis_leaving(vcpu);
		break;
	default:
		if ((u32)svm->vmcb->exit_code == SVM_EXIT_INVALID_LOW)
			exit->kind = EXIT_ENTRY_FAILED;
		else if (exit->kind == EXIT_EXCEPTION)
			decode_exception(svm->vmcb, exit);
	}
}

void svm_decode_exit(struct vcpu *vcpu, struct vm_exit *exit)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	u64 code = vmcb->exit_code;

	vcpu->in_shadow = vmcb->interrupt_shadow & SHADOW_ACTIVE;
	exit->cs_base = vmcb->cs.base;
	exit->cr3 = vmcb->cr3;
	exit->insn_len = 0;
	if (svm_has_nrips && vmcb->next_rip - vmcb->rip - 1 < INSN_MAX_LEN)
		exit->insn_len = (u8)(vmcb->next_rip - vmcb->rip);
	exit->interrupted.kind = EVENT_NONE;
	if (code == SVM_EXIT_IOIO) {
		/* The most frequent of those that need more, and among the most frequent at all. */
		exit->kind = EXIT_IO;
		decode_io(vmcb, exit);
		return;
	}
	if (likely(code < ARRAY_SIZE(exit_kinds))) {
		exit->kind = exit_kinds[code].kind;
		if (!exit_kinds[code].more)
			return;
	} else if (likely(code == SVM_EXIT_NPF && !(vmcb->exit_int_info & EVENT_VALID))) {
		decode_npf(vmcb, exit);
		return;
	} else {
		exit->kind = EXIT_UNKNOWN;
	}
	decode_more(vcpu, exit);
}

static const char *exit_name(u64 code)
{
	switch (code) {
#define EXIT(name, number) \
	case number:       \
		return #name;
		SVM_EXITS(EXIT)
#undef EXIT
	default:
		break;
	}
	if (code <= SVM_EXIT_CR15_WRITE)
		return code < 16 ? "CR_READ" : "CR_WRITE";
	if (code >= SVM_EXIT_DR0_WRITE && code <= SVM_EXIT_DR15_WRITE)
		return "DR_WRITE";
	if (code >= SVM_EXIT_EXCEPTION_0 && code <= SVM_EXIT_EXCEPTION_31)
		return "EXCEPTION";
	return (u32)code == SVM_EXIT_INVALID_LOW ? "INVALID" : "?";
}

void svm_describe_exit(const struct vcpu *vcpu, char *buf, size_t size)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	str_printf(buf, size, "%s (%llx)  info %llx %llx", exit_name(vmcb->exit_code),
		   (unsigned long long)vmcb->exit_code, (unsigned long long)vmcb->exit_info1,
		   (unsigned long long)vmcb->exit_info2);
}
