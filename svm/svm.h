/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside svm/: what a vCPU and a CPU have there, shared by the files of this folder.
 */
#pragma once

#include "mm/frames.h"
#include "svm/vmcb.h"
#include "vm/vm.h"

/*
 * From an NMI to the end of the IRET that ends its handling no other one is delivered. The CPU
 * tells only when the IRET begins: it has ended when the vCPU is elsewhere.
 */
enum svm_nmis { NMIS_OPEN, NMIS_BLOCKED, NMIS_LEAVING };

/* One vCPU's control block and what goes with it. */
struct svm_vcpu {
	struct vmcb *vmcb; /* [self] its own page */
	hpa_t vmcb_hpa; /* [const] */
	u64 asid_generation; /* [self] of the CPU it runs on; 0: needs a new ASID */
	u64 cr4; /* [self] as the guest has it */
	u64 armed; /* [self] DR7 while its breakpoints are on; 0: none are */
	bool more; /* [self] armed or has_tpr is set */
	bool has_tpr; /* [self] CR8 is not intercepted, but in V_TPR */
	bool intr_window; /* [self] asked for by want_window */
	enum svm_nmis nmis; /* [self] */
	u64 iret_rip, iret_rsp; /* [self] in NMIS_LEAVING, of the IRET */
};

/* One CPU's part. */
struct svm_cpu {
	hpa_t hsave, host_vmcb; /* [const] */
	u32 next_asid, max_asid; /* [self] */
	u64 asid_generation; /* [self] starts at 1 */
	u64 tsc_ratio; /* [self] of its guests' TSCs, see guest_tsc.h; 0: not set yet */
};

extern hpa_t svm_iopm, svm_msrpm; /* shared by all vCPUs: default-closed */
extern bool svm_has_nrips, svm_has_flush_by_asid;
extern struct frame_owner svm_owner;

static inline struct svm_vcpu *svm_of(const struct vcpu *vcpu)
{
	return vcpu->control;
}

static inline struct vmcb *vmcb_of(const struct vcpu *vcpu)
{
	return svm_of(vcpu)->vmcb;
}

/* vcpu.c: operations of struct backend */
int svm_vcpu_create(struct vcpu *vcpu);
void svm_vcpu_destroy(struct vcpu *vcpu);
void svm_vcpu_reset(struct vcpu *vcpu);
void svm_set_root(struct vcpu *vcpu, hpa_t root);
void svm_flush(struct vcpu *vcpu);

/* state.c */
u64 svm_get_reg(const struct vcpu *vcpu, enum vreg reg);
void svm_set_reg(struct vcpu *vcpu, enum vreg reg, u64 value);
void svm_get_seg(const struct vcpu *vcpu, enum insn_seg seg, struct segment *out);
void svm_set_seg(struct vcpu *vcpu, enum insn_seg seg, const struct segment *in);
void svm_set_table(struct vcpu *vcpu, enum table_reg reg, u64 base, u16 limit);
u64 svm_table_base(const struct vcpu *vcpu, enum table_reg reg);
u16 svm_table_limit(const struct vcpu *vcpu, enum table_reg reg);
void svm_get_fetch_state(const struct vcpu *vcpu, struct fetch_state *out);
void svm_set_tsc_offset(struct vcpu *vcpu, u64 offset);

/* event.c */
void svm_inject(struct vcpu *vcpu, const struct vm_event *event);
bool svm_can_inject(struct vcpu *vcpu, enum event_kind kind);
void svm_want_window(struct vcpu *vcpu, enum event_kind kind, bool want);
void svm_want_pauses(struct vcpu *vcpu, bool want);
void svm_block_nmis(struct vcpu *vcpu, bool block);
void svm_clear_shadow(struct vcpu *vcpu);
/* An IRET with NMIs blocked is about to run. */
void svm_nmis_leaving(struct vcpu *vcpu);
/* What a valid EXITINTINFO says was being delivered when the exit came. */
void svm_decode_event(const struct vmcb *vmcb, struct vm_event *event);

/* apic.c */
/* May the CPU help with local APICs? Logged. */
void svm_apic_setup(bool help);
/* E_NOMEM. */
int svm_apic_create(struct vcpu *vcpu);
void svm_apic_destroy(struct vcpu *vcpu);
void svm_set_apic(struct vcpu *vcpu, const struct apic_help *help);
/* After an exit while CR8 is in V_TPR. */
void svm_apic_exited(struct vcpu *vcpu, const struct vm_exit *exit);

/* run.c, exit.c */
void svm_run(struct vcpu *vcpu);
/*
 * What the CPU's exit codes are. more: svm_decode_more() has something to add, if only that an
 * event was being delivered (no instruction that was intercepted can have been running then). NPF
 * lies outside, and has more too.
 */
struct svm_exit_kind {
	u8 kind;
	bool more;
};
#define SVM_EXIT_KINDS (SVM_EXIT_MWAIT_ARMED + 1u)
extern const struct svm_exit_kind svm_exit_kinds[SVM_EXIT_KINDS];
static inline void svm_decode_npf(const struct vmcb *vmcb, struct vm_exit *exit)
{
	u64 info = vmcb->exit_info1;

	exit->kind = EXIT_TDP_FAULT;
	exit->fault.gpa = GPA(vmcb->exit_info2);
	exit->fault.table_walk = info & NPF_TABLE_WALK;
	exit->fault.marked = info & NPF_RESERVED;
	exit->fault.access = ACCESS_READ | (info & NPF_WRITE ? ACCESS_WRITE : 0) |
			     (info & NPF_FETCH ? ACCESS_EXEC : 0);
}
/* What the code alone does not say. */
void svm_decode_more(struct vcpu *vcpu, struct vm_exit *exit);
void svm_describe_exit(const struct vcpu *vcpu, char *buf, size_t size);

/* enter.S. Not for C to call: see there. */
extern const u8 svm_enter[];
