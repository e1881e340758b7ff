/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One counter of an 8254. Time is in PIT ticks, given by the caller; it may not go back by more
 * than the CPUs' clocks differ. Under the lock of the pit that the channel is part of.
 */
#pragma once

#include "lib/types.h"

enum pit_mode { TERMINAL_COUNT, ONE_SHOT, RATE, SQUARE, STROBE, TRIGGERED_STROBE };

struct pit_channel {
	u8 mode; /* 0-5 */
	u8 access; /* 1: low byte, 2: high byte, 3: low byte, then high byte */
	bool bcd;
	bool gate;
	bool counting; /* has a count, and in modes 1 and 5 a trigger, since the control word */
	bool write_high, read_high; /* access 3: the next byte is the high one */
	bool count_latched, status_latched;
	u8 low; /* the low byte, while the high one is awaited */
	u8 status; /* latched */
	u16 latch; /* the latched count */
	u16 stopped; /* what is read while not counting */
	u32 count; /* ticks of a cycle: from 1 to 65536 (16665 for digits above 9 in BCD) */
	u64 start; /* the PIT tick at which count was loaded; may be before time 0 */
	u64 held; /* ticks counted when the gate stopped it */
	/* Modes 2, 3: a count written meanwhile. Modes 1, 5: the count for the next trigger. */
	u32 next_count; /* 0: none */
	u64 next_at; /* the tick at which it is loaded */
	u64 next_start; /* start from then on */
};

static inline bool pit_channel_is_periodic(const struct pit_channel *ch)
{
	return ch->mode == RATE || ch->mode == SQUARE;
}

/* Load the count written during a periodic cycle, if its time has come. Before any other call. */
void pit_channel_sync(struct pit_channel *ch, u64 tick);

/* A control word for this channel that is not a latch command. */
void pit_channel_control(struct pit_channel *ch, u8 value, u64 tick);

/* The data port. */
void pit_channel_write(struct pit_channel *ch, u8 value, u64 tick);
u8 pit_channel_read(struct pit_channel *ch, u64 tick);

/* Keep the count, or the status, for the next read. */
void pit_channel_latch_count(struct pit_channel *ch, u64 tick);
void pit_channel_latch_status(struct pit_channel *ch, u64 tick);

void pit_channel_set_gate(struct pit_channel *ch, bool gate, u64 tick);

/* The counting element as a read shows it, and the level of the output. */
u16 pit_channel_value(const struct pit_channel *ch, u64 tick);
bool pit_channel_out(const struct pit_channel *ch, u64 tick);

/* The tick, after tick, at which the output rises; false when it does not by itself. */
bool pit_channel_next_rise(const struct pit_channel *ch, u64 tick, u64 *rise);
