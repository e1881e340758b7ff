/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine control block, as the CPU reads and writes it. Every hole is named
 * by its offset; the offsets that matter are asserted below.
 */
#pragma once

#include "lib/types.h"

struct vmcb_segment {
	u16 selector;
	u16 attr; /* type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, D/B 10, G 11 */
	u32 limit;
	u64 base;
};
_Static_assert(sizeof(struct vmcb_segment) == 16, "VMCB segment");

struct vmcb {
	/* control area */
	u16 cr_read, cr_write, dr_read, dr_write; /* one bit per register */
	u32 exceptions; /* one bit per vector */
	u32 intercept1, intercept2, intercept3;
	u8 hole_018[0x24];
	u16 pause_threshold, pause_count;
	u64 iopm_base, msrpm_base;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;
	u8 hole_05d[3];
	u64 v_intr;
	u64 interrupt_shadow;
	u64 exit_code, exit_info1, exit_info2;
	u64 exit_int_info;
	u64 np_control;
	u8 hole_098[0x10];
	u64 event_inj;
	u64 n_cr3;
	u64 lbr_control;
	u32 clean_bits;
	u8 hole_0c4[4];
	u64 next_rip;
	u8 fetched;
	u8 insn_bytes[15];
	u8 hole_0e0[0x320];
	/* state save area */
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 hole_4a0[0x2b];
	u8 cpl;
	u8 hole_4cc[4];
	u64 efer;
	u8 hole_4d8[0x70];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 hole_580[0x58];
	u64 rsp;
	u8 hole_5e0[0x18];
	u64 rax;
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;
	u8 hole_648[0x20];
	u64 g_pat;
	u8 hole_670[0x990];
};
#define VMCB_AT(member, offset) _Static_assert(offsetof(struct vmcb, member) == (offset), #member)
VMCB_AT(intercept1, 0x00c);
VMCB_AT(pause_threshold, 0x03c);
VMCB_AT(iopm_base, 0x040);
VMCB_AT(tsc_offset, 0x050);
VMCB_AT(asid, 0x058);
VMCB_AT(tlb_control, 0x05c);
VMCB_AT(v_intr, 0x060);
VMCB_AT(interrupt_shadow, 0x068);
VMCB_AT(exit_code, 0x070);
VMCB_AT(exit_int_info, 0x088);
VMCB_AT(np_control, 0x090);
VMCB_AT(event_inj, 0x0a8);
VMCB_AT(n_cr3, 0x0b0);
VMCB_AT(clean_bits, 0x0c0);
VMCB_AT(next_rip, 0x0c8);
VMCB_AT(es, 0x400);
VMCB_AT(gdtr, 0x460);
VMCB_AT(tr, 0x490);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(rip, 0x578);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(star, 0x600);
VMCB_AT(cr2, 0x640);
VMCB_AT(g_pat, 0x668);
_Static_assert(sizeof(struct vmcb) == 4096, "one page");

/* cr_read, cr_write */
#define INTERCEPT_CR8 BIT(8)

/* intercept1 */
#define INTERCEPT_INTR BIT(0)
#define INTERCEPT_NMI BIT(1)
#define INTERCEPT_SMI BIT(2)
#define INTERCEPT_INIT BIT(3)
#define INTERCEPT_VINTR BIT(4)
#define INTERCEPT_RDPMC BIT(15)
#define INTERCEPT_CPUID BIT(18)
#define INTERCEPT_IRET BIT(20)
#define INTERCEPT_INVD BIT(22)
#define INTERCEPT_PAUSE BIT(23)
#define INTERCEPT_HLT BIT(24)
#define INTERCEPT_INVLPGA BIT(26)
#define INTERCEPT_IOIO BIT(27)
#define INTERCEPT_MSR BIT(28)
#define INTERCEPT_TASK_SWITCH BIT(29)
#define INTERCEPT_FERR_FREEZE BIT(30)
#define INTERCEPT_SHUTDOWN BIT(31)
/* intercept2 */
#define INTERCEPT_VMRUN BIT(0)
#define INTERCEPT_VMMCALL BIT(1)
#define INTERCEPT_VMLOAD BIT(2)
#define INTERCEPT_VMSAVE BIT(3)
#define INTERCEPT_STGI BIT(4)
#define INTERCEPT_CLGI BIT(5)
#define INTERCEPT_SKINIT BIT(6)
#define INTERCEPT_WBINVD BIT(9)
#define INTERCEPT_MONITOR BIT(10)
#define INTERCEPT_MWAIT BIT(11)
#define INTERCEPT_MWAIT_ARMED BIT(12)

#define V_TPR BITS(3, 0)
#define V_IRQ BIT(8)
#define V_INTR_PRIO_SHIFT 16
#define V_IGN_TPR BIT(20)
#define V_INTR_MASKING BIT(24)

#define SHADOW_ACTIVE BIT(0)
#define NP_ENABLE BIT(0)
#define TLB_FLUSH_NONE 0
#define TLB_FLUSH_ALL 1

/* EVENTINJ and EXITINTINFO */
#define EVENT_TYPE_SHIFT 8
#define EVENT_TYPE_MASK 7u
#define EVENT_TYPE_INTR 0u
#define EVENT_TYPE_NMI 2u
#define EVENT_TYPE_EXCEPTION 3u
#define EVENT_TYPE_SOFT 4u
#define EVENT_ERROR_VALID BIT(11)
#define EVENT_VALID BIT(31)

/* EXITINFO1 of IOIO */
#define IOIO_IN BIT(0)
#define IOIO_STRING BIT(2)
#define IOIO_REP BIT(3)
#define IOIO_SIZE(info) ((u8)((info) >> 4 & 7)) /* one bit each for 8, 16, 32 */
#define IOIO_PORT(info) ((u16)((info) >> 16))

/* EXITINFO2 of a task switch */
#define TASK_INFO_IRET BIT(36)
#define TASK_INFO_JMP BIT(38)
#define TASK_INFO_HAS_ERROR BIT(44)

/* EXITINFO1 of a nested page fault */
#define NPF_WRITE BIT(1)
#define NPF_RESERVED BIT(3)
#define NPF_FETCH BIT(4)
#define NPF_TABLE_WALK BIT(33)

/* Exit codes: EXIT(name, code). */
#define SVM_EXITS(EXIT)           \
	EXIT(INTR, 0x60)          \
	EXIT(NMI, 0x61)           \
	EXIT(SMI, 0x62)           \
	EXIT(INIT, 0x63)          \
	EXIT(VINTR, 0x64)         \
	EXIT(CR0_SEL_WRITE, 0x65) \
	EXIT(RDPMC, 0x6f)         \
	EXIT(CPUID, 0x72)         \
	EXIT(IRET, 0x74)          \
	EXIT(INVD, 0x76)          \
	EXIT(PAUSE, 0x77)         \
	EXIT(HLT, 0x78)           \
	EXIT(INVLPGA, 0x7a)       \
	EXIT(IOIO, 0x7b)          \
	EXIT(MSR, 0x7c)           \
	EXIT(TASK_SWITCH, 0x7d)   \
	EXIT(FERR_FREEZE, 0x7e)   \
	EXIT(SHUTDOWN, 0x7f)      \
	EXIT(VMRUN, 0x80)         \
	EXIT(VMMCALL, 0x81)       \
	EXIT(VMLOAD, 0x82)        \
	EXIT(VMSAVE, 0x83)        \
	EXIT(STGI, 0x84)          \
	EXIT(CLGI, 0x85)          \
	EXIT(SKINIT, 0x86)        \
	EXIT(WBINVD, 0x89)        \
	EXIT(MONITOR, 0x8a)       \
	EXIT(MWAIT, 0x8b)         \
	EXIT(MWAIT_ARMED, 0x8c)   \
	EXIT(NPF, 0x400)

enum svm_exit_code {
#define EXIT(name, code) SVM_EXIT_##name = (code),
	SVM_EXITS(EXIT)
#undef EXIT
};
#define SVM_EXIT_CR0_READ 0x00
#define SVM_EXIT_CR15_WRITE 0x1f
#define SVM_EXIT_DR0_WRITE 0x30
#define SVM_EXIT_DR15_WRITE 0x3f
#define SVM_EXIT_EXCEPTION_0 0x40
#define SVM_EXIT_EXCEPTION_31 0x5f
/* The manual's 64-bit -1; an emulator stores only 32 bits of it. */
#define SVM_EXIT_INVALID_LOW 0xffffffffu
