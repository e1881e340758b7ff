/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest register state in the form vm/ works with, whatever control block it came from.
 */
#pragma once

#include "lib/types.h"

enum gpr {
	GPR_RAX,
	GPR_RCX,
	GPR_RDX,
	GPR_RBX,
	GPR_RSP,
	GPR_RBP,
	GPR_RSI,
	GPR_RDI,
	GPR_R8,
	GPR_R9,
	GPR_R10,
	GPR_R11,
	GPR_R12,
	GPR_R13,
	GPR_R14,
	GPR_R15,
	GPR_COUNT
};

/* In the encoding's order, so that a decoded operand number indexes it. */
struct vcpu_regs {
	u64 gpr[GPR_COUNT];
	u64 rip;
	u64 rflags;
};

/* A segment register with its hidden part; attributes as in a descriptor's bytes 5 and 6. */
struct segment {
	u16 selector;
	u16 attr; /* type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, D/B 10, G 11 */
	u32 limit; /* in bytes */
	u64 base;
};

#define SEG_ATTR_DPL(attr) (((attr) >> 5) & 3u)
#define SEG_ATTR_DPL_MASK 0x60u
#define SEG_ATTR_P 0x80u
#define SEG_ATTR_L 0x200u
#define SEG_ATTR_DB 0x400u

#define RFLAGS_FIXED 0x2u
#define RFLAGS_CF 0x1u
#define RFLAGS_PF 0x4u
#define RFLAGS_AF 0x10u
#define RFLAGS_ZF 0x40u
#define RFLAGS_SF 0x80u
#define RFLAGS_TF 0x100u
#define RFLAGS_IF 0x200u
#define RFLAGS_DF 0x400u
#define RFLAGS_OF 0x800u
#define RFLAGS_IOPL 0x3000u
#define RFLAGS_NT 0x4000u
#define RFLAGS_RF 0x10000u
#define RFLAGS_VM 0x20000u
#define RFLAGS_AC 0x40000u
#define RFLAGS_VIF 0x80000u
#define RFLAGS_VIP 0x100000u
#define RFLAGS_ID 0x200000u
#define RFLAGS_LOADABLE 0x3f7fd5u /* all that are defined */
#define RFLAGS_STATUS ((u64)(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF))
