/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes guest instructions and delivers events where the CPU cannot: real mode, protected mode
 * with the segments of real mode, virtual-8086 mode, and 16- and 32-bit protected mode in general.
 * Knows no struct vcpu: state comes in a struct interp, memory through operations of the caller, so
 * that all of it is tested on the host.
 */
#pragma once

#include "vm/exit.h"
#include "vm/insn.h"
#include "vm/regs.h"

/* How memory is accessed, as a mask. */
#define INTERP_SUPERVISOR \
	0x1u /* descriptor tables, TSS, inner stacks; and all that CPL 0 to 2 does */
#define INTERP_WILL_WRITE 0x2u /* a read whose place is written next: a #PF says write */

struct interp_ops {
	/*
	 * Access size bytes (1, 2, 4, 8) at a linear address, which may lie across pages. 0; or
	 * a code that becomes interp->abort, nothing accessed and what the guest is owed queued.
	 */
	int (*read)(void *ctx, u64 linear, unsigned int size, u64 *value, unsigned int how);
	int (*write)(void *ctx, u64 linear, unsigned int size, u64 value, unsigned int how);
	/*
	 * Would an access of size bytes (up to 32) be possible, for a write if how says that one
	 * comes? 0; or as above.
	 */
	int (*probe)(void *ctx, u64 linear, unsigned int size, unsigned int how);
	/*
	 * CMPXCHG16B at linear, a multiple of 16, in one: *same if it was old, whose place value has
	 * taken then; old becomes what was there. Returns as above.
	 */
	int (*replace_pair)(void *ctx, u64 linear, u64 old[2], const u64 value[2], bool *same,
			    unsigned int how);
	/* A vector register as arch/vector.h has them. */
	void (*vector_read)(void *ctx, unsigned int size, unsigned int reg, u64 *value);
	void (*vector_write)(void *ctx, unsigned int size, unsigned int reg, const u64 *value);
	/*
	 * Up to *len (1..15) instruction bytes at linear; *len becomes the number there are, at
	 * least 1: fewer when the next page cannot be had. Not 0: not even the first; as above.
	 * An instruction that goes on behind *len is asked for again, from linear + *len.
	 */
	int (*fetch)(void *ctx, u64 linear, u8 *bytes, size_t *len);
};

struct interp_table {
	u64 base;
	u16 limit;
};

/* What an instruction changes before it is known not to fail. */
struct interp_undo {
	struct vcpu_regs regs;
	struct segment seg[8];
	u8 seg_changed;
};

struct interp {
	/* In and out. Upper halves of registers are 0 unless the mode is 64-bit. */
	struct vcpu_regs *regs;
	/*
	 * By enum insn_seg, the CPU's hidden parts: in real mode too limits and attributes are
	 * what was loaded last. A segment without SEG_ATTR_P is unusable (a null selector). The
	 * privilege level is that of SS, but 0 in real mode and 3 in virtual-8086 mode.
	 */
	struct segment seg[8];
	struct interp_table gdtr, idtr;
	u64 cr0, cr4, efer;
	u64 xcr0; /* 0 without XSAVE */
	/* What CPUID shows: ECX of leaf 1, EBX of leaf 7, ECX of leaf 80000001h. */
	u32 leaf1_ecx, leaf7_ebx, ext1_ecx;

	/* Added to by steps, never cleared by them: what the caller has to load into the CPU. */
	u8 seg_changed; /* mask of BIT(enum insn_seg) */
	bool gdtr_changed, idtr_changed;

	/* Out, of the last step or delivery. */
	bool shadow; /* STI, MOV SS or POP SS: no interrupt before the next instruction */
	bool blocks_debug; /* of these MOV SS or POP SS: no NMI and no #DB either */
	bool iret; /* it was an IRET: NMIs are no longer blocked, also when it faulted */
	struct vm_event fault; /* INTERP_FAULT */
	int abort; /* INTERP_ABORT: what the operation returned */
	struct insn insn; /* INTERP_SYSTEM and INTERP_UNSUPPORTED: if len is not 0 */

	void *ctx;
	const struct interp_ops *ops;

	/* Private to a step. */
	struct interp_undo undo;
	bool external; /* error codes have EXT: an event is being delivered, but not that of an INT n */
	bool delivered; /* an INT n went to its handler: TF is over */
};

enum interp_result {
	INTERP_DONE,
	/*
	 * Done, and the guest is owed a #DB because TF was set when the instruction began: RIP is
	 * behind it. The caller sets DR6.BS.
	 */
	INTERP_TRAP,
	/*
	 * fault is owed to the guest; nothing else has changed, but for iterations of a REP string
	 * instruction that came before the one that faulted.
	 */
	INTERP_FAULT,
	/*
	 * insn is for the caller to do, from decoding to RIP; nothing has changed. The privilege level and, of
	 * port accesses, IOPL and the TSS's bitmap have been checked, and that LOCK is not there
	 * (but for MOV CR, where some CPUs have CR8 so); of INS and OUTS that the first element lies
	 * within its segment. These are IN, OUT, INS, OUTS, HLT, CPUID, RDTSC, RDTSCP, RDPMC, RDMSR,
	 * WRMSR, MOV CR, MOV DR, LMSW, CLTS, INVLPG, INVD, WBINVD, XGETBV, XSETBV, MONITOR, MWAIT and
	 * the instructions of VMX and SVM.
	 */
	INTERP_SYSTEM,
	INTERP_ABORT, /* an operation failed, with its own code; nothing has changed, but as above */
	/*
	 * Not one of ours: most FPU instructions, vector instructions but for moves between a register
	 * and memory, task switches, call gates, far control transfers and events in long mode, CR4.VME
	 * and CR4.PVI where they matter. Nothing has changed.
	 */
	INTERP_UNSUPPORTED,
};

/* Iterations of a REP string instruction that one step does at most; then RIP is still on it. */
#define INTERP_REP_MAX 256u

/*
 * Execute the instruction at RIP. Clears RF, reports TF; breakpoints are not looked at. An INT n,
 * INT3 or INTO is done with its delivery. Of the FPU there are FNINIT, FNCLEX, FNSTCW, FNSTSW and
 * FWAIT, which work on the state in the CPU: the caller has loaded the guest's.
 */
enum interp_result interp_step(struct interp *interp);

/*
 * Deliver event as the CPU would at RIP as it stands (for EVENT_SOFT_INTR, #BP and #OF: already
 * behind the instruction). Results: DONE; FAULT: an exception while delivering, whose error code
 * has EXT set as due: what becomes of the two (#DF, triple fault) is the caller's; ABORT;
 * UNSUPPORTED: a task gate, or long mode. A CPU that is shut down in real mode because of an IDT
 * limit reports #GP here, too.
 */
enum interp_result interp_deliver(struct interp *interp, const struct vm_event *event);

/* The current privilege level. */
unsigned int interp_cpl(const struct interp *interp);
