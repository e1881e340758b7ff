/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MSRs of VMX and their bits.
 */
#pragma once

#include "lib/types.h"

#define MSR_FEATURE_CONTROL 0x3au
#define FEATURE_CONTROL_LOCKED BIT(0)
#define FEATURE_CONTROL_VMXON BIT(2) /* outside SMX */

#define MSR_VMX_BASIC 0x480u
#define VMX_BASIC_REVISION(basic) ((u32)(basic)&0x7fffffffu)
#define VMX_BASIC_SIZE(basic) ((u32)((basic) >> 32) & 0x1fffu)
#define VMX_BASIC_TYPE(basic) ((u32)((basic) >> 50) & 15u)
#define VMX_BASIC_TRUE_CONTROLS BIT(55)
#define VMX_TYPE_WRITE_BACK 6u

#define MSR_VMX_PIN 0x481u
#define MSR_VMX_PROC 0x482u
#define MSR_VMX_EXIT 0x483u
#define MSR_VMX_ENTRY 0x484u
#define MSR_VMX_MISC 0x485u
#define VMX_MISC_TIMER_SHIFT(misc) ((u32)(misc)&31u)
#define MSR_VMX_CR0_FIXED0 0x486u
#define MSR_VMX_CR0_FIXED1 0x487u
#define MSR_VMX_CR4_FIXED0 0x488u
#define MSR_VMX_CR4_FIXED1 0x489u
#define MSR_VMX_PROC2 0x48bu
#define MSR_VMX_EPT_VPID 0x48cu
#define EPT_HAS_4_LEVELS BIT(6)
#define EPT_HAS_WRITE_BACK BIT(14)
#define EPT_HAS_2M BIT(16)
#define EPT_HAS_1G BIT(17)
#define EPT_HAS_INVEPT BIT(20)
#define EPT_HAS_ACCESSED_DIRTY BIT(21)
#define EPT_HAS_INVEPT_SINGLE BIT(25)
#define EPT_HAS_INVEPT_ALL BIT(26)
#define VPID_HAS_INVVPID BIT(32)
#define VPID_HAS_INVVPID_ALL BIT(42)
#define MSR_VMX_TRUE_PIN 0x48du
#define MSR_VMX_TRUE_PROC 0x48eu
#define MSR_VMX_TRUE_EXIT 0x48fu
#define MSR_VMX_TRUE_ENTRY 0x490u

#define CR4_VMXE BIT(13)
