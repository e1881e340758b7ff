/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the real-mode part of real.c lies, and what it leaves behind. Also for assembly.
 */
#pragma once

#define REAL_CODE 0x10000
#define REAL_DATA 0x20000
#define REAL_STACK 0x30000
#define REAL_SP 0xff00
#define REAL_CODE_SEG 0x1000
#define REAL_DATA_SEG 0x2000
#define REAL_STACK_SEG 0x3000

#ifndef __ASSEMBLER__

#include "lib/types.h"

/* The image, which is copied to REAL_CODE; the tests in it are at offsets from its start. */
extern const u8 real_image[], real_image_end[];

/* Go to real mode, call test, which is in the image, and come back. */
void real_call(const u8 *test, u32 offset);

extern const u8 real_arithmetic[], real_strings[], real_far[], real_int[], real_flags[],
	real_wrap[], real_limit[], real_unreal[], real_ports[], real_cpuid[], real_hlt[],
	real_faults[], real_steps[], real_msr[], real_nothing[];

#endif
