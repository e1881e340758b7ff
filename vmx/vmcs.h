/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual-machine control structure: its fields by name, and how to read and write them. A
 * field's encoding holds its width; the accessors say the width once more, and a mismatch does not
 * compile.
 */
#pragma once

#include "vmx/vmcs_access.h"

void vmcs_wrong_width(void) __attribute__((error("a VMCS field of another width")));

#define VMCS_ACCESSORS(suffix, type, width)                                                     \
	static inline __attribute__((always_inline)) type vmcs_read##suffix(enum vmcs_field f)  \
	{                                                                                       \
		if (__builtin_constant_p(f) && VMCS_WIDTH(f) != (width))                        \
			vmcs_wrong_width();                                                     \
		return (type)vmcs_read_raw(f);                                                  \
	}                                                                                       \
	static inline __attribute__((always_inline)) void vmcs_write##suffix(enum vmcs_field f, \
									     type value)        \
	{                                                                                       \
		if (__builtin_constant_p(f) && VMCS_WIDTH(f) != (width))                        \
			vmcs_wrong_width();                                                     \
		vmcs_write_raw(f, value);                                                       \
	}
VMCS_ACCESSORS(16, u16, VMCS_16)
VMCS_ACCESSORS(32, u32, VMCS_32)
VMCS_ACCESSORS(64, u64, VMCS_64)
VMCS_ACCESSORS(_natural, u64, VMCS_NATURAL)
#undef VMCS_ACCESSORS

/* ENTRY_EVENT, EXIT_EVENT, IDT_VECTORING */
#define EVENT_TYPE_SHIFT 8
#define EVENT_TYPE_MASK 7u
#define EVENT_TYPE_INTR 0u
#define EVENT_TYPE_NMI 2u
#define EVENT_TYPE_EXCEPTION 3u
#define EVENT_TYPE_SOFT 4u
#define EVENT_TYPE_INT1 5u
#define EVENT_TYPE_SOFT_EXCEPTION 6u
#define EVENT_ERROR_VALID BIT(11)
#define EVENT_VALID BIT(31)

/* GUEST_PENDING_DEBUG */
#define PENDING_SINGLE_STEP BIT(14)

/* GUEST_INTERRUPTIBILITY */
#define BLOCKED_BY_STI BIT(0)
#define BLOCKED_BY_MOV_SS BIT(1)
#define BLOCKED_BY_NMI BIT(3)

#define RIGHTS_L BIT(13)
#define RIGHTS_UNUSABLE BIT(16)

/* EXIT_QUALIFICATION of I/O instructions */
#define QUAL_IO_SIZE(q) ((u8)(((q)&7) + 1))
#define QUAL_IO_IN BIT(3)
#define QUAL_IO_STRING BIT(4)
#define QUAL_IO_REP BIT(5)
#define QUAL_IO_PORT(q) ((u16)((q) >> 16))

/* of task switches */
#define QUAL_TASK_SELECTOR(q) ((u16)(q))
#define QUAL_TASK_BY(q) ((enum task_by)((q) >> 30 & 3))

/* and of EPT violations */
#define QUAL_EPT_WRITE BIT(1)
#define QUAL_EPT_FETCH BIT(2)
#define QUAL_EPT_LINEAR BIT(7)
#define QUAL_EPT_FINAL BIT(8)
#define QUAL_EPT_NMI_UNBLOCKED BIT(12)

/* Basic exit reasons: EXIT(name, number). */
#define VMX_EXITS(EXIT)         \
	EXIT(EXCEPTION_NMI, 0)  \
	EXIT(INTR, 1)           \
	EXIT(TRIPLE_FAULT, 2)   \
	EXIT(INIT, 3)           \
	EXIT(SIPI, 4)           \
	EXIT(INTR_WINDOW, 7)    \
	EXIT(NMI_WINDOW, 8)     \
	EXIT(TASK_SWITCH, 9)    \
	EXIT(CPUID, 10)         \
	EXIT(GETSEC, 11)        \
	EXIT(HLT, 12)           \
	EXIT(INVD, 13)          \
	EXIT(RDPMC, 15)         \
	EXIT(VMCALL, 18)        \
	EXIT(VMCLEAR, 19)       \
	EXIT(VMLAUNCH, 20)      \
	EXIT(VMPTRLD, 21)       \
	EXIT(VMPTRST, 22)       \
	EXIT(VMREAD, 23)        \
	EXIT(VMRESUME, 24)      \
	EXIT(VMWRITE, 25)       \
	EXIT(VMXOFF, 26)        \
	EXIT(VMXON, 27)         \
	EXIT(CR_ACCESS, 28)     \
	EXIT(DR_ACCESS, 29)     \
	EXIT(IO, 30)            \
	EXIT(RDMSR, 31)         \
	EXIT(WRMSR, 32)         \
	EXIT(BAD_STATE, 33)     \
	EXIT(BAD_MSR, 34)       \
	EXIT(MWAIT, 36)         \
	EXIT(MONITOR, 39)       \
	EXIT(PAUSE, 40)         \
	EXIT(MACHINE_CHECK, 41) \
	EXIT(TPR_THRESHOLD, 43) \
	EXIT(EOI, 45)           \
	EXIT(EPT_VIOLATION, 48) \
	EXIT(EPT_MISCONFIG, 49) \
	EXIT(PML_FULL, 62)      \
	EXIT(INVEPT, 50)        \
	EXIT(PREEMPTION, 52)    \
	EXIT(INVVPID, 53)       \
	EXIT(WBINVD, 54)        \
	EXIT(XSETBV, 55)        \
	EXIT(APIC_WRITE, 56)    \
	EXIT(VMFUNC, 59)

enum vmx_exit_reason {
#define EXIT(name, number) VMX_EXIT_##name = (number),
	VMX_EXITS(EXIT)
#undef EXIT
};
#define VMX_EXIT_ENTRY_FAILED BIT(31)
