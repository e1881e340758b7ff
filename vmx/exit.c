/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the CPU's exit reason to struct vm_exit.
 */
#include "arch/cpu.h"
#include "arch/traps.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "mm/spte.h"
#include "vmx/vmx.h"

#define DR6_CONDITIONS 0xe00full /* what an exit for #DB tells: hits, BD, BS, BT */

#define KIND(name, exit_kind) [VMX_EXIT_##name] = { .kind = (exit_kind) }
#define KIND_MORE(name, exit_kind) [VMX_EXIT_##name] = { .kind = (exit_kind), .more = true }

/* more: decode_more() has something to add, if only that an event was being delivered. */
static const struct {
	u8 kind;
	bool more;
} exit_kinds[] = {
	KIND_MORE(EXCEPTION_NMI, EXIT_EXCEPTION),
	KIND_MORE(INTR, EXIT_HOST),
	KIND_MORE(TRIPLE_FAULT, EXIT_SHUTDOWN),
	KIND(INIT, EXIT_HOST),
	KIND(SIPI, EXIT_HOST),
	KIND_MORE(INTR_WINDOW, EXIT_INTR_WINDOW),
	KIND_MORE(NMI_WINDOW, EXIT_NMI_WINDOW),
	KIND_MORE(TASK_SWITCH, EXIT_TASK_SWITCH),
	KIND(CPUID, EXIT_CPUID),
	KIND(GETSEC, EXIT_UD),
	KIND(HLT, EXIT_HLT),
	KIND(INVD, EXIT_NOP),
	KIND(RDPMC, EXIT_UD),
	KIND(VMCALL, EXIT_UD),
	KIND(VMCLEAR, EXIT_UD),
	KIND(VMLAUNCH, EXIT_UD),
	KIND(VMPTRLD, EXIT_UD),
	KIND(VMPTRST, EXIT_UD),
	KIND(VMREAD, EXIT_UD),
	KIND(VMRESUME, EXIT_UD),
	KIND(VMWRITE, EXIT_UD),
	KIND(VMXOFF, EXIT_UD),
	KIND(VMXON, EXIT_UD),
	KIND(CR_ACCESS, EXIT_CR_ACCESS),
	KIND(DR_ACCESS, EXIT_DR_ACCESS),
	KIND(IO, EXIT_IO),
	KIND(RDMSR, EXIT_RDMSR),
	KIND(WRMSR, EXIT_WRMSR),
	KIND(MWAIT, EXIT_UD),
	KIND(MONITOR, EXIT_UD),
	KIND(PAUSE, EXIT_PAUSE),
	KIND_MORE(TPR_THRESHOLD, EXIT_INTR_WINDOW),
	KIND_MORE(EOI, EXIT_APIC_EOI),
	KIND_MORE(EPT_VIOLATION, EXIT_TDP_FAULT),
	KIND_MORE(EPT_MISCONFIG, EXIT_TDP_FAULT),
	KIND_MORE(PML_FULL, EXIT_HOST),
	KIND(INVEPT, EXIT_UD),
	KIND_MORE(PREEMPTION, EXIT_HOST),
	KIND(INVVPID, EXIT_UD),
	KIND(WBINVD, EXIT_NOP),
	KIND(XSETBV, EXIT_XSETBV),
	KIND_MORE(APIC_WRITE, EXIT_APIC_WRITE),
	KIND(VMFUNC, EXIT_UD),
};

static void decode_io(struct vm_exit *exit)
{
	u64 qual = vmcs_read_natural(VMCS_EXIT_QUALIFICATION);

	exit->io.port = QUAL_IO_PORT(qual);
	exit->io.size = QUAL_IO_SIZE(qual);
	exit->io.in = qual & QUAL_IO_IN;
	exit->io.string = qual & QUAL_IO_STRING;
	exit->io.rep = qual & QUAL_IO_REP;
}

/* An IRET that has let NMIs in again runs once more. */
static void block_again(struct vcpu *vcpu, u64 qual, const struct vm_exit *exit)
{
	if (qual & QUAL_EPT_NMI_UNBLOCKED && exit->interrupted.kind == EVENT_NONE)
		vmx_block_nmis(vcpu, true);
}

static void decode_ept_violation(struct vcpu *vcpu, struct vm_exit *exit)
{
	u64 qual = vmcs_read_natural(VMCS_EXIT_QUALIFICATION);

	exit->fault.gpa = GPA(vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS));
	exit->fault.table_walk = (qual & QUAL_EPT_LINEAR) && !(qual & QUAL_EPT_FINAL);
	exit->fault.access = ACCESS_READ | (qual & QUAL_EPT_WRITE ? ACCESS_WRITE : 0) |
			     (qual & QUAL_EPT_FETCH ? ACCESS_EXEC : 0);
	exit->fault.marked = false;
	block_again(vcpu, qual, exit);
}

/* Only marks look like this to the CPU; it does not tell what the access was. */
static void decode_ept_misconfig(struct vm_exit *exit)
{
	exit->fault.gpa = GPA(vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS));
	exit->fault.access = ACCESS_READ;
	exit->fault.table_walk = false;
	exit->fault.marked = true;
}

/* INT1: the exit came before the instruction had ended, but its #DB is a trap. */
static void skip_int1(struct vcpu *vcpu)
{
	u64 rip = vcpu->regs.rip + vmcs_read32(VMCS_EXIT_INSN_LENGTH);

	vcpu->regs.rip = vmcs_read32(VMCS_GUEST_CS_RIGHTS) & RIGHTS_L ? rip : (u32)rip;
	if (vcpu->in_shadow)
		vmx_clear_shadow(vcpu);
	vcpu->in_shadow = false;
}

/* What the delivery of #DB would have done: say what hit, and give the handler the registers. */
static void decode_debug(struct vcpu *vcpu, u32 type)
{
	vmcs_write_natural(VMCS_GUEST_DR7, vmcs_read_natural(VMCS_GUEST_DR7) & ~(u64)DR7_GD);
	if (type == EVENT_TYPE_INT1) {
		skip_int1(vcpu);
		return;
	}
	vmx_of(vcpu)->dr6 |= vmcs_read_natural(VMCS_EXIT_QUALIFICATION) & DR6_CONDITIONS;
	/* An entry with TF set and in a shadow wants to be told that the step is still to come. */
	if (vcpu->in_shadow && vcpu->regs.rflags & RFLAGS_TF)
		vmcs_write_natural(VMCS_GUEST_PENDING_DEBUG, PENDING_SINGLE_STEP);
}

static void decode_exception(struct vcpu *vcpu, struct vm_exit *exit)
{
	u32 info = vmcs_read32(VMCS_EXIT_EVENT), type = info >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK;

	if (type == EVENT_TYPE_NMI) {
		exit->kind = EXIT_HOST;
		return;
	}
	exit->exception.vector = (u8)info;
	exit->exception.error = info & EVENT_ERROR_VALID ? vmcs_read32(VMCS_EXIT_EVENT_ERROR) : 0;
	if (exit->exception.vector == VECTOR_DB)
		decode_debug(vcpu, type);
}

/* An event that led through a task gate is told as one that was interrupted. */
static void decode_task_switch(u32 vectoring, struct vm_exit *exit)
{
	u64 qual = vmcs_read_natural(VMCS_EXIT_QUALIFICATION);

	exit->task.selector = QUAL_TASK_SELECTOR(qual);
	exit->task.by = QUAL_TASK_BY(qual);
	exit->task.has_error = vectoring & EVENT_VALID && exit->interrupted.has_error;
	exit->task.error = exit->interrupted.error;
	exit->insn_len = (u8)vmcs_read32(VMCS_EXIT_INSN_LENGTH);
}

/* By its reason: what is told elsewhere, and what the CPU wants to be asked for anew. */
static void decode_reason(struct vcpu *vcpu, u32 reason, u32 vectoring, struct vm_exit *exit)
{
	switch (reason) {
	case VMX_EXIT_EPT_VIOLATION:
		decode_ept_violation(vcpu, exit);
		break;
	case VMX_EXIT_PML_FULL:
		vmx_pml_drain(vcpu);
		block_again(vcpu, vmcs_read_natural(VMCS_EXIT_QUALIFICATION), exit);
		break;
	case VMX_EXIT_EPT_MISCONFIG:
		decode_ept_misconfig(exit);
		break;
	case VMX_EXIT_TASK_SWITCH:
		decode_task_switch(vectoring, exit);
		break;
	case VMX_EXIT_PREEMPTION:
		vmcs_write32(VMCS_PREEMPTION_TIMER, vmx_slice);
		break;
	case VMX_EXIT_INTR_WINDOW:
		vmx_want_window(vcpu, EVENT_INTR, false);
		break;
	case VMX_EXIT_EOI:
		exit->apic_vector = (u8)vmcs_read_natural(VMCS_EXIT_QUALIFICATION);
		break;
	case VMX_EXIT_APIC_WRITE:
		exit->apic_offset = vmcs_read_natural(VMCS_EXIT_QUALIFICATION) & 0xfff;
		break;
	case VMX_EXIT_NMI_WINDOW:
		vmx_want_window(vcpu, EVENT_NMI, false);
		break;
	case VMX_EXIT_EXCEPTION_NMI:
		decode_exception(vcpu, exit);
	}
}

/* What the CPU's reason alone does not say. */
static __noinline void decode_more(struct vcpu *vcpu, u32 reason, struct vm_exit *exit)
{
	u32 vectoring = vmcs_read32(VMCS_IDT_VECTORING);

	if (reason & VMX_EXIT_ENTRY_FAILED) {
		exit->kind = EXIT_ENTRY_FAILED;
		if ((u16)reason == VMX_EXIT_MACHINE_CHECK)
			panic("machine check at the entry to vm %s", vcpu->vm->name);
		return;
	}
	if (vectoring & EVENT_VALID)
		vmx_decode_event(vectoring, VMCS_IDT_VECTORING_ERROR, &exit->interrupted);
	if (exit->interrupted.kind == EVENT_NMI)
		vmx_block_nmis(vcpu, false);
	decode_reason(vcpu, reason, vectoring, exit);
}

void vmx_decode_exit(struct vcpu *vcpu, struct vm_exit *exit)
{
	u32 reason = vmcs_read32(VMCS_EXIT_REASON);

	vcpu->in_shadow = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) &
			  (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS);
	exit->cs_base = vmcs_read_natural(VMCS_GUEST_CS_BASE);
	exit->cr3 = vmcs_read_natural(VMCS_GUEST_CR3);
	/* For what is not an instruction it is nonsense, and nobody asks. */
	exit->insn_len = (u8)vmcs_read32(VMCS_EXIT_INSN_LENGTH);
	exit->interrupted.kind = EVENT_NONE;
	if (likely(reason < ARRAY_SIZE(exit_kinds))) {
		exit->kind = exit_kinds[reason].kind;
		if (exit->kind == EXIT_IO)
			decode_io(exit);
		if (!exit_kinds[reason].more)
			return;
		exit->insn_len = 0;
	} else {
		exit->kind = EXIT_UNKNOWN;
	}
	decode_more(vcpu, reason, exit);
}

static const char *exit_name(u32 reason)
{
	switch (reason) {
#define EXIT(name, number) \
	case number:       \
		return #name;
		VMX_EXITS(EXIT)
#undef EXIT
	default:
		return "?";
	}
}

/* The errors that VMLAUNCH and VMRESUME can give. */
static const char *entry_error_name(u32 error)
{
	switch (error) {
	case 4:
		return "VMLAUNCH of a VMCS that is not clear";
	case 5:
		return "VMRESUME of a VMCS that is not launched";
	case 6:
		return "VMRESUME after VMXOFF and VMXON";
	case 7:
		return "invalid control field";
	case 8:
		return "invalid host state";
	case 26:
		return "events blocked by MOV SS";
	default:
		return "not one of an entry";
	}
}

/* What the qualification adds to BAD_STATE. */
static const char *bad_state_name(u64 qualification)
{
	switch (qualification) {
	case 2:
		return " (PDPTEs)";
	case 3:
		return " (NMI while blocked by STI)";
	case 4:
		return " (link pointer)";
	default:
		return "";
	}
}

/* VMfail: no exit, and, if no VMCS is current, not even an error. */
static void describe_refusal(const struct vmx_vcpu *vmx, char *buf, size_t size)
{
	u64 current;
	u32 error;
	char rule[120];

	asm volatile("vmptrst %0" : "=m"(current) : : "cc");
	if (current != vmx->vmcs_hpa.raw) {
		str_printf(buf, size, "VMLAUNCH/VMRESUME refused: its VMCS is not current");
		return;
	}
	error = vmcs_read32(VMCS_INSTRUCTION_ERROR);
	str_printf(buf, size, "VMLAUNCH/VMRESUME refused: error %u (%s)  %s", error,
		   entry_error_name(error),
		   vmx_check_guest(rule, sizeof(rule)) ?: "no rule found broken");
}

void vmx_describe_exit(const struct vcpu *vcpu, char *buf, size_t size)
{
	u64 qualification;
	u32 reason;
	char rule[120];

	if (vmx_of(vcpu)->refused) {
		describe_refusal(vmx_of(vcpu), buf, size);
		return;
	}
	reason = vmcs_read32(VMCS_EXIT_REASON);
	qualification = vmcs_read_natural(VMCS_EXIT_QUALIFICATION);
	if (reason & VMX_EXIT_ENTRY_FAILED) {
		str_printf(buf, size, "%s at entry (%x)  qualification %llx%s  %s",
			   exit_name((u16)reason), reason, (unsigned long long)qualification,
			   (u16)reason == VMX_EXIT_BAD_STATE ? bad_state_name(qualification) : "",
			   vmx_check_guest(rule, sizeof(rule)) ?: "no rule found broken");
		return;
	}
	str_printf(buf, size, "%s (%x)  qualification %llx  last error %u", exit_name(reason),
		   reason, (unsigned long long)qualification, vmcs_read32(VMCS_INSTRUCTION_ERROR));
}
