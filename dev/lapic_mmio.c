/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's registers, as memory and as MSR, and its reset states: see lapic.h.
 */
#include "dev/lapic.h"

#include "dev/lapic_internal.h"
#include "lib/err.h"

/* Register offsets, divided by 16. */
enum {
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
	REG_ICR_LOW = 0x30,
	REG_ICR_HIGH = 0x31,
	REG_LVT = 0x32,
	REG_LVT_LAST = 0x37,
	REG_TIMER_INITIAL = 0x38,
	REG_TIMER_CURRENT = 0x39,
	REG_TIMER_DIVIDE = 0x3e,
};

#define VERSION (0x14u | (LVT_COUNT - 1u) << 16)

#define SVR_WRITABLE 0x3ffu

/* What can be written of each table entry. */
static const u32 lvt_writable[LVT_COUNT] = {
	[LVT_TIMER] = LVT_MASKED | LVT_TIMER_PERIODIC | 0xff,
	[LVT_THERMAL] = LVT_MASKED | 0x7ff,
	[LVT_PERF] = LVT_MASKED | 0x7ff,
	[LVT_LINT0] = LVT_MASKED | 0xa7ff,
	[LVT_LINT1] = LVT_MASKED | 0xa7ff,
	[LVT_ERROR] = LVT_MASKED | 0xff,
};

static void write_lvt(struct lapic *apic, enum lapic_lvt index, u32 value)
{
	value &= lvt_writable[index];
	if (!(apic->svr & SVR_ENABLE))
		value |= LVT_MASKED;
	if (index == LVT_TIMER)
		lapic_timer_settle(apic);
	apic->lvt[index] = value;
	if (index == LVT_TIMER)
		lapic_timer_rearm(apic);
	else if (index == LVT_LINT0)
		lapic_notify(apic);
}

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
			write_lvt(apic, i, apic->lvt[i]);
	}
	lapic_refresh(apic);
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
static u32 read_empty(struct lapic *apic, u32 reg)
{
	if (reg != REG_APR && reg != REG_EOI && reg != REG_RRD)
		lapic_report_error(apic, ESR_REGISTER);
	return 0;
}

static u32 read_reg(struct lapic *apic, u32 reg)
{
	switch (reg) {
	case REG_ID:
		return (u32)apic->id << 24;
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
static void write_read_only(struct lapic *apic, u32 reg)
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

static void write_reg(struct lapic *apic, u32 reg, u32 value)
{
	switch (reg) {
	case REG_EOI:
		lapic_end_of_interrupt(apic);
		break;
	case REG_TPR:
		write_tpr(apic, (u8)value);
		break;
	case REG_LDR:
		apic->ldr = value & 0xff000000;
		break;
	case REG_DFR:
		apic->dfr = value | 0x0fffffff;
		break;
	case REG_SVR:
		write_svr(apic, value);
		break;
	case REG_ESR:
		write_esr(apic);
		break;
	case REG_ICR_LOW:
		lapic_write_icr(apic, value);
		break;
	case REG_ICR_HIGH:
		apic->icr_high = value & 0xff000000;
		break;
	case REG_LVT ... REG_LVT_LAST:
		write_lvt(apic, reg - REG_LVT, value);
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

	if (!apic->enabled || offset >= LAPIC_SIZE)
		value = ~0ull;
	else if (byte < 4)
		value = (u64)read_reg(apic, (u32)(offset >> 4)) >> (8 * byte);
	return size < 8 ? value & (BIT(8 * size) - 1) : value;
}

static void lapic_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct lapic *apic = dev;

	if (!apic->enabled || apic->stopped || offset >= LAPIC_SIZE || (offset & 15) || size < 4)
		return;
	write_reg(apic, (u32)(offset >> 4), (u32)value);
}

const struct io_ops lapic_io = { .read = lapic_read, .write = lapic_write };

u8 lapic_read_cr8(const struct lapic *apic)
{
	return apic->tpr >> 4;
}

void lapic_write_cr8(struct lapic *apic, u64 value)
{
	write_tpr(apic, (u8)(value << 4));
}

u64 lapic_read_base(const struct lapic *apic)
{
	return LAPIC_BASE | (apic->enabled ? LAPIC_BASE_ENABLE : 0) |
	       (apic->bsp ? LAPIC_BASE_BSP : 0);
}

int lapic_write_base(struct lapic *apic, u64 value)
{
	bool enable = value & LAPIC_BASE_ENABLE;

	if (value & BITS(11, 0) & ~(LAPIC_BASE_ENABLE | LAPIC_BASE_BSP))
		return E_INVAL;
	if ((value & ~BITS(11, 0)) != LAPIC_BASE)
		return E_UNSUPPORTED;
	if (enable == apic->enabled)
		return 0;
	/* Disabling loses all state, as the manuals allow; so enabling finds it reset. */
	lapic_reset(apic);
	apic->enabled = enable;
	lapic_notify(apic);
	return 0;
}

void lapic_reset(struct lapic *apic)
{
	lapic_timer_reset(apic);
	apic->enabled = true;
	apic->stopped = false;
	apic->tpr = 0;
	apic->ldr = 0;
	apic->dfr = ~0u;
	apic->svr = 0xff;
	apic->esr = 0;
	apic->errors = 0;
	apic->icr_low = 0;
	apic->icr_high = 0;
	for (unsigned int i = 0; i < LVT_COUNT; i++)
		apic->lvt[i] = LVT_MASKED;
	apic->irr = apic->isr = apic->tmr = (struct lapic_vectors){ 0 };
	lapic_refresh(apic);
	lapic_notify(apic);
}

void lapic_stop(struct lapic *apic)
{
	apic->stopped = true;
	lapic_refresh(apic);
}

void lapic_init_virtual_wire(struct lapic *apic)
{
	apic->svr |= SVR_ENABLE;
	apic->lvt[LVT_LINT0] = (u32)DELIVER_EXTINT << 8;
	apic->lvt[LVT_LINT1] = (u32)DELIVER_NMI << 8;
	lapic_refresh(apic);
	lapic_notify(apic);
}

void lapic_init(struct lapic *apic, u8 id, struct apic_bus *bus, const struct lapic_host *host,
		struct timer_queue *queue)
{
	*apic = (struct lapic){
		.host = *host, .bus = bus, .id = id, .bsp = id == 0, .pending = -1
	};
	lapic_timer_init(apic, queue);
	lapic_reset(apic);
}
