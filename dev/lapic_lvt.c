/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's own sources of interrupts: the local vector table, and the inputs LINT0 and
 * LINT1. See lapic.h.
 *
 * Of LINT0's level-triggered interrupts the entry's remote IRR bit remembers that one was sent and
 * has not ended; when it ends and the line is still up, another one is sent. LINT1 knows
 * edges only, as the manual has it.
 */
#include "dev/lapic_internal.h"

static const u32 writable[LVT_COUNT] = {
	[LVT_TIMER] = LVT_MASKED | LVT_TIMER_PERIODIC | LVT_TIMER_DEADLINE | LVT_VECTOR,
	[LVT_THERMAL] = LVT_MASKED | LVT_DELIVERY | LVT_VECTOR,
	[LVT_PERF] = LVT_MASKED | LVT_DELIVERY | LVT_VECTOR,
	[LVT_LINT0] = LVT_MASKED | 0xa000 | LVT_DELIVERY | LVT_VECTOR,
	[LVT_LINT1] = LVT_MASKED | 0xa000 | LVT_DELIVERY | LVT_VECTOR,
	[LVT_ERROR] = LVT_MASKED | LVT_VECTOR,
};

u32 lapic_lvt_writable(enum lapic_lvt index)
{
	return writable[index];
}

static enum lapic_delivery delivery_of(u32 entry)
{
	return (enum lapic_delivery)(entry >> 8 & 7);
}

static bool is_level(const struct lapic *apic, enum lapic_lvt source)
{
	u32 entry = apic->lvt[source];

	return source == LVT_LINT0 && (entry & LVT_LEVEL) && delivery_of(entry) == DELIVER_FIXED;
}

void lapic_raise_local(struct lapic *apic, enum lapic_lvt source)
{
	u32 entry = apic->lvt[source];
	struct lapic_ipi message = { .delivery = delivery_of(entry), .vector = (u8)entry };

	if (entry & LVT_MASKED)
		return;
	switch (delivery_of(entry)) {
	case DELIVER_FIXED:
	case DELIVER_NMI:
	case DELIVER_INIT:
		lapic_accept(apic, &message, is_level(apic, source));
		break;
	default: /* nothing, or, for ExtINT, see lapic_accepts_pic() */
		break;
	}
}

/* Send a level that is up and not sent yet: after all that may have held it back. */
static void send_level(struct lapic *apic)
{
	u32 *entry = &apic->lvt[LVT_LINT0];

	if (!apic->lint[0] || !is_level(apic, LVT_LINT0) ||
	    (*entry & (LVT_MASKED | LVT_REMOTE_IRR)))
		return;
	if (lapic_request(apic, (u8)*entry, true))
		*entry |= LVT_REMOTE_IRR;
}

void lapic_lint_ended(struct lapic *apic, u8 vector)
{
	u32 *entry = &apic->lvt[LVT_LINT0];

	if (!(*entry & LVT_REMOTE_IRR) || (u8)*entry != vector)
		return;
	*entry &= ~LVT_REMOTE_IRR;
	send_level(apic);
}

void lapic_set_lint(struct lapic *apic, enum lapic_lvt lint, bool level)
{
	bool *line = &apic->lint[lint - LVT_LINT0];

	if (*line == level)
		return;
	*line = level;
	if (!level)
		return;
	if (apic->enabled && is_level(apic, lint))
		send_level(apic);
	else if (apic->enabled)
		lapic_raise_local(apic, lint);
	else if (lint == LVT_LINT1 && apic->host.signal) /* it is the CPU's NMI pin then */
		apic->host.signal(apic->host.ctx, DELIVER_NMI, 0);
}

void lapic_write_lvt(struct lapic *apic, enum lapic_lvt index, u32 value)
{
	value &= writable[index];
	if (!(apic->svr & SVR_ENABLE))
		value |= LVT_MASKED;
	if (index == LVT_TIMER) {
		lapic_timer_write_lvt(apic, value);
		return;
	}
	value |= apic->lvt[index] & LVT_REMOTE_IRR;
	apic->lvt[index] = value;
	if (index != LVT_LINT0)
		return;
	if (!is_level(apic, LVT_LINT0))
		apic->lvt[index] &= ~LVT_REMOTE_IRR;
	send_level(apic);
	lapic_notify(apic);
}

bool lapic_accepts_pic(const struct lapic *apic)
{
	u32 entry = apic->lvt[LVT_LINT0];

	return !apic->enabled || (!(entry & LVT_MASKED) && delivery_of(entry) == DELIVER_EXTINT);
}
