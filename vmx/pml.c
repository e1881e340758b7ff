/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-modification logging: the CPU notes each guest-physical page whose dirty bit it sets in a page of 512 entries, from the last one down, and leaves the guest when that
 * is full. At every exit the entries go to the dirty log; so a CPU that is not in the guest has
 * none left, and who waits for an exit of each has them all. While nothing is logged leaves have
 * their dirty bits set, and there is nothing to note; but for those that an earlier log has left
 * without, so that a page which a halted vCPU has written before a log began may be in its first
 * harvest.
 */
#include "mm/dirty_log.h"
#include "mm/heap.h"
#include "vmx/vmx.h"

#define PML_ENTRIES (PAGE_SIZE / sizeof(u64))
#define PML_EMPTY (u16)(PML_ENTRIES - 1) /* the index of the entry that is written next */

bool vmx_has_pml(void)
{
	return vmx_controls.words[WORD_PROC2] & PROC2_PML;
}

void vmx_pml_reset(const struct vmx_vcpu *vmx)
{
	if (!vmx_has_pml())
		return;
	vmcs_write64(VMCS_PML_ADDRESS, ptr_to_hpa(vmx->pml).raw);
	vmcs_write16(VMCS_GUEST_PML_INDEX, PML_EMPTY);
}

void vmx_pml_drain(struct vcpu *vcpu)
{
	const u64 *entries = vmx_of(vcpu)->pml;
	u16 index = vmcs_read16(VMCS_GUEST_PML_INDEX);

	if (index == PML_EMPTY)
		return;
	/* Full, it has become less than 0. */
	for (u32 i = (u16)(index + 1); i < PML_ENTRIES; i++)
		guest_mem_listed(&vcpu->vm->mem, GPA(entries[i]));
	vmcs_write16(VMCS_GUEST_PML_INDEX, PML_EMPTY);
}
