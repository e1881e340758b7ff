/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM exit in vendor-neutral form: what the back ends decode into, and what indexes
 * the table of handlers in vm/.
 */
#pragma once

#include "lib/addr.h"
#include "lib/types.h"

enum exit_kind {
	EXIT_UNKNOWN, /* 0, so that a decoding table says it of all it does not name */
	EXIT_HOST, /* a host interrupt or NMI: nothing to do for the guest */
	EXIT_CPUID,
	EXIT_RDMSR,
	EXIT_WRMSR,
	EXIT_IO,
	EXIT_TDP_FAULT, /* second-level page fault */
	EXIT_HLT,
	EXIT_DR_ACCESS, /* MOV to or from a debug register */
	EXIT_XSETBV,
	EXIT_TASK_SWITCH,
	EXIT_CR_ACCESS, /* MOV to or from a control register, CLTS, LMSW */
	EXIT_INTR_WINDOW, /* the guest can take an interrupt now */
	EXIT_NMI_WINDOW, /* the guest can take an NMI now */
	EXIT_NOP, /* intercepted, and nothing to do but step over it (WBINVD ...) */
	EXIT_PAUSE, /* PAUSE, where want_pauses asks for it */
	EXIT_UD, /* an instruction this VM does not have: #UD */
	EXIT_EXCEPTION, /* an intercepted exception: the guest's own, to be handed back */
	EXIT_SHUTDOWN, /* triple fault */
	EXIT_APIC_WRITE, /* the CPU, which runs the local APIC, has put a write in its page only */
	EXIT_APIC_EOI, /* and an interrupt has ended that others want to know of */
	EXIT_EMULATE, /* not entered: the CPU cannot run a guest in this state */
	EXIT_ENTRY_FAILED, /* the CPU refused the guest state */
	EXIT_KINDS
};

/* What can be delivered to a vCPU through its IDT. */
enum event_kind { EVENT_NONE, EVENT_INTR, EVENT_NMI, EVENT_EXCEPTION, EVENT_SOFT_INTR };

struct vm_event {
	u8 kind; /* enum event_kind */
	u8 vector;
	bool has_error;
	u32 error;
};

enum task_by { TASK_CALL, TASK_IRET, TASK_JMP, TASK_GATE };

struct vm_exit {
	enum exit_kind kind;
	u8 insn_len; /* of the exiting instruction; 0: the CPU did not tell */
	u64 cs_base, cr3; /* where the exiting instruction is to be found */
	struct vm_event
		interrupted; /* what was being delivered when the exit came; must be re-injected */
	union {
		struct {
			u16 port;
			u8 size; /* 1, 2, 4 */
			bool in, string, rep;
		} io;
		struct {
			gpa_t gpa;
			u32 access; /* enum spte_access bits the guest wanted */
			bool table_walk; /* the guest's page tables were being walked */
			bool marked; /* an MMIO mark has refused it; of the access nothing is known */
		} fault;
		struct {
			u8 vector;
			u32 error;
		} exception;
		u16 apic_offset; /* of EXIT_APIC_WRITE, in the page */
		u8 apic_vector; /* of EXIT_APIC_EOI */
		struct {
			u16 selector;
			enum task_by by;
			bool has_error;
			u32 error;
		} task;
	};
};
