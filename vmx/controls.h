/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control words: which bits Sill needs and which it uses where they are, against what the
 * capability MSRs allow.
 */
#pragma once

#include "lib/types.h"
#include "vm/apic_help.h"

enum vmx_word { WORD_PIN, WORD_PROC, WORD_PROC2, WORD_EXIT, WORD_ENTRY, WORD_COUNT };

/* CONTROL(word, name, bit, need) */
#define VMX_CONTROLS(CONTROL)                             \
	CONTROL(PIN, INTR_EXITING, 0, ON)                 \
	CONTROL(PIN, NMI_EXITING, 3, ON)                  \
	CONTROL(PIN, VIRTUAL_NMIS, 5, ON)                 \
	CONTROL(PIN, PREEMPTION_TIMER, 6, IF_THERE)       \
	CONTROL(PROC, INTR_WINDOW, 2, AT_TIMES)           \
	CONTROL(PROC, TSC_OFFSETTING, 3, ON)              \
	CONTROL(PROC, HLT_EXITING, 7, ON)                 \
	CONTROL(PROC, INVLPG_EXITING, 9, OFF)             \
	CONTROL(PROC, MWAIT_EXITING, 10, ON)              \
	CONTROL(PROC, RDPMC_EXITING, 11, ON)              \
	CONTROL(PROC, RDTSC_EXITING, 12, OFF)             \
	CONTROL(PROC, CR3_LOAD_EXITING, 15, OFF)          \
	CONTROL(PROC, CR3_STORE_EXITING, 16, OFF)         \
	CONTROL(PROC, CR8_LOAD_EXITING, 19, AT_TIMES)     \
	CONTROL(PROC, CR8_STORE_EXITING, 20, AT_TIMES)    \
	CONTROL(PROC, TPR_SHADOW, 21, SOMETIMES)          \
	CONTROL(PROC, NMI_WINDOW, 22, AT_TIMES)           \
	CONTROL(PROC, MOV_DR_EXITING, 23, ON)             \
	CONTROL(PROC, ALL_IO_EXITING, 24, ON)             \
	CONTROL(PROC, MSR_BITMAPS, 28, ON)                \
	CONTROL(PROC, MONITOR_EXITING, 29, ON)            \
	CONTROL(PROC, PAUSE_EXITING, 30, AT_TIMES)        \
	CONTROL(PROC, SECONDARY_CONTROLS, 31, ON)         \
	CONTROL(PROC2, EPT, 1, ON)                        \
	CONTROL(PROC2, RDTSCP, 3, IF_THERE)               \
	CONTROL(PROC2, X2APIC_MODE, 4, SOMETIMES)         \
	CONTROL(PROC2, VPID, 5, IF_THERE)                 \
	CONTROL(PROC2, WBINVD_EXITING, 6, IF_THERE)       \
	CONTROL(PROC2, UNRESTRICTED_GUEST, 7, IF_THERE)   \
	CONTROL(PROC2, APIC_REGISTERS, 8, SOMETIMES)      \
	CONTROL(PROC2, INTR_DELIVERY, 9, SOMETIMES)       \
	CONTROL(PROC2, PAUSE_LOOP_EXITING, 10, SOMETIMES) \
	CONTROL(PROC2, PML, 17, IF_THERE)                 \
	CONTROL(PROC2, TSC_SCALING, 25, SOMETIMES)        \
	CONTROL(EXIT, SAVE_DEBUG, 2, ON)                  \
	CONTROL(EXIT, HOST_64_BIT, 9, ON)                 \
	CONTROL(EXIT, SAVE_PAT, 18, ON)                   \
	CONTROL(EXIT, LOAD_PAT, 19, ON)                   \
	CONTROL(EXIT, SAVE_EFER, 20, ON)                  \
	CONTROL(EXIT, LOAD_EFER, 21, ON)                  \
	CONTROL(EXIT, SAVE_TIMER, 22, IF_THERE)           \
	CONTROL(ENTRY, LOAD_DEBUG, 2, ON)                 \
	CONTROL(ENTRY, GUEST_64_BIT, 9, AT_TIMES)         \
	CONTROL(ENTRY, LOAD_PAT, 14, ON)                  \
	CONTROL(ENTRY, LOAD_EFER, 15, ON)

enum {
#define CONTROL(word, name, bit, need) word##_##name = 1u << (bit),
	VMX_CONTROLS(CONTROL)
#undef CONTROL
};

struct vmx_controls {
	u32 words[WORD_COUNT]; /* by enum vmx_word */
	u32 sometimes
		[WORD_COUNT]; /* of those that may be missing, what can be turned on at times */
};

/*
 * A word's capability MSR: in its low half the bits that must be on, in its high half those that
 * may be.
 */
struct vmx_capabilities {
	u64 words[WORD_COUNT];
};

/*
 * Choose the control words. False: what is needed cannot be had, a capability contradicts itself,
 * or wants a control on that nobody here knows; text (size bytes) names the controls.
 */
bool vmx_controls_choose(const struct vmx_capabilities *can, struct vmx_controls *out, char *text,
			 size_t size);

/* What the CPU can do of a local APIC, with these controls: bits of enum apic_helper. */
u32 vmx_apic_helps(const struct vmx_controls *chosen);

/* The bits of PROC and PROC2 that have it do so; those of PROC are instead of the CR8 exits. */
u32 vmx_apic_proc(enum apic_helper helper);
u32 vmx_apic_proc2(enum apic_helper helper);

/* Do without, as if the CPU could do nothing of it: other CPUs need not have it either. */
void vmx_apic_forgo(struct vmx_controls *chosen);

/*
 * Can PAUSE exit only where a loop of them goes on for some time (PROC2_PAUSE_LOOP_EXITING)?
 * Otherwise each has to (PROC_PAUSE_EXITING).
 */
bool vmx_has_pause_loops(const struct vmx_controls *chosen);

/*
 * May another CPU use the control words that were chosen? False: text names those that it cannot
 * have on, and, with "off", those that it cannot have off.
 */
bool vmx_controls_fit(const struct vmx_capabilities *can, const struct vmx_controls *chosen,
		      char *text, size_t size);
