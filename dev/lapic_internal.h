/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the local APIC's files (lapic.c, lapic_mmio.c, lapic_timer.c) share, and nobody else.
 */
#pragma once

#include "dev/lapic.h"

#define SVR_ENABLE 0x100u
#define ESR_REGISTER 0x80u /* no such register */
#define LVT_MASKED 0x10000u
#define LVT_TIMER_PERIODIC 0x20000u

/* Choose the interrupt to deliver again: after each change of IRR, ISR, TPR or enabling. */
void lapic_refresh(struct lapic *apic);

/* Tell the host that lapic_accepts_pic() may have changed. */
void lapic_notify(struct lapic *apic);

/* Note an ESR bit, and interrupt for it. */
void lapic_report_error(struct lapic *apic, u32 error);

void lapic_end_of_interrupt(struct lapic *apic);

/* A write to the low half of ICR: send an IPI. The APIC may have been reset when it returns. */
void lapic_write_icr(struct lapic *apic, u32 value);

/* Deliver what a local source of interrupts asks for, as its table entry says. */
void lapic_raise_local(struct lapic *apic, enum lapic_lvt source);

void lapic_timer_init(struct lapic *apic, struct timer_queue *queue);
void lapic_timer_reset(struct lapic *apic);

u32 lapic_timer_count(const struct lapic *apic);
void lapic_timer_write_initial(struct lapic *apic, u32 value);
void lapic_timer_write_divide(struct lapic *apic, u32 value);

/*
 * Around a change of the timer's table entry: before, so that what has expired by now is
 * delivered as the old entry says; after, so that the new one takes effect.
 */
void lapic_timer_settle(struct lapic *apic);
void lapic_timer_rearm(struct lapic *apic);
