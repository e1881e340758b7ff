/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254's ports and its interrupt: see pit.h; the counters are in pit_channel.c. Channel
 * 0's interrupt is a pulse at each rising edge of its output. In the periodic modes edges that
 * could not be interrupts of their own are owed; what is owed is looked at whenever the
 * timer expires, which is more often then, and costs nothing otherwise.
 */
#include "dev/pit.h"

#include "dev/byte_regs.h"
#include "dev/ticks.h"

#define REG_CONTROL 3u
#define ACCESS_LATCH 0u
#define SELECT_READ_BACK 3u
#define READ_BACK_NO_COUNT 0x20u
#define READ_BACK_NO_STATUS 0x10u

#define PORT61_GATE2 0x01u
#define PORT61_KEPT 0x0fu /* gate, speaker, the two check enables */
#define PORT61_REFRESH 0x10u
#define PORT61_OUT2 0x20u
#define REFRESH_NS 15085u /* 18 PIT ticks, the rate of memory refresh */

/* The least time between two interrupts, or looks at whether they are taken, when periodic. */
static u64 min_gap_ns(const struct pit_channel *ch)
{
	/* One more, so that of the looks in a period the last comes with its edge, not before. */
	return MAX(ticks_to_ns(ch->count, PIT_HZ) / PIT_CATCH_UP_SPEED + 1, PIT_MIN_PERIOD_NS);
}

/* Interrupts that may be owed, with the one due now. A rate that is not delivered is not owed. */
static u32 max_owed(const struct pit_channel *ch)
{
	if (ticks_to_ns(ch->count, PIT_HZ) < PIT_MIN_PERIOD_NS)
		return 1;
	return PIT_HZ * PIT_MAX_OWED_SECONDS / ch->count;
}

static void schedule(struct pit *pit, u64 tick)
{
	struct pit_channel *ch = &pit->channel[0];
	u64 deadline;

	if (!pit_channel_next_rise(ch, tick, &pit->next_rise)) {
		timer_cancel(&pit->timer);
		return;
	}
	deadline = ticks_to_ns(pit->next_rise, PIT_HZ);
	if (pit_channel_is_periodic(ch)) {
		u64 soonest = pit->last_fire_ns + min_gap_ns(ch);

		/* With as much owed as may be, the guest takes no interrupts: no use to hurry. */
		if (deadline < soonest || (pit->owed && pit->owed < max_owed(ch)))
			deadline = soonest;
	}
	timer_arm(&pit->timer, deadline);
}

static void pulse(struct pit *pit)
{
	irq_line_set(&pit->irq, true);
	irq_line_set(&pit->irq, false);
}

/*
 * The edges up to now are owed until the CPU can tell them apart. An edge of now is sent in any
 * case, as the chip would, and the CPU has it as one with the interrupt that waits.
 */
static void fire_periodic(struct pit *pit, u64 now)
{
	const struct pit_channel *ch = &pit->channel[0];
	u64 tick = ns_to_ticks(now, PIT_HZ), edges = 0;
	bool busy = pit->busy(pit->irq.ctx);

	if (tick >= pit->next_rise)
		edges = 1 + (tick - pit->next_rise) / ch->count;
	pit->owed = (u32)MIN(pit->owed + edges, max_owed(ch));
	if (busy && !edges)
		return;
	if (!busy && pit->owed)
		pit->owed--;
	pulse(pit);
}

static void fire(struct pit *pit, u64 now)
{
	struct pit_channel *ch = &pit->channel[0];

	pit_channel_sync(ch, ns_to_ticks(now, PIT_HZ));
	if (pit_channel_is_periodic(ch))
		fire_periodic(pit, now);
	else
		pulse(pit);
	pit->last_fire_ns = now;
	schedule(pit, ns_to_ticks(now, PIT_HZ));
}

/*
 * The guest has programmed channel 0, at tick: what went before is over. Not at a later tick, when a
 * short one-shot would have ended already, and nobody would hear of it.
 */
static void restart(struct pit *pit, u64 tick)
{
	pit->owed = 0;
	schedule(pit, tick);
}

static void pit_expired(struct timer *timer)
{
	/* Not before the deadline, or a clock that lags on this CPU gives the same edge twice. */
	fire(container_of(timer, struct pit, timer), MAX(clock_ns(), timer->deadline));
}

/* The tick now, with all channels as they are by then, and no edge of channel 0 owed. */
static u64 pit_sync(struct pit *pit)
{
	u64 now = clock_ns(), tick = ns_to_ticks(now, PIT_HZ);

	if (pit->timer.deadline <= now && timer_armed(&pit->timer))
		fire(pit, now);
	for (unsigned int i = 0; i < PIT_CHANNELS; i++)
		pit_channel_sync(&pit->channel[i], tick);
	return tick;
}

static void read_back(struct pit *pit, u8 value, u64 tick)
{
	for (unsigned int i = 0; i < PIT_CHANNELS; i++) {
		if (!(value & 2u << i))
			continue;
		if (!(value & READ_BACK_NO_COUNT))
			pit_channel_latch_count(&pit->channel[i], tick);
		if (!(value & READ_BACK_NO_STATUS))
			pit_channel_latch_status(&pit->channel[i], tick);
	}
}

static void write_control(struct pit *pit, u8 value, u64 tick)
{
	unsigned int select = value >> 6, access = value >> 4 & 3;
	struct pit_channel *ch;

	if (select == SELECT_READ_BACK) {
		read_back(pit, value, tick);
		return;
	}
	ch = &pit->channel[select];
	if (access == ACCESS_LATCH) {
		pit_channel_latch_count(ch, tick);
		return;
	}
	pit_channel_control(ch, value, tick);
	if (select == 0)
		restart(pit, tick);
}

static u8 pit_read_reg(void *dev, u32 reg)
{
	struct pit *pit = dev;
	u64 tick = pit_sync(pit);

	return reg == REG_CONTROL ? 0xff : pit_channel_read(&pit->channel[reg], tick);
}

static void pit_write_reg(void *dev, u32 reg, u8 value)
{
	struct pit *pit = dev;
	u64 tick = pit_sync(pit);

	if (reg == REG_CONTROL) {
		write_control(pit, value, tick);
		return;
	}
	pit_channel_write(&pit->channel[reg], value, tick);
	if (reg == 0)
		restart(pit, tick);
}

static u64 pit_read(void *dev, u64 offset, unsigned int size)
{
	return byte_regs_read(pit_read_reg, dev, PIT_PORTS, offset, size);
}

static void pit_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	byte_regs_write(pit_write_reg, dev, PIT_PORTS, offset, size, value);
}

const struct io_ops pit_io = { .read = pit_read, .write = pit_write };

static u8 port61_read_reg(void *dev, u32 reg __unused)
{
	struct pit *pit = dev;
	u64 tick = pit_sync(pit);

	return (u8)(pit->port61 | (clock_ns() / REFRESH_NS & 1 ? PORT61_REFRESH : 0) |
		    (pit_channel_out(&pit->channel[2], tick) ? PORT61_OUT2 : 0));
}

static void port61_write_reg(void *dev, u32 reg __unused, u8 value)
{
	struct pit *pit = dev;
	u64 tick = pit_sync(pit);

	pit->port61 = value & PORT61_KEPT;
	pit_channel_set_gate(&pit->channel[2], value & PORT61_GATE2, tick);
}

static u64 port61_read(void *dev, u64 offset, unsigned int size)
{
	return byte_regs_read(port61_read_reg, dev, 1, offset, size);
}

static void port61_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	byte_regs_write(port61_write_reg, dev, 1, offset, size, value);
}

const struct io_ops pit_port61_io = { .read = port61_read, .write = port61_write };

void pit_reset(struct pit *pit)
{
	timer_cancel(&pit->timer);
	pit->port61 = 0;
	pit->last_fire_ns = 0;
	pit->next_rise = 0;
	pit->owed = 0;
	for (unsigned int i = 0; i < PIT_CHANNELS; i++) {
		/* Only channel 2's gate is not wired to be open. */
		pit->channel[i] = (struct pit_channel){ .access = 3, .gate = i != 2 };
	}
}

void pit_init(struct pit *pit, struct irq_line irq, bool (*busy)(void *ctx),
	      struct timer_queue *queue)
{
	pit->irq = irq;
	pit->busy = busy;
	timer_init(&pit->timer, queue, pit_expired);
	pit_reset(pit);
}
