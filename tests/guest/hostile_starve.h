/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The assembly part of hostile_starve.c. Also for assembly.
 */
#pragma once

#define STARVE_CODE 0x8000 /* where the real-mode code is copied to */
#define STARVE_STACK 0x7000
#define STARVE_SEA 0x400000 /* and up */

#ifndef __ASSEMBLER__

#include "lib/types.h"

extern const u8 starve_image[], starve_image_end[], starve_segment[], starve_movss[], starve_user[];

/* Go to real mode, to the offset in segment 0; never come back. */
void starve_real(u32 offset);

/* Go to starve_user with alignment checks and a misaligned stack. */
void starve_ac(void);

#endif
