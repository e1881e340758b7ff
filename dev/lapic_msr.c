/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's registers in x2APIC mode, where they are MSRs: see lapic.h. What is reserved, only
 * for reading or only for writing is a #GP here, and no error in ESR. There is no delivery status,
 * so an ICR of one write.
 */
#include "dev/lapic_internal.h"

#define TIMER_MODE (LVT_TIMER_PERIODIC | LVT_TIMER_DEADLINE)

static bool is_readable(u32 index)
{
	switch (index) {
	case REG_ID:
	case REG_VERSION:
	case REG_TPR:
	case REG_PPR:
	case REG_LDR:
	case REG_SVR:
	case REG_ISR ... REG_IRR_LAST:
	case REG_ESR:
	case REG_ICR_LOW:
	case REG_LVT ... REG_LVT_LAST:
	case REG_TIMER_INITIAL:
	case REG_TIMER_CURRENT:
	case REG_TIMER_DIVIDE:
		return true;
	default:
		return false;
	}
}

bool lapic_read_msr(struct lapic *apic, u32 index, u64 *value)
{
	if (!apic->x2apic || !is_readable(index))
		return false;
	*value = lapic_read_register(apic, index);
	if (index == REG_ICR_LOW)
		*value |= (u64)apic->icr_high << 32;
	return true;
}

/* The bits that a write may have. None: nothing can be written there, or only 0. */
static u32 writable_bits(u32 index)
{
	switch (index) {
	case REG_TPR:
		return 0xff;
	case REG_SVR:
		return SVR_WRITABLE;
	case REG_LVT + LVT_LINT0:
	case REG_LVT + LVT_LINT1:
		return lapic_lvt_writable(index - REG_LVT) | LVT_STATUS | LVT_REMOTE_IRR;
	case REG_LVT ... REG_LVT + LVT_PERF:
	case REG_LVT + LVT_ERROR:
		return lapic_lvt_writable(index - REG_LVT) | LVT_STATUS;
	case REG_TIMER_INITIAL:
		return ~0u;
	case REG_TIMER_DIVIDE:
		return TIMER_DIVIDE;
	default:
		return 0;
	}
}

static bool is_writable(u32 index, u64 value)
{
	u32 bits = writable_bits(index);

	if (value & ~(u64)bits)
		return false;
	if (index == REG_LVT + LVT_TIMER && (value & TIMER_MODE) == TIMER_MODE)
		return false;
	return bits || index == REG_EOI || index == REG_ESR;
}

static bool write_icr(struct lapic *apic, u64 value)
{
	if ((u32)value & ~ICR_WRITABLE)
		return false;
	if (apic->stopped)
		return true;
	apic->icr_low = (u32)value;
	apic->icr_high = (u32)(value >> 32);
	lapic_send(apic, apic->icr_low, apic->icr_high);
	return true;
}

static bool write_self_ipi(struct lapic *apic, u64 value)
{
	if (value & ~(u64)LVT_VECTOR)
		return false;
	if (apic->stopped)
		return true;
	if (unlikely(value < FIRST_VECTOR))
		lapic_report_error(apic, ESR_SEND_VECTOR);
	else
		lapic_request(apic, (u8)value, false);
	return true;
}

bool lapic_write_msr(struct lapic *apic, u32 index, u64 value)
{
	if (!apic->x2apic)
		return false;
	if (index == REG_SELF_IPI)
		return write_self_ipi(apic, value);
	if (index == REG_ICR_LOW)
		return write_icr(apic, value);
	if (!is_writable(index, value))
		return false;
	if (!apic->stopped)
		lapic_write_register(apic, index, (u32)value);
	return true;
}
