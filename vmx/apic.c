/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APICs that the CPU runs: TPR shadow, APIC-register virtualization and virtual-interrupt
 * delivery. What is to be done comes with each vcpu_update_events() (vm/apic_help.h), and this file
 * has the controls follow. After an exit whose handler may want the APIC it is taken from the CPU.
 * Posted interrupts are not used: who has a request for a running vCPU kicks it, as ever.
 */
#include "arch/cpu.h"
#include "arch/direct_map.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vmx/msrs.h"
#include "vmx/vmx.h"

#define X2APIC_MSR(offset) (MSR_X2APIC + (offset) / 16)

static u32 helps __ro_after_init;
static hpa_t x2apic_bitmap __ro_after_init;

/* What the page has; but for the timer's count, which runs. */
static const struct {
	u16 first, last;
} readable[] = {
	{ 0x20, 0x30 },  { 0x80, 0x80 },   { 0xa0, 0xa0 },   { 0xd0, 0xd0 },
	{ 0xf0, 0x280 }, { 0x300, 0x300 }, { 0x320, 0x380 }, { 0x3e0, 0x3e0 },
};
/* What the CPU does: TPR, EOI, self-IPI. */
static const u16 writable[] = { 0x80, 0xb0, 0x3f0 };

static int make_bitmap(void)
{
	int err = frame_alloc_zeroed(&vmx_owner, &x2apic_bitmap);
	u8 *map;

	if (err)
		return err;
	map = hpa_to_ptr(x2apic_bitmap);
	memcpy(map, hpa_to_ptr(vmx_msr_bitmap), PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(readable); i++) {
		for (u32 at = readable[i].first; at <= readable[i].last; at += 16)
			vmx_bitmap_open(map, X2APIC_MSR(at), BITMAP_READ);
	}
	for (u32 i = 0; i < ARRAY_SIZE(writable); i++)
		vmx_bitmap_open(map, X2APIC_MSR(writable[i]), BITMAP_WRITE);
	return 0;
}

static const char *yes(enum apic_helper helper)
{
	return helps & 1u << helper ? "yes" : "no";
}

int vmx_apic_setup(bool help)
{
	helps = vmx_apic_helps(&vmx_controls);
	if (!help) {
		vmx_apic_forgo(&vmx_controls);
		helps = 0;
	}
	log_info("vmx: local APICs run by the CPU: CR8 %s, x2APIC mode %s%s", yes(APIC_TPR_SHADOW),
		 yes(APIC_X2APIC), help ? "" : " (not used)");
	return helps & 1u << APIC_X2APIC ? make_bitmap() : 0;
}

int vmx_apic_create(struct vcpu *vcpu)
{
	if (!helps)
		return 0;
	vcpu->apic_page = kzalloc(PAGE_SIZE);
	vcpu->apic_helps = helps;
	return vcpu->apic_page ? 0 : E_NOMEM;
}

void vmx_apic_destroy(struct vcpu *vcpu)
{
	kfree(vcpu->apic_page, PAGE_SIZE);
	vcpu->apic_page = NULL;
}

void vmx_apic_reset(struct vcpu *vcpu)
{
	vmx_of(vcpu)->helper = APIC_SOFTWARE;
	if (helps)
		vmcs_write64(VMCS_VIRTUAL_APIC_PAGE, ptr_to_hpa(vcpu->apic_page).raw);
}

/* Other bits of both come and go too. */
static void switch_helper(struct vmx_vcpu *vmx, enum apic_helper helper)
{
	u32 exits = PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING;
	u32 proc = vmcs_read32(VMCS_PROC_CONTROLS) & ~(exits | (u32)PROC_TPR_SHADOW);
	u32 proc2 = vmcs_read32(VMCS_PROC_CONTROLS2) & ~vmx_apic_proc2(APIC_X2APIC);

	proc |= helper == APIC_SOFTWARE ? exits : vmx_apic_proc(helper);
	vmcs_write32(VMCS_PROC_CONTROLS, proc);
	vmcs_write32(VMCS_PROC_CONTROLS2, proc2 | vmx_apic_proc2(helper));
	vmcs_write64(VMCS_MSR_BITMAP,
		     helper == APIC_X2APIC ? x2apic_bitmap.raw : vmx_msr_bitmap.raw);
	vmcs_write32(VMCS_TPR_THRESHOLD, 0);
	vmx->helper = (u8)helper;
}

void vmx_set_apic(struct vcpu *vcpu, const struct apic_help *help)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (vmx->helper != help->helper)
		switch_helper(vmx, help->helper);
	switch (help->helper) {
	case APIC_TPR_SHADOW:
		vmcs_write32(VMCS_TPR_THRESHOLD, help->threshold);
		break;
	case APIC_X2APIC:
		vmcs_write16(VMCS_GUEST_INTR_STATUS,
			     (u16)(help->requested | help->in_service << 8));
		vmcs_write64(VMCS_EOI_EXITS0, help->eoi_exits[0]);
		vmcs_write64(VMCS_EOI_EXITS1, help->eoi_exits[1]);
		vmcs_write64(VMCS_EOI_EXITS2, help->eoi_exits[2]);
		vmcs_write64(VMCS_EOI_EXITS3, help->eoi_exits[3]);
		break;
	default:
		break;
	}
}
