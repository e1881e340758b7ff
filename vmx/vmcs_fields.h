/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of the virtual-machine control structure, by name.
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
	FIELD(GUEST_INTR_STATUS, 0x0810)      \
	FIELD(GUEST_PML_INDEX, 0x0812)        \
	FIELD(HOST_ES, 0x0c00)                \
	FIELD(HOST_CS, 0x0c02)                \
	FIELD(HOST_SS, 0x0c04)                \
	FIELD(HOST_DS, 0x0c06)                \
	FIELD(HOST_FS, 0x0c08)                \
	FIELD(HOST_GS, 0x0c0a)                \
	FIELD(HOST_TR, 0x0c0c)                \
	FIELD(MSR_BITMAP, 0x2004)             \
	FIELD(PML_ADDRESS, 0x200e)            \
	FIELD(TSC_OFFSET, 0x2010)             \
	FIELD(VIRTUAL_APIC_PAGE, 0x2012)      \
	FIELD(EPT_POINTER, 0x201a)            \
	FIELD(EOI_EXITS0, 0x201c)             \
	FIELD(EOI_EXITS1, 0x201e)             \
	FIELD(EOI_EXITS2, 0x2020)             \
	FIELD(EOI_EXITS3, 0x2022)             \
	FIELD(TSC_MULTIPLIER, 0x2032)         \
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
	FIELD(TPR_THRESHOLD, 0x401c)          \
	FIELD(PROC_CONTROLS2, 0x401e)         \
	FIELD(PLE_GAP, 0x4020)                \
	FIELD(PLE_WINDOW, 0x4022)             \
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

/* As in the list above, or "?". */
const char *vmcs_field_name(enum vmcs_field field);
/* Panics with the field's name: this CPU does not have it, or no VMCS is current. */
__noreturn void vmcs_refused(enum vmcs_field field, const char *what);
