/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818: see rtc.h. The time registers are made from the time when they are read. The
 * event flags of register C are worked out when it is read or when an enabled interrupt is
 * due; the timer is armed only for an interrupt whose flag is not set already, so that a
 * guest that does not read register C costs nothing more.
 */
#include "dev/rtc.h"

#include "dev/byte_regs.h"
#include "dev/rtc_time.h"
#include "dev/ticks.h"

enum { PORT_INDEX, PORT_DATA };

#define REG_A 0x0au
#define REG_B 0x0bu
#define REG_C 0x0cu
#define REG_D 0x0du

#define A_UPDATING 0x80u
#define A_DIVIDER 0x70u
#define A_DIVIDER_32KHZ 0x20u
#define A_DIVIDER_RESET 0x60u
#define A_RATE 0x0fu
#define B_SET 0x80u
#define B_SQUARE_WAVE 0x08u
/* Enable bits in B and flags in C. */
#define PERIODIC 0x40u
#define ALARM 0x20u
#define UPDATE 0x10u
#define EVENTS (PERIODIC | ALARM | UPDATE)
#define C_INTERRUPT 0x80u
#define D_VALID 0x80u

#define CRYSTAL_HZ 32768u
#define UPDATING_NS 244000u /* how long before an update its flag warns */
#define OWED_MIN_GAP_NS 20000u

static u8 format_of(const struct rtc *rtc)
{
	return rtc->cmos[REG_B];
}

static bool divider_is_reset(const struct rtc *rtc)
{
	return (rtc->cmos[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

static bool is_stopped(const struct rtc *rtc)
{
	return (rtc->cmos[REG_B] & B_SET) || divider_is_reset(rtc);
}

static u64 secs_at(const struct rtc *rtc, u64 now)
{
	return rtc->base_secs + ticks_since(now, rtc->base_ns) / NS_PER_SEC;
}

/* Nanoseconds into the current second. */
static u64 fraction_at(const struct rtc *rtc, u64 now)
{
	return ticks_since(now, rtc->base_ns) % NS_PER_SEC;
}

/*
 * The periodic interrupt's period is 2^n crystal ticks; 0: none. Rates 1 and 2 stand for slow
 * ones; the fastest is 122 us, so that no guest can storm the host with it.
 */
static unsigned int period_shift(const struct rtc *rtc)
{
	unsigned int rate = rtc->cmos[REG_A] & A_RATE;

	if ((rtc->cmos[REG_A] & A_DIVIDER) != A_DIVIDER_32KHZ || rate == 0)
		return 0;
	return rate <= 2 ? rate + 6 : rate - 1;
}

/* Raise or drop the line as flags and enable bits say. */
static void update_irq(struct rtc *rtc)
{
	bool line = rtc->cmos[REG_C] & rtc->cmos[REG_B] & EVENTS;

	if (line)
		rtc->cmos[REG_C] |= C_INTERRUPT;
	else
		rtc->cmos[REG_C] &= (u8)~C_INTERRUPT;
	if (line != rtc->line) {
		rtc->line = line;
		irq_line_set(&rtc->irq, line);
	}
}

/* The first time at which another periodic interrupt may come, of those that are owed. */
static u64 owed_at(const struct rtc *rtc)
{
	u64 period = ticks_to_ns(1ull << period_shift(rtc), CRYSTAL_HZ);

	return rtc->last_ns + MAX(period / RTC_CATCH_UP_SPEED, (u64)OWED_MIN_GAP_NS);
}

/*
 * So many periods have ended since the last look, of which the flag can show one. False: none, as
 * one is shown already, or was too short a time ago.
 */
static bool periods_ended(struct rtc *rtc, u64 count, unsigned int shift, u64 now)
{
	bool waits = rtc->cmos[REG_C] & PERIODIC;
	bool reaches = (rtc->cmos[REG_B] & PERIODIC) && rtc->reaches(rtc->irq.ctx);
	bool shown = !waits && !(reaches && now < owed_at(rtc));
	u64 most = (CRYSTAL_HZ >> shift) * RTC_MAX_OWED_SECONDS;

	if (reaches && (!waits || rtc->reached))
		rtc->owed = (u32)MIN(rtc->owed + count - shown, most);
	if (shown)
		rtc->reached = reaches;
	return shown;
}

static void sync_periodic(struct rtc *rtc, u64 now)
{
	u64 ticks = MAX(ns_to_ticks(now, CRYSTAL_HZ), rtc->seen_ticks);
	unsigned int shift = period_shift(rtc);
	u64 count = shift ? (ticks >> shift) - (rtc->seen_ticks >> shift) : 0;

	rtc->seen_ticks = ticks;
	if (count) {
		if (!periods_ended(rtc, count, shift, now))
			return;
	} else if (rtc->owed && !(rtc->cmos[REG_C] & PERIODIC) && now >= owed_at(rtc)) {
		rtc->owed--;
		rtc->reached = true;
	} else {
		return;
	}
	rtc->last_ns = now;
	rtc->cmos[REG_C] |= PERIODIC;
}

/* Set the flags of all that has happened until now. */
static void sync_flags(struct rtc *rtc, u64 now)
{
	u64 secs = secs_at(rtc, now);
	u8 flags = 0;

	sync_periodic(rtc, now);
	if (!is_stopped(rtc) && secs > rtc->seen_secs) {
		flags |= UPDATE;
		if (rtc_time_next_alarm(rtc->cmos, rtc->seen_secs, format_of(rtc)) <= secs)
			flags |= ALARM;
	}
	rtc->cmos[REG_C] |= flags;
	if (!is_stopped(rtc))
		rtc->seen_secs = MAX(secs, rtc->seen_secs);
}

/* clock_ns() at the start of a second to come. */
static u64 secs_to_ns(const struct rtc *rtc, u64 secs)
{
	return rtc->base_ns + (secs - rtc->base_secs) * NS_PER_SEC;
}

/* Arm the timer for the first interrupt that is enabled and has not happened. */
static void schedule(struct rtc *rtc, u64 now)
{
	u8 wanted = rtc->cmos[REG_B] & (u8)~rtc->cmos[REG_C] & EVENTS;
	unsigned int shift = period_shift(rtc);
	u64 deadline = TIMER_NEVER, secs;

	if ((wanted & PERIODIC) && shift) {
		u64 periods = ns_to_ticks(now, CRYSTAL_HZ) >> shift;

		deadline = rtc->owed ? owed_at(rtc)
				     : ticks_to_ns((periods + 1) << shift, CRYSTAL_HZ);
	}
	if ((wanted & UPDATE) && !is_stopped(rtc))
		deadline = MIN(deadline, secs_to_ns(rtc, rtc->seen_secs + 1));
	if ((wanted & ALARM) && !is_stopped(rtc)) {
		secs = rtc_time_next_alarm(rtc->cmos, rtc->seen_secs, format_of(rtc));
		if (secs != ~0ull)
			deadline = MIN(deadline, secs_to_ns(rtc, secs));
	}
	if (deadline == TIMER_NEVER)
		timer_cancel(&rtc->timer);
	else
		timer_arm(&rtc->timer, deadline);
}

static void rtc_expired(struct timer *timer)
{
	struct rtc *rtc = container_of(timer, struct rtc, timer);
	/* Not before the deadline, or a clock that lags on this CPU finds nothing to do. */
	u64 now = MAX(clock_ns(), timer->deadline);

	sync_flags(rtc, now);
	update_irq(rtc);
	schedule(rtc, now);
}

/* From now on it is secs, with fraction ns of that second gone. */
static void set_time(struct rtc *rtc, u64 secs, u64 now, u64 fraction)
{
	rtc->base_secs = secs;
	rtc->base_ns = now - fraction;
	rtc->seen_secs = secs;
}

static bool is_time_register(u32 reg)
{
	return reg == RTC_SECONDS || reg == RTC_MINUTES || reg == RTC_HOURS ||
	       (reg >= RTC_WEEKDAY && reg <= RTC_YEAR) || reg == RTC_CENTURY;
}

static u8 read_a(const struct rtc *rtc, u64 now)
{
	bool updating = !is_stopped(rtc) && fraction_at(rtc, now) >= NS_PER_SEC - UPDATING_NS;

	return rtc->cmos[REG_A] | (updating ? A_UPDATING : 0);
}

static u8 read_c(struct rtc *rtc, u64 now)
{
	u8 value;

	sync_flags(rtc, now);
	update_irq(rtc);
	value = rtc->cmos[REG_C];
	if (value & PERIODIC)
		rtc->last_ns = now;
	rtc->cmos[REG_C] = 0;
	update_irq(rtc);
	schedule(rtc, now);
	return value;
}

static u8 read_cmos(struct rtc *rtc, u32 reg)
{
	u64 now = clock_ns();

	if (reg == REG_A)
		return read_a(rtc, now);
	if (reg == REG_C)
		return read_c(rtc, now);
	if (reg == REG_D)
		return D_VALID;
	if (is_time_register(reg) && !is_stopped(rtc))
		rtc_time_to_registers(rtc->cmos, secs_at(rtc, now), format_of(rtc));
	return rtc->cmos[reg];
}

/*
 * Registers A and B can stop and start the clock. Stopped, its time waits in the registers
 * and can be set there. Released from its reset the divider is half a second from the next
 * update, which is why drivers set the time half a second early.
 */
static void write_control(struct rtc *rtc, u32 reg, u8 value, u64 now)
{
	bool was_stopped = is_stopped(rtc), was_reset = divider_is_reset(rtc);
	u64 fraction = fraction_at(rtc, now);
	u8 old_format = format_of(rtc);

	rtc->cmos[reg] = value;
	/* Another rate, or none: what went before is over. */
	if (reg == REG_A || !(value & PERIODIC))
		rtc->owed = 0;
	if (!was_stopped && is_stopped(rtc)) {
		rtc_time_to_registers(rtc->cmos, secs_at(rtc, now), old_format);
	} else if (was_stopped && !is_stopped(rtc)) {
		if (was_reset)
			fraction = NS_PER_SEC / 2;
		set_time(rtc, rtc_time_from_registers(rtc->cmos, format_of(rtc)), now, fraction);
	}
}

static void write_time(struct rtc *rtc, u32 reg, u8 value, u64 now)
{
	u8 format = format_of(rtc);

	if (is_stopped(rtc)) {
		rtc->cmos[reg] = value;
		return;
	}
	rtc_time_to_registers(rtc->cmos, secs_at(rtc, now), format);
	rtc->cmos[reg] = value;
	set_time(rtc, rtc_time_from_registers(rtc->cmos, format), now, fraction_at(rtc, now));
}

static void write_cmos(struct rtc *rtc, u32 reg, u8 value)
{
	u64 now = clock_ns();

	if (reg == REG_C || reg == REG_D)
		return;
	if (reg > REG_D && reg != RTC_CENTURY) {
		rtc->cmos[reg] = value;
		return;
	}
	sync_flags(rtc, now);
	if (is_time_register(reg))
		write_time(rtc, reg, value, now);
	else if (reg == REG_A)
		write_control(rtc, reg, value & (u8)~A_UPDATING, now);
	else if (reg == REG_B) /* setting the clock ends the update interrupt */
		write_control(rtc, reg, value & B_SET ? value & (u8)~UPDATE : value, now);
	else
		rtc->cmos[reg] = value;
	update_irq(rtc);
	schedule(rtc, now);
}

static u8 rtc_read_reg(void *dev, u32 reg)
{
	struct rtc *rtc = dev;

	return reg == PORT_INDEX ? 0xff : read_cmos(rtc, rtc->index);
}

static void rtc_write_reg(void *dev, u32 reg, u8 value)
{
	struct rtc *rtc = dev;

	if (reg == PORT_INDEX) /* its top bit masks NMIs, which this machine has none of */
		rtc->index = value % RTC_CMOS_SIZE;
	else
		write_cmos(rtc, rtc->index, value);
}

static u64 rtc_read(void *dev, u64 offset, unsigned int size)
{
	return byte_regs_read(rtc_read_reg, dev, RTC_PORTS, offset, size);
}

static void rtc_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	byte_regs_write(rtc_write_reg, dev, RTC_PORTS, offset, size, value);
}

const struct io_ops rtc_io = { .read = rtc_read, .write = rtc_write };

/* Store the low bytes of value from reg on. */
static void fill(struct rtc *rtc, u32 reg, u64 value, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		rtc->cmos[reg + i] = (u8)(value >> (8 * i));
}

/* What a PC's firmware keeps in CMOS memory, as far as software still reads it. */
static void fill_firmware_fields(struct rtc *rtc, u64 below_4g, u64 above_4g)
{
	u64 above_1m = below_4g > MIB(1) ? below_4g - MIB(1) : 0;
	u64 above_16m = below_4g > MIB(16) ? below_4g - MIB(16) : 0;
	u16 sum = 0;

	rtc->cmos[0x14] = 0x02; /* equipment: an FPU; no floppy, no display adapter */
	fill(rtc, 0x15, 640, 2); /* KiB of base memory */
	fill(rtc, 0x17, MIN(above_1m >> 10, 0xffffull), 2);
	fill(rtc, 0x30, MIN(above_1m >> 10, 0xffffull), 2);
	fill(rtc, 0x34, MIN(above_16m >> 16, 0xffffull), 2);
	fill(rtc, 0x5b, MIN(above_4g >> 16, 0xffffffull), 3);
	for (u32 i = 0x10; i <= 0x2d; i++)
		sum = (u16)(sum + rtc->cmos[i]);
	rtc->cmos[0x2e] = (u8)(sum >> 8);
	rtc->cmos[0x2f] = (u8)sum;
}

void rtc_reset(struct rtc *rtc)
{
	u64 now = clock_ns();

	rtc->index = 0;
	write_control(rtc, REG_B, rtc->cmos[REG_B] & (u8) ~(EVENTS | B_SET | B_SQUARE_WAVE), now);
	write_control(rtc, REG_A, A_DIVIDER_32KHZ | 6, now);
	rtc->cmos[REG_C] = 0;
	rtc->seen_secs = secs_at(rtc, now);
	rtc->seen_ticks = ns_to_ticks(now, CRYSTAL_HZ);
	update_irq(rtc);
	timer_cancel(&rtc->timer);
}

void rtc_init(struct rtc *rtc, struct irq_line irq, bool (*reaches)(void *ctx),
	      struct timer_queue *queue, u64 below_4g, u64 above_4g)
{
	*rtc = (struct rtc){
		.irq = irq,
		.reaches = reaches,
		.cmos = { [REG_A] = A_DIVIDER_32KHZ | 6, [REG_B] = RTC_B_24H },
		.base_secs = RTC_EPOCH_1970 + clock_boot_epoch(),
	};
	timer_init(&rtc->timer, queue, rtc_expired);
	fill_firmware_fields(rtc, below_4g, above_4g);
	rtc_reset(rtc);
}
