/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the local APIC's files (lapic*.c) share, and nobody else.
 */
#pragma once

#include "dev/lapic.h"

#define SVR_ENABLE 0x100u
#define SVR_FOCUS 0x200u /* held, and without effect, as on all APICs of today */
#define SVR_QUIET_EOI 0x1000u /* no broadcast: software tells the I/O APIC itself */
#define SVR_WRITABLE (0xffu | SVR_ENABLE | SVR_FOCUS | SVR_QUIET_EOI)
#define ESR_SEND_VECTOR 0x20u
#define ESR_RECEIVE_VECTOR 0x40u
#define ESR_REGISTER 0x80u /* no such register */
#define ICR_SELF 0x40000u
#define ICR_WRITABLE 0xccfffu
#define LVT_VECTOR 0xffu
#define LVT_DELIVERY 0x700u
#define LVT_STATUS 0x1000u /* never set: what is sent is there at once */
#define LVT_REMOTE_IRR 0x4000u
#define LVT_LEVEL 0x8000u
#define LVT_MASKED 0x10000u
#define LVT_TIMER_PERIODIC 0x20000u
#define LVT_TIMER_DEADLINE 0x40000u
#define TIMER_DIVIDE 0x0bu

#define FIRST_VECTOR 16u /* those below are the exceptions', and not allowed */

/* Register offsets, divided by 16; with LAPIC_MSRS added, MSRs. */
enum lapic_register {
	REG_ID = 0x02,
	REG_VERSION = 0x03,
	REG_TPR = 0x08,
	REG_APR = 0x09,
	REG_PPR = 0x0a,
	REG_EOI = 0x0b,
	REG_RRD = 0x0c,
	REG_LDR = 0x0d,
	REG_DFR = 0x0e,
	REG_SVR = 0x0f,
	REG_ISR = 0x10,
	REG_TMR = 0x18,
	REG_IRR = 0x20,
	REG_IRR_LAST = 0x27,
	REG_ESR = 0x28,
	REG_ICR_LOW = 0x30, /* in x2APIC mode all of ICR */
	REG_ICR_HIGH = 0x31,
	REG_LVT = 0x32,
	REG_LVT_LAST = 0x37,
	REG_TIMER_INITIAL = 0x38,
	REG_TIMER_CURRENT = 0x39,
	REG_TIMER_DIVIDE = 0x3e,
	REG_SELF_IPI = 0x3f, /* in x2APIC mode */
};

static inline void vector_set(struct lapic_vectors *set, u8 vector)
{
	set->bits[vector / 64] |= BIT(vector % 64);
	set->words |= 1u << vector / 64;
}

static inline void vector_clear(struct lapic_vectors *set, u8 vector)
{
	set->bits[vector / 64] &= ~BIT(vector % 64);
	if (!set->bits[vector / 64])
		set->words &= ~(1u << vector / 64);
}

static inline bool vector_test(const struct lapic_vectors *set, u8 vector)
{
	return set->bits[vector / 64] & BIT(vector % 64);
}

/* The highest vector in the set, or -1. */
static inline int vector_highest(const struct lapic_vectors *set)
{
	int word;

	if (!set->words)
		return -1;
	word = 31 - __builtin_clz(set->words);
	return word * 64 + 63 - __builtin_clzll(set->bits[word]);
}

/* Choose the interrupt to deliver again: after each change of IRR, ISR, TPR or enabling. */
void lapic_refresh(struct lapic *apic);

/* Tell the host that lapic_accepts_pic(), or what lapic_give() would do, may have changed. */
void lapic_notify(struct lapic *apic);

/* Note an ESR bit, and interrupt for it. */
void lapic_report_error(struct lapic *apic, u32 error);

void lapic_end_of_interrupt(struct lapic *apic);

/* A level-triggered interrupt has ended: tell those that may want to send it again. */
void lapic_end_level(struct lapic *apic, u8 vector);

/*
 * Send an IPI: a write of ICR, to dest unless it has a shorthand. The APIC may have been reset when
 * it returns.
 */
void lapic_send(struct lapic *apic, u32 icr, u32 dest);

/* The registers that xAPIC and x2APIC mode share, but for ICR; the MSR's values are checked. */
u32 lapic_read_register(struct lapic *apic, enum lapic_register reg);
void lapic_write_register(struct lapic *apic, enum lapic_register reg, u32 value);

/* What can be written of an entry of the local vector table. */
u32 lapic_lvt_writable(enum lapic_lvt index);
void lapic_write_lvt(struct lapic *apic, enum lapic_lvt index, u32 value);

/* Deliver what a local source of interrupts asks for, as its table entry says. */
void lapic_raise_local(struct lapic *apic, enum lapic_lvt source);

/* A level-triggered interrupt with this vector has ended: LINT0 may still be up. */
void lapic_lint_ended(struct lapic *apic, u8 vector);

void lapic_timer_init(struct lapic *apic, struct timer_queue *queue);
void lapic_timer_reset(struct lapic *apic);

u32 lapic_timer_count(const struct lapic *apic);
void lapic_timer_write_initial(struct lapic *apic, u32 value);
void lapic_timer_write_divide(struct lapic *apic, u32 value);

/* A write of the timer's table entry. What has expired by now is delivered as the old one says. */
void lapic_timer_write_lvt(struct lapic *apic, u32 entry);
