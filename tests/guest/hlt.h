/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the files of the HLT and timer guest.
 */
#pragma once

#include "tests/guest/lib/trap.h"

/* Vectors of local APIC interrupts: two priority classes, and the timer between them. */
#define VEC_LOW 0x51u
#define VEC_TIMER 0x61u
#define VEC_HIGH 0x71u

void test_priorities(void);
void test_clocks(void);
