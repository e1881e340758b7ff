/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the files of the injection guest: what came, in its order.
 */
#pragma once

#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define VEC_PIT_LOW 0x41u
#define VEC_IPI 0x61u
#define VEC_TIMER 0x81u

/* The vectors, in the order in which their handlers began. */
extern volatile u8 came[32];
extern volatile u32 came_count;

void came_clear(void);
bool came_are(const u8 *vectors, u32 count);

/* Let in what may be taken now; interrupts are off again afterwards. */
void open_window(void);

/* Has its vector noted, then an end of interrupt if it is one of the local APIC's. */
void note(struct trap_frame *frame);

/* The PIT's pin of the I/O APIC, edge triggered, leads to vector; 0: nowhere. */
void ioapic_route_pit(u32 vector);
/* A one-shot of the local APIC's timer. */
void timer_arm(u32 vector, u32 count);

/* inject_shadow.c: boundaries at which interrupts must not come, and pages that were never touched. */
void test_shadows(void);
void test_fresh_stacks(void);
/* inject_many.c: from all sources, again and again. */
void test_many(void);
