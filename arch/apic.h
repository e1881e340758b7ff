/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC of each CPU, in xAPIC (memory) or x2APIC (MSR) mode, and its timer.
 */
#pragma once

#include "lib/types.h"

/* Once, on the boot CPU: mmio is where the registers are mapped; unused in x2APIC mode. */
void apic_init(volatile u32 *mmio);

/* True when APIC ids above 254 can be reached. */
bool apic_is_x2apic(void);

/* On each CPU: software-enable it, mask what we do not use. */
void apic_enable(void);

u32 apic_id(void);
void apic_eoi(void);

/* Fixed interrupt, NMI, INIT and start-up IPIs to one CPU. page: the trampoline's 4 KiB frame below 1 MiB. */
void apic_send_vector(u32 id, u8 vector);
void apic_send_nmi(u32 id);
void apic_send_init(u32 id);
void apic_send_startup(u32 id, u8 page);

/* Timer ticks per second (divide by 1) as measured by clock_init(). */
void apic_timer_set_frequency(u64 hz);
/* One interrupt at VECTOR_TIMER, ns nanoseconds from now (bounded by the counter's width). */
void apic_timer_arm(u64 ns);
void apic_timer_stop(void);
/* For calibration: start counting down from the top without an interrupt; ticks since. */
void apic_timer_start_counting(void);
u32 apic_timer_elapsed(void);
