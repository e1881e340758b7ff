/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's registers, as both of its modes have them, and as memory: see lapic.h. As MSRs
 * they are in lapic_msr.c.
 */
#include "dev/lapic_internal.h"

#define VERSION_QUIET_EOI BIT(24) /* SVR_QUIET_EOI is there */
#define VERSION (LAPIC_VERSION | (LVT_COUNT - 1u) << 16 | (u32)VERSION_QUIET_EOI)

static void write_tpr(struct lapic *apic, u8 value)
{
	apic->tpr = value;
	lapic_refresh(apic);
}

/* Whatever is written: show what has gone wrong since the last write. */
static void write_esr(struct lapic *apic)
{
	apic->esr = apic->errors;
	apic->errors = 0;
}

static void write_svr(struct lapic *apic, u32 value)
{
	apic->svr = value & SVR_WRITABLE;
	/* Turning it off masks every entry, and turning it on does not bring that back. */
	if (!(value & SVR_ENABLE)) {
		for (unsigned int i = 0; i < LVT_COUNT; i++)
			lapic_write_lvt(apic, i, apic->lvt[i]);
	}
	lapic_refresh(apic);
	lapic_notify(apic);
}

/* ISR, TMR and IRR: eight registers of 32 vectors each. */
static u32 read_vectors(const struct lapic *apic, u32 reg)
{
	const struct lapic_vectors *set = reg < REG_TMR   ? &apic->isr
					  : reg < REG_IRR ? &apic->tmr
							  : &apic->irr;

	return (u32)(set->bits[reg % 8 / 2] >> (reg % 2 * 32));
}

/* Reads as 0: an error only where there is no register at all. */
static u32 read_empty(struct lapic *apic, enum lapic_register reg)
{
	if (reg != REG_APR && reg != REG_EOI && reg != REG_RRD)
		lapic_report_error(apic, ESR_REGISTER);
	return 0;
}

u32 lapic_read_register(struct lapic *apic, enum lapic_register reg)
{
	switch (reg) {
	case REG_ID:
		return apic->x2apic ? apic->id : apic->id << 24;
	case REG_VERSION:
		return VERSION;
	case REG_TPR:
		return apic->tpr;
	case REG_PPR:
		return apic->ppr;
	case REG_LDR:
		return apic->ldr;
	case REG_DFR:
		return apic->dfr;
	case REG_SVR:
		return apic->svr;
	case REG_ISR ... REG_IRR_LAST:
		return read_vectors(apic, reg);
	case REG_ESR:
		return apic->esr;
	case REG_ICR_LOW:
		return apic->icr_low;
	case REG_ICR_HIGH:
		return apic->icr_high;
	case REG_LVT ... REG_LVT_LAST:
		return apic->lvt[reg - REG_LVT];
	case REG_TIMER_INITIAL:
		return apic->timer_initial;
	case REG_TIMER_CURRENT:
		return lapic_timer_count(apic);
	case REG_TIMER_DIVIDE:
		return apic->timer_divide;
	default:
		return read_empty(apic, reg);
	}
}

/* Nothing to write there: an error only where there is nothing at all. */
static void write_read_only(struct lapic *apic, enum lapic_register reg)
{
	switch (reg) {
	case REG_ID: /* fixed: the tables that name this CPU rely on it */
	case REG_VERSION:
	case REG_APR:
	case REG_PPR:
	case REG_RRD:
	case REG_ISR ... REG_IRR_LAST:
	case REG_TIMER_CURRENT:
		break;
	default:
		lapic_report_error(apic, ESR_REGISTER);
		break;
	}
}

void lapic_write_register(struct lapic *apic, enum lapic_register reg, u32 value)
{
	switch (reg) {
	case REG_EOI:
		lapic_end_of_interrupt(apic);
		break;
	case REG_TPR:
		write_tpr(apic, (u8)value);
		break;
	case REG_SVR:
		write_svr(apic, value);
		break;
	case REG_ESR:
		write_esr(apic);
		break;
	case REG_LVT ... REG_LVT_LAST:
		lapic_write_lvt(apic, reg - REG_LVT, value);
		break;
	case REG_TIMER_INITIAL:
		lapic_timer_write_initial(apic, value);
		break;
	case REG_TIMER_DIVIDE:
		lapic_timer_write_divide(apic, value);
		break;
	default:
		write_read_only(apic, reg);
		break;
	}
}

/* Those that only this mode can write. */
static void write_page(struct lapic *apic, enum lapic_register reg, u32 value)
{
	switch (reg) {
	case REG_LDR:
		apic->ldr = value & 0xff000000;
		break;
	case REG_DFR:
		apic->dfr = value | 0x0fffffff;
		break;
	case REG_ICR_LOW:
		apic->icr_low = value & ICR_WRITABLE;
		lapic_send(apic, apic->icr_low, lapic_dest8((u8)(apic->icr_high >> 24)));
		break;
	case REG_ICR_HIGH:
		apic->icr_high = value & 0xff000000;
		break;
	default:
		lapic_write_register(apic, reg, value);
		break;
	}
}

static inline bool page_is_there(const struct lapic *apic, u64 offset)
{
	return apic->enabled && !apic->x2apic && offset < LAPIC_SIZE;
}

/*
 * Registers are 32 bits at the start of each 16 bytes. Aligned 4-byte accesses are the only
 * defined ones; other reads get the bytes of the register they touch and 0 for the gaps,
 * writes take effect only when they begin with a whole register.
 */
static u64 lapic_read(void *dev, u64 offset, unsigned int size)
{
	struct lapic *apic = dev;
	unsigned int byte = offset & 15;
	u64 value = 0;

	if (likely(page_is_there(apic, offset) && !byte && size == 4))
		return lapic_read_register(apic, (u32)(offset >> 4));
	if (!page_is_there(apic, offset))
		value = ~0ull;
	else if (byte < 4)
		value = (u64)lapic_read_register(apic, (u32)(offset >> 4)) >> (8 * byte);
	return size < 8 ? value & (BIT(8 * size) - 1) : value;
}

static void lapic_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct lapic *apic = dev;

	if (!page_is_there(apic, offset) || apic->stopped || (offset & 15) || size < 4)
		return;
	write_page(apic, (u32)(offset >> 4), (u32)value);
}

const struct io_ops lapic_io = { .read = lapic_read, .write = lapic_write };

u8 lapic_read_cr8(const struct lapic *apic)
{
	return apic->tpr >> 4;
}

void lapic_write_cr8(struct lapic *apic, u64 value)
{
	if (unlikely(!apic->uses_cr8)) {
		apic->uses_cr8 = true;
		lapic_notify(apic);
	}
	write_tpr(apic, (u8)(value << 4));
}
