/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations a CPU back end (svm/, vmx/) provides. One table each, chosen once at
 * start-up. Operations never call mm/; all policy lives above them.
 */
#pragma once

#include "lib/addr.h"
#include "vm/apic_help.h"
#include "vm/exit.h"
#include "vm/insn.h"
#include "vm/paging.h"
#include "vm/regs.h"

struct tdp_config;
struct vcpu;

/*
 * MSRs that back ends switch and leave to the guest. Written often: the bases; the others are set
 * up once, and their writes exit so that what is written is checked in one place.
 */
#define GUEST_MSRS_READ_WRITE                                 \
	{                                                     \
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, \
	}
#define GUEST_MSRS_READ_ONLY                                                                   \
	{                                                                                      \
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, \
			MSR_SYSENTER_EIP,                                                      \
	}

enum vreg {
	VREG_CR0,
	VREG_CR2,
	VREG_CR3,
	VREG_CR4,
	VREG_EFER,
	VREG_PAT,
	VREG_DR6,
	VREG_DR7,
	VREG_FS_BASE,
	VREG_GS_BASE,
	VREG_KERNEL_GS_BASE,
	VREG_STAR,
	VREG_LSTAR,
	VREG_CSTAR,
	VREG_SFMASK,
	VREG_SYSENTER_CS,
	VREG_SYSENTER_ESP,
	VREG_SYSENTER_EIP,
	VREG_COUNT
};

enum table_reg { TABLE_GDTR, TABLE_IDTR };

/* All that is needed to fetch the current instruction, read in one go: it is on hot paths. */
struct fetch_state {
	struct guest_paging paging;
	enum insn_mode mode;
	u64 linear_rip;
};

/* BACKEND_OP(result, name, arguments): every one must be provided. */
#define BACKEND_OPS(BACKEND_OP)                                                                           \
	/* NULL when this CPU can, otherwise why not, in one line. Changes nothing. */                    \
	BACKEND_OP(const char *, probe, (void))                                                           \
	/* Once, before any cpu_enable: tables all CPUs share. 0 or E_NOMEM. */                           \
	/* apic_help: may CPUs run local APICs? */                                                        \
	BACKEND_OP(int, setup, (bool apic_help))                                                          \
	/* What the CPU can do with second-level tables. */                                               \
	BACKEND_OP(void, tdp_config, (struct tdp_config * config))                                        \
	/* Must guest memory have a page directory at GUEST_IDENTITY_MAP? */                              \
	BACKEND_OP(bool, needs_identity_map, (void))                                                      \
	/* Guests had better keep off CPU 0 where there are others; it has said why. */                   \
	BACKEND_OP(bool, spares_cpu0, (void))                                                             \
	/* Can a guest's TSC count at another rate than the host's? */                                    \
	BACKEND_OP(bool, scales_tsc, (void))                                                              \
	/* Turn virtualization on or off on this CPU. On: NULL, or why not, in one line. */               \
	BACKEND_OP(const char *, cpu_enable, (void))                                                      \
	BACKEND_OP(void, cpu_disable, (void))                                                             \
	/* The vCPU's control block. 0 or E_NOMEM. */                                                     \
	BACKEND_OP(int, vcpu_create, (struct vcpu * vcpu))                                                \
	BACKEND_OP(void, vcpu_destroy, (struct vcpu * vcpu))                                              \
	/* All state as after a power-on reset. */                                                        \
	BACKEND_OP(void, vcpu_reset, (struct vcpu * vcpu))                                                \
	/* It comes onto this CPU, and leaves it; in between its state can be read and written. */        \
	BACKEND_OP(void, load, (struct vcpu * vcpu))                                                      \
	BACKEND_OP(void, put, (struct vcpu * vcpu))                                                       \
	/* The second-level root that the vCPU uses from now on. */                                       \
	BACKEND_OP(void, set_root, (struct vcpu * vcpu, hpa_t root))                                      \
	/* Forget all translations of this vCPU before it runs again. */                                  \
	BACKEND_OP(void, flush, (struct vcpu * vcpu))                                                     \
	/* Its turn: vcpu_turn() (turn.h) with an entry that leaves one exit, decoded. Interrupts off   \
	 * before and after. With vcpu->requests set the entry gives EXIT_HOST at once: looked at      \
	 * where a kick cannot be lost. */ \
	BACKEND_OP(void, run, (struct vcpu * vcpu))                                                       \
	/* Deliver event at the next entry. One at most; an interrupt only if can_inject. */              \
	BACKEND_OP(void, inject, (struct vcpu * vcpu, const struct vm_event *event))                      \
	/* Could an event of this kind (INTR, NMI) be delivered at the next entry? */                     \
	BACKEND_OP(bool, can_inject, (struct vcpu * vcpu, enum event_kind kind))                          \
	/* Ask for an exit as soon as an event of this kind could be delivered, or no more. */            \
	BACKEND_OP(void, want_window, (struct vcpu * vcpu, enum event_kind kind, bool want))              \
	/* Exit at PAUSE, or after some of them in a row; or not. */                                      \
	BACKEND_OP(void, want_pauses, (struct vcpu * vcpu, bool want))                                    \
	/* An NMI was delivered, or an IRET executed, not by the CPU: no NMI until IRET, or again. */     \
	BACKEND_OP(void, block_nmis, (struct vcpu * vcpu, bool block))                                    \
	/* The vCPU has executed an instruction: an interrupt shadow before it is over. */                \
	BACKEND_OP(void, clear_shadow, (struct vcpu * vcpu))                                              \
	BACKEND_OP(u64, get_reg, (const struct vcpu *vcpu, enum vreg reg))                                \
	/* The value must be valid for the CPU: callers check guests' values first. */                    \
	/* VREG_DR7 is to be set again whenever vcpu->dr has changed. */                                  \
	BACKEND_OP(void, set_reg, (struct vcpu * vcpu, enum vreg reg, u64 value))                         \
	BACKEND_OP(void, get_seg,                                                                         \
		   (const struct vcpu *vcpu, enum insn_seg seg, struct segment *out))                     \
	BACKEND_OP(void, set_seg,                                                                         \
		   (struct vcpu * vcpu, enum insn_seg seg, const struct segment *in))                     \
	BACKEND_OP(void, set_table, (struct vcpu * vcpu, enum table_reg reg, u64 base, u16 limit))        \
	BACKEND_OP(u64, table_base, (const struct vcpu *vcpu, enum table_reg reg))                        \
	BACKEND_OP(u16, table_limit, (const struct vcpu *vcpu, enum table_reg reg))                       \
	BACKEND_OP(void, get_fetch_state, (const struct vcpu *vcpu, struct fetch_state *out))             \
	/* The four entries that CR3 of PAE paging points to, where pdptes_loaded. */                     \
	BACKEND_OP(void, set_pdptes, (struct vcpu * vcpu, const u64 *pdptes))                             \
	/* Guest TSC = host TSC times the VM's ratio, which never changes, + offset. */                   \
	BACKEND_OP(void, set_tsc_offset, (struct vcpu * vcpu, u64 offset))                                \
	/* Where vcpu->apic_page: what of the local APIC the CPU runs from the next entry on. */          \
	BACKEND_OP(void, set_apic, (struct vcpu * vcpu, const struct apic_help *help))                    \
	/* The last exit in the manual's words, for reports. */                                           \
	BACKEND_OP(void, describe_exit, (const struct vcpu *vcpu, char *buf, size_t size))

struct backend {
	const char *name; /* "SVM" */
	const char *tdp_name; /* "NPT" */
	bool pdptes_loaded; /* the CPU loads PAE's top-level entries, and does not read them at each walk */
#define BACKEND_OP(result, op, args) result(*op) args;
	BACKEND_OPS(BACKEND_OP)
#undef BACKEND_OP
};
