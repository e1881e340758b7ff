/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU's vector registers, for an instruction that is emulated while the guest's are in them: the
 * hypervisor itself is built without them.
 */
#pragma once

#include "lib/types.h"

/*
 * Register reg of size bytes: 8 MMX (reg 0..7), 16 XMM, 32 YMM (0..15; if the CPU's XCR0 has AVX). A
 * write of XMM leaves the upper half of YMM alone, one of YMM clears what is above it. An access of
 * MMX is one to the FPU's state: no exception may wait there.
 */
void vector_read(unsigned int size, unsigned int reg, u64 *value);
void vector_write(unsigned int size, unsigned int reg, const u64 *value);
