/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside vmx/: what a vCPU and a CPU have there, shared by the files of this folder.
 */
#pragma once

#include "mm/frames.h"
#include "vm/vm.h"
#include "vmx/controls.h"
#include "vmx/vmcs.h"

/* MSRs that neither VMCS nor entry switch: the guest's are in the CPU from load to put. */
#define VMX_SWITCHED_MSRS(MSR) MSR(KERNEL_GS_BASE) MSR(STAR) MSR(LSTAR) MSR(CSTAR) MSR(SFMASK)

enum vmx_switched {
#define MSR(name) SWITCHED_##name,
	VMX_SWITCHED_MSRS(MSR)
#undef MSR
		SWITCHED_COUNT
};

/* One vCPU's control structure and what goes with it. */
struct vmx_vcpu {
	hpa_t vmcs_hpa; /* [const] its own page, the CPU's while it is loaded */
	hpa_t root; /* [self] of the second-level tables */
	u64 *pml; /* [self] the page where the CPU lists what is written */
	u64 vpid_generation; /* [self] of the CPU it runs on; 0: needs a new VPID */
	bool flush; /* [self] INVEPT before the next entry */
	bool launched; /* [self] since it was loaded: VMRESUME, not VMLAUNCH */
	bool refused; /* [self] the last entry ended in VMfail: there was no exit */
	bool intr_window, nmi_window; /* [self] asked for by want_window */
	bool pauses; /* [self] asked for by want_pauses */
	bool injected; /* [self] the next entry delivers an event */
	u8 helper; /* [self] enum apic_helper: what the controls say */
	bool changed; /* [self] restricted: see whether VMX can enter it */
	bool identity; /* [self] restricted: its paging is off, and cr3 is its CR3 */
	u64 cr3; /* [self] */
	u64 efer; /* [self] as the guest has it */
	u64 dr6; /* [self] never in the CPU: all #DB exit */
	u64 cr2; /* [self] while not loaded: the VMCS has no field for it */
	u64 msrs[SWITCHED_COUNT]; /* [self] while not loaded */
};

/* One CPU's part. */
struct vmx_cpu {
	hpa_t vmxon; /* [const] */
	u32 next_vpid; /* [self] */
	u64 vpid_generation; /* [self] starts at 1 */
	const struct vcpu *current; /* [self] whose VMCS is current */
};

extern struct vmx_controls vmx_controls;
extern u64 vmx_cr0_fixed, vmx_cr4_fixed; /* bits of the real CR0 and CR4 that are always on */
extern u64 vmx_cr4_allowed; /* those that may be */
extern u64 vmx_ept_caps; /* MSR_VMX_EPT_VPID */
/*
 * slice: ticks of the preemption timer, of time in the guest, after which it is left in any case.
 * One emulator holds interrupts back while a guest that was entered with IF=0 runs.
 */
extern u32 vmx_revision, vmx_slice;
/* Let the guest read or write msr without an exit. */
enum vmx_bitmap_part { BITMAP_READ = 0, BITMAP_WRITE = 2048 };
void vmx_bitmap_open(u8 *map, u32 msr, enum vmx_bitmap_part part);
extern hpa_t vmx_msr_bitmap; /* shared by all vCPUs: default-closed */
extern struct frame_owner vmx_owner;

static inline struct vmx_vcpu *vmx_of(const struct vcpu *vcpu)
{
	return vcpu->control;
}

static inline bool vmx_has_vpid(void)
{
	return vmx_controls.words[WORD_PROC2] & PROC2_VPID;
}

/* Guests must be protected and paged: see restricted.c. */
static inline bool vmx_restricted(void)
{
	return !(vmx_controls.words[WORD_PROC2] & PROC2_UNRESTRICTED_GUEST);
}

/* vcpu.c: operations of struct backend */
int vmx_vcpu_create(struct vcpu *vcpu);
void vmx_vcpu_destroy(struct vcpu *vcpu);
void vmx_vcpu_reset(struct vcpu *vcpu);
void vmx_set_root(struct vcpu *vcpu, hpa_t root);
void vmx_flush(struct vcpu *vcpu);
void vmx_load(struct vcpu *vcpu);
void vmx_put(struct vcpu *vcpu);

/* state.c */
u64 vmx_get_reg(const struct vcpu *vcpu, enum vreg reg);
void vmx_set_reg(struct vcpu *vcpu, enum vreg reg, u64 value);
void vmx_get_seg(const struct vcpu *vcpu, enum insn_seg seg, struct segment *out);
void vmx_set_seg(struct vcpu *vcpu, enum insn_seg seg, const struct segment *in);
void vmx_set_table(struct vcpu *vcpu, enum table_reg reg, u64 base, u16 limit);
u64 vmx_table_base(const struct vcpu *vcpu, enum table_reg reg);
u16 vmx_table_limit(const struct vcpu *vcpu, enum table_reg reg);
void vmx_get_fetch_state(const struct vcpu *vcpu, struct fetch_state *out);
void vmx_set_tsc_offset(struct vcpu *vcpu, u64 offset);
void vmx_set_pdptes(struct vcpu *vcpu, const u64 *pdptes);

/* event.c */
void vmx_inject(struct vcpu *vcpu, const struct vm_event *event);
bool vmx_can_inject(struct vcpu *vcpu, enum event_kind kind);
void vmx_want_window(struct vcpu *vcpu, enum event_kind kind, bool want);
void vmx_want_pauses(struct vcpu *vcpu, bool want);
/* The control words have just been set, so that none is asked for. */
void vmx_pauses_reset(struct vmx_vcpu *vmx);
void vmx_block_nmis(struct vcpu *vcpu, bool block);
void vmx_clear_shadow(struct vcpu *vcpu);
/* An event in the manual's format, with its error code in a field of its own. */
void vmx_decode_event(u32 info, enum vmcs_field error, struct vm_event *event);

/* apic.c */
/* Which help with local APICs there is, and may be used: log it, and prepare what all vCPUs share. E_NOMEM. */
int vmx_apic_setup(bool help);
/* E_NOMEM. */
int vmx_apic_create(struct vcpu *vcpu);
void vmx_apic_destroy(struct vcpu *vcpu);
/* The control words have just been set, so that software runs it. */
void vmx_apic_reset(struct vcpu *vcpu);
void vmx_set_apic(struct vcpu *vcpu, const struct apic_help *help);

/* run.c, exit.c */
void vmx_run(struct vcpu *vcpu);
void vmx_decode_exit(struct vcpu *vcpu, struct vm_exit *exit);
void vmx_describe_exit(const struct vcpu *vcpu, char *buf, size_t size);

/* check.c: the first rule for guest state that is broken, in words; NULL: all hold. */
const char *vmx_check_guest(char *buf, size_t size);
/* check_segments.c: would VMX take the segment registers as they are? */
bool vmx_segments_fit(void);

/* pml.c */
bool vmx_has_pml(void);
/* The vCPU is loaded: its list is empty. */
void vmx_pml_reset(const struct vmx_vcpu *vmx);
/* What the CPU has listed goes to the dirty log. After each exit while there is one, and when full. */
void vmx_pml_drain(struct vcpu *vcpu);

/* restricted.c */
bool vmx_needs_identity_map(void);
/* The guest's CR0, CR4 or EFER has changed: set what the CPU has in CR3, CR4 and EFER. */
void vmx_update_paging(struct vmx_vcpu *vmx);
/* Can VMX enter it? Looks only when vmx->changed says that it has to. */
bool vmx_fits(struct vcpu *vcpu);
/* It cannot: the exit that says so, with the event that the entry was to deliver. */
void vmx_not_entered(struct vcpu *vcpu, struct vm_exit *exit);

/* enter.S */
enum vmx_entry { ENTRY_EXITED, ENTRY_FAILED, ENTRY_KICKED };
enum vmx_entry vmx_enter(struct vcpu_regs *regs, bool launched);
extern const u8 vmx_exited[], vmx_entry_begin[], vmx_entry_end[], vmx_entry_abort[];
