/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FPU state of guests. The hypervisor itself is built without FPU instructions, so a
 * guest's state stays in the CPU until another vCPU is loaded there.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/features.h"
#include "lib/types.h"

/* Bytes of an area. */
static inline size_t fpu_area_size(void)
{
	return MAX(cpu_features.xsave_size, 576u);
}

/* Make area (zeroed, 64-byte aligned) the state after a reset. */
static inline void fpu_area_init(void *area)
{
	*(u16 *)area = 0x37f; /* FCW */
	*(u32 *)((u8 *)area + 24) = 0x1f80; /* MXCSR */
	if (cpu_features.xsave)
		*(u64 *)((u8 *)area + 512) = 3; /* XSTATE_BV: x87 and SSE are in the area */
}

/* Everything the CPU has, whatever XCR0 the guest runs with. */
static inline void fpu_save(void *area)
{
	if (!cpu_features.xsave) {
		asm volatile("fxsaveq (%0)" : : "r"(area) : "memory");
		return;
	}
	xsetbv(0, cpu_features.xsave_mask);
	asm volatile("xsaveq (%0)"
		     :
		     : "r"(area), "a"((u32)cpu_features.xsave_mask),
		       "d"((u32)(cpu_features.xsave_mask >> 32))
		     : "memory");
}

/*
 * AMD's older CPUs restore the pointers to the last x87 instruction and its operand only with an
 * exception pending: without this a guest would see the last one's. Any load sets them anew.
 */
static inline void fpu_forget_pointers(void)
{
	static const u32 zero;

	if (!cpu_features.xsaveerptr)
		asm volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(zero));
}

/* XCR0 is as fpu_save() left it, or features_enable(). */
static inline void fpu_restore(const void *area)
{
	fpu_forget_pointers();
	if (!cpu_features.xsave) {
		asm volatile("fxrstorq (%0)" : : "r"(area) : "memory");
		return;
	}
	asm volatile("xrstorq (%0)"
		     :
		     : "r"(area), "a"((u32)cpu_features.xsave_mask),
		       "d"((u32)(cpu_features.xsave_mask >> 32))
		     : "memory");
}
