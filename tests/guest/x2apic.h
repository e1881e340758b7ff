/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the guest that tests the local APIC's modes.
 */
#pragma once

#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/lib/x2apic.h"

#define VEC_A 0x52u
#define VEC_B 0x83u

/* Interrupts are on for a moment. */
void open_window(void);

/* x2apic_lines.c: with the other controllers. */
void test_lines(void);
/* x2apic_timer.c: in the mode that the APIC is in; eoi ends an interrupt there. */
void test_deadline(const char *mode, void (*eoi)(void));
/* x2apic_place.c: from and back to xAPIC mode, at the usual place. */
void test_place(void);
/* x2apic_ipi.c: with the other CPUs. */
void test_ipis(void);
