/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual-machine control structure: its fields by name, and how to read and write them. A field's
 * encoding holds its width; the accessors say the width once more, and a mismatch does not compile.
 */
#pragma once

#include "lib/types.h"

/* FIELD(name, encoding), in the order of the manual's appendix. */
#define VMCS_FIELDS(FIELD)                    \
	FIELD(VPID, 0x0000)                   \
	FIELD(GUEST_ES, 0x0800)               \
	FIELD(GUEST_CS, 0x0802)               \
	FIELD(GUEST_SS, 0x0804)               \
	FIELD(GUEST_DS, 0x0806)               \
	FIELD(GUEST_FS, 0x0808)               \
	FIELD(GUEST_GS, 0x080a)               \
	FIELD(GUEST_LDTR, 0x080c)             \
	FIELD(GUEST_TR, 0x080e)               \
	FIELD(HOST_ES, 0x0c00)                \
	FIELD(HOST_CS, 0x0c02)                \
	FIELD(HOST_SS, 0x0c04)                \
	FIELD(HOST_DS, 0x0c06)                \
	FIELD(HOST_FS, 0x0c08)                \
	FIELD(HOST_GS, 0x0c0a)                \
	FIELD(HOST_TR, 0x0c0c)                \
	FIELD(MSR_BITMAP, 0x2004)             \
	FIELD(TSC_OFFSET, 0x2010)             \
	FIELD(EPT_POINTER, 0x201a)            \
	FIELD(GUEST_PHYSICAL_ADDRESS, 0x2400) \
	FIELD(LINK_POINTER, 0x2800)           \
	FIELD(GUEST_DEBUGCTL, 0x2802)         \
	FIELD(GUEST_PAT, 0x2804)              \
	FIELD(GUEST_EFER, 0x2806)             \
	FIELD(GUEST_PDPTE0, 0x280a)           \
	FIELD(GUEST_PDPTE1, 0x280c)           \
	FIELD(GUEST_PDPTE2, 0x280e)           \
	FIELD(GUEST_PDPTE3, 0x2810)           \
	FIELD(HOST_PAT, 0x2c00)               \
	FIELD(HOST_EFER, 0x2c02)              \
	FIELD(PIN_CONTROLS, 0x4000)           \
	FIELD(PROC_CONTROLS, 0x4002)          \
	FIELD(EXCEPTION_BITMAP, 0x4004)       \
	FIELD(PAGE_FAULT_MASK, 0x4006)        \
	FIELD(PAGE_FAULT_MATCH, 0x4008)       \
	FIELD(CR3_TARGET_COUNT, 0x400a)       \
	FIELD(EXIT_CONTROLS, 0x400c)          \
	FIELD(EXIT_MSR_STORE_COUNT, 0x400e)   \
	FIELD(EXIT_MSR_LOAD_COUNT, 0x4010)    \
	FIELD(ENTRY_CONTROLS, 0x4012)         \
	FIELD(ENTRY_MSR_LOAD_COUNT, 0x4014)   \
	FIELD(ENTRY_EVENT, 0x4016)            \
	FIELD(ENTRY_EVENT_ERROR, 0x4018)      \
	FIELD(ENTRY_INSN_LENGTH, 0x401a)      \
	FIELD(PROC_CONTROLS2, 0x401e)         \
	FIELD(INSTRUCTION_ERROR, 0x4400)      \
	FIELD(EXIT_REASON, 0x4402)            \
	FIELD(EXIT_EVENT, 0x4404)             \
	FIELD(EXIT_EVENT_ERROR, 0x4406)       \
	FIELD(IDT_VECTORING, 0x4408)          \
	FIELD(IDT_VECTORING_ERROR, 0x440a)    \
	FIELD(EXIT_INSN_LENGTH, 0x440c)       \
	FIELD(GUEST_ES_LIMIT, 0x4800)         \
	FIELD(GUEST_CS_LIMIT, 0x4802)         \
	FIELD(GUEST_SS_LIMIT, 0x4804)         \
	FIELD(GUEST_DS_LIMIT, 0x4806)         \
	FIELD(GUEST_FS_LIMIT, 0x4808)         \
	FIELD(GUEST_GS_LIMIT, 0x480a)         \
	FIELD(GUEST_LDTR_LIMIT, 0x480c)       \
	FIELD(GUEST_TR_LIMIT, 0x480e)         \
	FIELD(GUEST_GDTR_LIMIT, 0x4810)       \
	FIELD(GUEST_IDTR_LIMIT, 0x4812)       \
	FIELD(GUEST_ES_RIGHTS, 0x4814)        \
	FIELD(GUEST_CS_RIGHTS, 0x4816)        \
	FIELD(GUEST_SS_RIGHTS, 0x4818)        \
	FIELD(GUEST_DS_RIGHTS, 0x481a)        \
	FIELD(GUEST_FS_RIGHTS, 0x481c)        \
	FIELD(GUEST_GS_RIGHTS, 0x481e)        \
	FIELD(GUEST_LDTR_RIGHTS, 0x4820)      \
	FIELD(GUEST_TR_RIGHTS, 0x4822)        \
	FIELD(GUEST_INTERRUPTIBILITY, 0x4824) \
	FIELD(GUEST_ACTIVITY, 0x4826)         \
	FIELD(GUEST_SYSENTER_CS, 0x482a)      \
	FIELD(PREEMPTION_TIMER, 0x482e)       \
	FIELD(HOST_SYSENTER_CS, 0x4c00)       \
	FIELD(CR0_MASK, 0x6000)               \
	FIELD(CR4_MASK, 0x6002)               \
	FIELD(CR0_SHADOW, 0x6004)             \
	FIELD(CR4_SHADOW, 0x6006)             \
	FIELD(EXIT_QUALIFICATION, 0x6400)     \
	FIELD(GUEST_LINEAR_ADDRESS, 0x640a)   \
	FIELD(GUEST_CR0, 0x6800)              \
	FIELD(GUEST_CR3, 0x6802)              \
	FIELD(GUEST_CR4, 0x6804)              \
	FIELD(GUEST_ES_BASE, 0x6806)          \
	FIELD(GUEST_CS_BASE, 0x6808)          \
	FIELD(GUEST_SS_BASE, 0x680a)          \
	FIELD(GUEST_DS_BASE, 0x680c)          \
	FIELD(GUEST_FS_BASE, 0x680e)          \
	FIELD(GUEST_GS_BASE, 0x6810)          \
	FIELD(GUEST_LDTR_BASE, 0x6812)        \
	FIELD(GUEST_TR_BASE, 0x6814)          \
	FIELD(GUEST_GDTR_BASE, 0x6816)        \
	FIELD(GUEST_IDTR_BASE, 0x6818)        \
	FIELD(GUEST_DR7, 0x681a)              \
	FIELD(GUEST_RSP, 0x681c)              \
	FIELD(GUEST_RIP, 0x681e)              \
	FIELD(GUEST_RFLAGS, 0x6820)           \
	FIELD(GUEST_PENDING_DEBUG, 0x6822)    \
	FIELD(GUEST_SYSENTER_ESP, 0x6824)     \
	FIELD(GUEST_SYSENTER_EIP, 0x6826)     \
	FIELD(HOST_CR0, 0x6c00)               \
	FIELD(HOST_CR3, 0x6c02)               \
	FIELD(HOST_CR4, 0x6c04)               \
	FIELD(HOST_FS_BASE, 0x6c06)           \
	FIELD(HOST_GS_BASE, 0x6c08)           \
	FIELD(HOST_TR_BASE, 0x6c0a)           \
	FIELD(HOST_GDTR_BASE, 0x6c0c)         \
	FIELD(HOST_IDTR_BASE, 0x6c0e)         \
	FIELD(HOST_SYSENTER_ESP, 0x6c10)      \
	FIELD(HOST_SYSENTER_EIP, 0x6c12)      \
	FIELD(HOST_RSP, 0x6c14)               \
	FIELD(HOST_RIP, 0x6c16)

enum vmcs_field {
#define FIELD(name, encoding) VMCS_##name = (encoding),
	VMCS_FIELDS(FIELD)
#undef FIELD
};

/* The fields of a segment register lie one apart in each group, in the order of its number. */
#define VMCS_SEGMENT(first, n) ((enum vmcs_field)((first) + 2 * (n)))

enum vmcs_width { VMCS_16, VMCS_64, VMCS_32, VMCS_NATURAL };

#define VMCS_WIDTH(field) ((enum vmcs_width)((field) >> 13 & 3))

void vmcs_wrong_width(void) __attribute__((error("a VMCS field of another width")));
/* Panics with the field's name: this CPU does not have it, or no VMCS is current. */
__noreturn void vmcs_refused(enum vmcs_field field, const char *what);

static inline __attribute__((always_inline)) u64 vmcs_read_raw(enum vmcs_field field)
{
	u64 value;
	bool failed;

	asm volatile("vmread %2, %1" : "=@ccbe"(failed), "=rm"(value) : "r"((u64)field) : "memory");
#ifdef SILL_DEBUG
	if (failed)
		vmcs_refused(field, "read");
#else
	(void)failed;
#endif
	return value;
}

static inline __attribute__((always_inline)) void vmcs_write_raw(enum vmcs_field field, u64 value)
{
	bool failed;

	asm volatile("vmwrite %1, %2" : "=@ccbe"(failed) : "rm"(value), "r"((u64)field) : "memory");
	if (unlikely(failed))
		vmcs_refused(field, "written");
}

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
#define EVENT_TYPE_SOFT_EXCEPTION 6u
#define EVENT_ERROR_VALID BIT(11)
#define EVENT_NMI_UNBLOCKED BIT(12)
#define EVENT_VALID BIT(31)

/* GUEST_INTERRUPTIBILITY */
#define BLOCKED_BY_STI BIT(0)
#define BLOCKED_BY_MOV_SS BIT(1)
#define BLOCKED_BY_NMI BIT(3)

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
#define QUAL_EPT_READ BIT(0)
#define QUAL_EPT_WRITE BIT(1)
#define QUAL_EPT_FETCH BIT(2)
#define QUAL_EPT_LINEAR BIT(7)
#define QUAL_EPT_FINAL BIT(8)

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
	EXIT(MACHINE_CHECK, 41) \
	EXIT(EPT_VIOLATION, 48) \
	EXIT(EPT_MISCONFIG, 49) \
	EXIT(INVEPT, 50)        \
	EXIT(PREEMPTION, 52)    \
	EXIT(INVVPID, 53)       \
	EXIT(WBINVD, 54)        \
	EXIT(XSETBV, 55)        \
	EXIT(VMFUNC, 59)

enum vmx_exit_reason {
#define EXIT(name, number) VMX_EXIT_##name = (number),
	VMX_EXITS(EXIT)
#undef EXIT
};
#define VMX_EXIT_ENTRY_FAILED BIT(31)
