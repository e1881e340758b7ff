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

const struct svm_exit_kind svm_exit_kinds[SVM_EXIT_KINDS] = {
	/* CR registers are intercepted by number; the instruction tells which and how. */
	[SVM_EXIT_CR0_READ... SVM_EXIT_CR15_WRITE] = { .kind = EXIT_CR_ACCESS },
	[SVM_EXIT_DR0_WRITE... SVM_EXIT_DR15_WRITE] = { .kind = EXIT_DR_ACCESS },
	[SVM_EXIT_EXCEPTION_0... SVM_EXIT_EXCEPTION_31] = { .kind = EXIT_EXCEPTION, .more = true },
	KIND_MORE(INTR, EXIT_HOST),
	KIND_MORE(NMI, EXIT_HOST),
	KIND_MORE(SMI, EXIT_HOST),
	KIND_MORE(INIT, EXIT_HOST),
	KIND_MORE(VINTR, EXIT_INTR_WINDOW),
	KIND(RDPMC, EXIT_UD),
	KIND(CPUID, EXIT_CPUID),
	KIND_MORE(IRET, EXIT_NMI_WINDOW),
	KIND(INVD, EXIT_NOP),
	KIND(PAUSE, EXIT_PAUSE),
	KIND(HLT, EXIT_HLT),
	KIND(INVLPGA, EXIT_UD),
	KIND_MORE(IOIO, EXIT_IO),
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

void svm_decode_more(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	if (vmcb->exit_int_info & EVENT_VALID)
		svm_decode_event(vmcb, &exit->interrupted);
	switch (vmcb->exit_code) {
	case SVM_EXIT_NPF:
		svm_decode_npf(vmcb, exit);
		break;
	case SVM_EXIT_TASK_SWITCH:
		decode_task_switch(vmcb, exit);
		break;
	case SVM_EXIT_VINTR:
		svm_want_window(vcpu, EVENT_INTR, false);
		break;
	case SVM_EXIT_IRET:
		svm_nmis_leaving(vcpu);
		break;
	default:
		if ((u32)vmcb->exit_code == SVM_EXIT_INVALID_LOW)
			exit->kind = EXIT_ENTRY_FAILED;
		else if (exit->kind == EXIT_EXCEPTION)
			decode_exception(vmcb, exit);
	}
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
