/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware: see pm.h. Any width and alignment of access works: other than whole
 * reads of the timer they are taken byte by byte.
 */
#include "dev/pm.h"

#include "dev/byte_regs.h"
#include "dev/ticks.h"

#define STATUS_TIMER 0x0001u
#define ENABLE_WRITABLE 0x0721u /* timer, global lock, power and sleep button, RTC */
#define CONTROL_SCI_EN 0x0001u
#define CONTROL_WRITABLE 0x1c03u /* SCI_EN, BM_RLD, SLP_TYP */
#define CONTROL_SLP_TYP(control) ((control) >> 10 & 7)
#define CONTROL_SLP_EN 0x2000u

static u64 timer_ticks(void)
{
	return ns_to_ticks(clock_ns(), PM_TIMER_HZ);
}

/* The timer's status bit is set at each change of the timer's top bit. */
static void sync_status(struct pm *pm)
{
	u64 halves = timer_ticks() >> 31;

	if (halves > pm->seen_halves)
		pm->status |= STATUS_TIMER;
	pm->seen_halves = MAX(pm->seen_halves, halves);
}

/* The SCI's level; and if it is the timer that will raise it, to come back then. */
static void update_sci(struct pm *pm)
{
	u64 change = (pm->seen_halves + 1) << 31;
	bool line = pm->status & pm->enable;

	if ((pm->enable & STATUS_TIMER) && !(pm->status & STATUS_TIMER))
		timer_arm(&pm->timer, ticks_to_ns(change, PM_TIMER_HZ));
	else
		timer_cancel(&pm->timer);
	if (line == pm->line)
		return;
	pm->line = line;
	irq_line_set(&pm->sci, line);
}

static void timer_changed(struct timer *timer)
{
	struct pm *pm = container_of(timer, struct pm, timer);

	sync_status(pm);
	update_sci(pm);
}

static u8 pm_read_reg(void *dev, u32 reg)
{
	struct pm *pm = dev;
	unsigned int shift = 8 * (reg & 1);

	switch (reg & ~1u) {
	case PM1_EVENT:
		sync_status(pm);
		update_sci(pm);
		return (u8)(pm->status >> shift);
	case PM1_EVENT + 2:
		return (u8)(pm->enable >> shift);
	case PM1_CONTROL:
		return (u8)(pm->control >> shift);
	case PM_TIMER:
	case PM_TIMER + 2:
		return (u8)(timer_ticks() >> (8 * (reg - PM_TIMER)));
	default:
		return 0xff;
	}
}

/* reg with one of its bytes replaced. */
static u16 with_byte(u16 reg, unsigned int shift, u8 value)
{
	return (u16)((reg & ~(0xffu << shift)) | (u32)value << shift);
}

static void write_control(struct pm *pm, unsigned int shift, u8 value)
{
	u16 control = with_byte(pm->control, shift, value);

	/* SCI_EN stays: there is no other mode to go back to. SLP_EN reads as 0. */
	pm->control = (control & CONTROL_WRITABLE) | CONTROL_SCI_EN;
	if ((control & CONTROL_SLP_EN) && CONTROL_SLP_TYP(control) == PM_SLEEP_TYPE_OFF)
		pm->power_off(pm->ctx);
}

static void pm_write_reg(void *dev, u32 reg, u8 value)
{
	struct pm *pm = dev;
	unsigned int shift = 8 * (reg & 1);

	switch (reg & ~1u) {
	case PM1_EVENT: /* writing ones clears */
		sync_status(pm);
		pm->status &= (u16) ~((u32)value << shift);
		update_sci(pm);
		break;
	case PM1_EVENT + 2:
		pm->enable = with_byte(pm->enable, shift, value) & ENABLE_WRITABLE;
		sync_status(pm);
		update_sci(pm);
		break;
	case PM1_CONTROL:
		write_control(pm, shift, value);
		break;
	default:
		break;
	}
}

static u64 pm_read(void *dev, u64 offset, unsigned int size)
{
	/* The guest's clock, when it has no better one; and all its bytes of one time. */
	if (likely(offset == PM_TIMER && size == 4))
		return (u32)timer_ticks();
	return byte_regs_read(pm_read_reg, dev, PM_PORTS, offset, size);
}

static void pm_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	byte_regs_write(pm_write_reg, dev, PM_PORTS, offset, size, value);
}

const struct io_ops pm_io = { .read = pm_read, .write = pm_write };

void pm_reset(struct pm *pm)
{
	pm->status = 0;
	pm->enable = 0;
	pm->control = CONTROL_SCI_EN;
	pm->seen_halves = timer_ticks() >> 31;
	update_sci(pm);
}

void pm_init(struct pm *pm, struct irq_line sci, struct timer_queue *queue,
	     void (*power_off)(void *ctx), void *ctx)
{
	*pm = (struct pm){ .power_off = power_off, .ctx = ctx, .sci = sci };
	timer_init(&pm->timer, queue, timer_changed);
	pm_reset(pm);
}
