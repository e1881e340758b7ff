/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Without "unrestricted guest" VMX knows no guest without protection or without paging. A guest
 * whose paging is off runs with the CPU's on, on a page directory that maps every address to itself
 * (backend->needs_identity_map); its own CR3 waits here, and accesses to it exit. In real mode, and
 * with segment registers that VMX does not take, it does not run: vm/ executes its instructions
 * until it can be entered.
 */
#include "arch/cpu.h"
#include "vm/guest_e820.h"
#include "vmx/vmx.h"

/* The directory has 32-bit entries, for all privilege levels, of 4 MiB each. */
#define CR4_NOT_FOR_IDENTITY (CR4_PAE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)
#define RIGHTS_TYPE_MASK 15u
#define TYPE_TSS16_BUSY 3u
#define TYPE_TSS64_BUSY 11u
#define CR3_EXITING (u32)(PROC_CR3_LOAD_EXITING | PROC_CR3_STORE_EXITING)

bool vmx_needs_identity_map(void)
{
	return vmx_restricted();
}

static void use_identity(struct vmx_vcpu *vmx, bool use)
{
	u32 controls = vmcs_read32(VMCS_PROC_CONTROLS) & ~CR3_EXITING;

	if (use == vmx->identity)
		return;
	if (use)
		vmx->cr3 = vmcs_read_natural(VMCS_GUEST_CR3);
	vmcs_write_natural(VMCS_GUEST_CR3, use ? GUEST_IDENTITY_MAP : vmx->cr3);
	/* The manual has these in the class of bits that can always be on. */
	vmcs_write32(VMCS_PROC_CONTROLS, controls | (use ? CR3_EXITING : 0));
	vmx->identity = use;
}

/* A CPU can be in long mode with a 16-bit TSS in TR; VMX enters it with a 64-bit one only. */
static void widen_tss(void)
{
	u32 rights = vmcs_read32(VMCS_GUEST_TR_RIGHTS);

	if ((rights & RIGHTS_TYPE_MASK) == TYPE_TSS16_BUSY)
		vmcs_write32(VMCS_GUEST_TR_RIGHTS, rights | TYPE_TSS64_BUSY);
}

void vmx_update_paging(struct vmx_vcpu *vmx)
{
	u64 cr4 = vmcs_read_natural(VMCS_CR4_SHADOW), efer = vmx->efer;
	u32 entry = vmcs_read32(VMCS_ENTRY_CONTROLS) & ~(u32)ENTRY_GUEST_64_BIT;

	use_identity(vmx, vmx_restricted() && !(vmcs_read_natural(VMCS_CR0_SHADOW) & CR0_PG));
	if (vmx->identity) {
		cr4 = (cr4 & ~(u64)CR4_NOT_FOR_IDENTITY) | CR4_PSE;
		efer &= ~(u64)EFER_LME;
	}
	vmcs_write_natural(VMCS_GUEST_CR4, cr4 | vmx_cr4_fixed);
	vmcs_write64(VMCS_GUEST_EFER, efer);
	if (efer & EFER_LMA)
		widen_tss();
	/* The entry control must say what LMA says. */
	vmcs_write32(VMCS_ENTRY_CONTROLS, entry | (efer & EFER_LMA ? ENTRY_GUEST_64_BIT : 0));
}

bool vmx_fits(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	vmcs_write_natural(VMCS_GUEST_RFLAGS, vcpu->regs.rflags);
	vmx->changed = !(vmcs_read_natural(VMCS_CR0_SHADOW) & CR0_PE) || !vmx_segments_fit();
	return !vmx->changed;
}

void vmx_not_entered(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	/* Nobody has looked whether it is still of now, as an entry does. */
	fetch_memo_forget(&vcpu->memo);
	exit->kind = EXIT_EMULATE;
	exit->insn_len = 0;
	exit->cs_base = vmcs_read_natural(VMCS_GUEST_CS_BASE);
	exit->cr3 = vmcs_read_natural(VMCS_GUEST_CR3);
	exit->interrupted.kind = EVENT_NONE;
	if (!vmx->injected)
		return;
	vmx_decode_event(vmcs_read32(VMCS_ENTRY_EVENT), VMCS_ENTRY_EVENT_ERROR, &exit->interrupted);
	vmcs_write32(VMCS_ENTRY_EVENT, 0);
	vmx->injected = false;
}
