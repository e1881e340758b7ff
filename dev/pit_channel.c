/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One counter of an 8254: see pit_channel.h. Nothing counts; a channel remembers the tick at
 * which its count was loaded, and all it shows is worked out from the tick it is asked at.
 * A count is loaded by the clock pulse that follows its writing, as on the chip.
 */
#include "dev/pit_channel.h"

#include "dev/ticks.h"

#define ACCESS_BOTH 3u
#define STATUS_OUT 0x80u
#define STATUS_NULL 0x40u

/* Started by a rising gate rather than by a count. */
static bool is_triggered(const struct pit_channel *ch)
{
	return ch->mode == ONE_SHOT || ch->mode == TRIGGERED_STROBE;
}

/* Ticks of a square wave's high half: the longer one when the count is odd. */
static u32 high_half(u32 count)
{
	return (count + 1) / 2;
}

static u64 elapsed(const struct pit_channel *ch, u64 tick)
{
	if (!ch->gate && !is_triggered(ch))
		return ch->held;
	return ticks_since(tick, ch->start);
}

void pit_channel_sync(struct pit_channel *ch, u64 tick)
{
	if (!ch->next_count || !pit_channel_is_periodic(ch) || !ch->gate)
		return;
	if ((s64)(tick - ch->next_at) < 0)
		return;
	ch->count = ch->next_count;
	ch->start = ch->next_start;
	ch->next_count = 0;
}

static u16 to_bcd(u32 value)
{
	return (u16)(value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 |
		     value % 10);
}

/* A count register's value in ticks; 0 stands for the longest. */
static u32 decode_count(const struct pit_channel *ch, u32 raw)
{
	if (!ch->bcd)
		return raw ? raw : 0x10000;
	if (!raw)
		return 10000;
	return (raw >> 12) * 1000 + (raw >> 8 & 15) * 100 + (raw >> 4 & 15) * 10 + (raw & 15);
}

/* A square wave counts down by two, twice per cycle, from the even number at or below count. */
static u32 square_value(u32 count, u32 phase)
{
	u32 half = high_half(count);

	return (count & ~1u) - 2 * (phase < half ? phase : phase - half);
}

u16 pit_channel_value(const struct pit_channel *ch, u64 tick)
{
	u32 modulus = ch->bcd ? 10000 : 0x10000, value;
	u64 ticks = elapsed(ch, tick);

	if (!ch->counting)
		return ch->stopped;
	if (ch->mode == RATE)
		value = ch->count - (u32)(ticks % ch->count);
	else if (ch->mode == SQUARE)
		value = square_value(ch->count, (u32)(ticks % ch->count));
	else
		value = ch->count + modulus - (u32)(ticks % modulus);
	value %= modulus;
	return ch->bcd ? to_bcd(value) : (u16)value;
}

bool pit_channel_out(const struct pit_channel *ch, u64 tick)
{
	u64 ticks = elapsed(ch, tick);

	if (!ch->counting)
		return ch->mode != TERMINAL_COUNT;
	switch ((enum pit_mode)ch->mode) {
	case TERMINAL_COUNT:
	case ONE_SHOT:
		return ticks >= ch->count;
	case RATE:
		return !ch->gate || ticks % ch->count != ch->count - 1;
	case SQUARE:
		return !ch->gate || ticks % ch->count < high_half(ch->count);
	default:
		return ticks != ch->count;
	}
}

bool pit_channel_next_rise(const struct pit_channel *ch, u64 tick, u64 *rise)
{
	u64 ticks = elapsed(ch, tick);

	if (!ch->counting || !ch->gate || is_triggered(ch))
		return false;
	if (!pit_channel_is_periodic(ch)) {
		/* The strobe is low for the one tick at count. */
		u64 end = ch->mode == STROBE ? ch->count + 1u : ch->count;

		*rise = ch->start + end;
		return ticks < end;
	}
	if (!ch->next_count)
		*rise = ch->start + (ticks / ch->count + 1) * ch->count;
	else if (ch->next_start == ch->next_at)
		*rise = ch->next_at;
	else /* The new count comes with the low half, half a cycle before its first rise. */
		*rise = ch->next_start + ch->next_count;
	return true;
}

/* Begin a cycle of count with the next clock pulse. */
static void channel_start(struct pit_channel *ch, u32 count, u64 tick)
{
	ch->count = count;
	ch->next_count = 0;
	ch->start = tick + 1;
	ch->held = 0;
	ch->counting = true;
}

/* A new count while a periodic channel runs: loaded when the cycle, or half-cycle, is over. */
static void channel_queue(struct pit_channel *ch, u32 count, u64 tick)
{
	u64 ticks = elapsed(ch, tick), cycle = ch->start + ticks / ch->count * ch->count;
	u32 half = high_half(ch->count);

	ch->next_count = count;
	if (ch->mode == SQUARE && ticks % ch->count < half) {
		ch->next_at = cycle + half;
		ch->next_start = ch->next_at - high_half(count);
	} else {
		ch->next_at = cycle + ch->count;
		ch->next_start = ch->next_at;
	}
}

static void channel_load(struct pit_channel *ch, u32 raw, u64 tick)
{
	u32 count = decode_count(ch, raw);

	if (is_triggered(ch))
		ch->next_count = count;
	else if (pit_channel_is_periodic(ch) && ch->counting)
		channel_queue(ch, count, tick);
	else
		channel_start(ch, count, tick);
}

void pit_channel_set_gate(struct pit_channel *ch, bool gate, u64 tick)
{
	u32 count = ch->next_count ? ch->next_count : ch->count;

	if (gate == ch->gate)
		return;
	if (!gate)
		ch->held = elapsed(ch, tick);
	else if (!is_triggered(ch) && !pit_channel_is_periodic(ch))
		ch->start = tick - ch->held;
	else if (count)
		channel_start(ch, count, tick);
	ch->gate = gate;
}

void pit_channel_latch_count(struct pit_channel *ch, u64 tick)
{
	if (ch->count_latched)
		return;
	ch->latch = pit_channel_value(ch, tick);
	ch->count_latched = true;
}

void pit_channel_latch_status(struct pit_channel *ch, u64 tick)
{
	bool null = !ch->counting || ch->next_count || tick + 1 == ch->start;

	if (ch->status_latched)
		return;
	ch->status = (u8)((pit_channel_out(ch, tick) ? STATUS_OUT : 0) | (null ? STATUS_NULL : 0) |
			  (u32)ch->access << 4 | (u32)ch->mode << 1 | ch->bcd);
	ch->status_latched = true;
}

void pit_channel_control(struct pit_channel *ch, u8 value, u64 tick)
{
	unsigned int mode = value >> 1 & 7;

	*ch = (struct pit_channel){
		.stopped = pit_channel_value(ch, tick),
		.gate = ch->gate,
		.access = value >> 4 & 3,
		.mode = (u8)(mode > TRIGGERED_STROBE ? mode - 4 : mode),
		.bcd = value & 1,
	};
}

void pit_channel_write(struct pit_channel *ch, u8 value, u64 tick)
{
	if (ch->access != ACCESS_BOTH) {
		channel_load(ch, ch->access == 1 ? value : (u32)value << 8, tick);
		return;
	}
	if (ch->write_high) {
		channel_load(ch, (u32)value << 8 | ch->low, tick);
	} else {
		ch->low = value;
		/* In mode 0 the first byte already stops the count. */
		if (ch->mode == TERMINAL_COUNT) {
			ch->stopped = pit_channel_value(ch, tick);
			ch->counting = false;
		}
	}
	ch->write_high = !ch->write_high;
}

u8 pit_channel_read(struct pit_channel *ch, u64 tick)
{
	u16 value = ch->count_latched ? ch->latch : pit_channel_value(ch, tick);
	bool high = ch->access == 2 || (ch->access == ACCESS_BOTH && ch->read_high);

	if (ch->status_latched) {
		ch->status_latched = false;
		return ch->status;
	}
	if (ch->access == ACCESS_BOTH)
		ch->read_high = !ch->read_high;
	if (high || ch->access != ACCESS_BOTH)
		ch->count_latched = false;
	return (u8)(high ? value >> 8 : value);
}
