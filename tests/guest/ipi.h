/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the IPI guest share: CPUs that wait for interrupts and count them.
 */
#pragma once

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/smp64.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define VEC_SETTLE 0x51u /* of a lower priority than all others */
#define VEC_COUNT 0x61u
#define VEC_TOKEN 0x62u
#define VEC_TICK 0x63u
#define VEC_STORM 0x64u
#define VEC_IRQ 0x65u

extern u32 cpus;
extern volatile u32 got[SMP_MAX]; /* VEC_COUNT, by CPU */

/* Let all others wait for interrupts, halted or not. */
void start_waiting(bool halted);

/* Wait until all interrupts that were sent before have been taken. */
void settle(void);

/* ipi_nmi.c: of one to the first CPU, and to others. */
void test_nmi(void);
/* ipi_many.c */
void test_token(void);
void test_storm(void);
void test_timers(void);
void test_ioapic(void);
/* ipi_lines.c */
void test_lines(void);
