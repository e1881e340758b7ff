/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254 interval timer and the PC's port 61h: channel 0 interrupts, channel 1 once
 * refreshed memory, channel 2 is gated by port 61h and read back there. All calls,
 * and the timer's function, under the VM's device lock.
 */
#pragma once

#include "dev/pit_channel.h"
#include "vm/io.h"
#include "vm/timer.h"

#define PIT_PORT 0x40u
#define PIT_PORTS 4u
#define PIT_PORT61 0x61u
#define PIT_IRQ 0u
#define PIT_HZ 1193182u
#define PIT_CHANNELS 3u

/*
 * Periodic interrupts come no closer together than this, whatever the guest programs: it
 * must not keep the host busy with nothing but its ticks. Counters still read as they should.
 */
#define PIT_MIN_PERIOD_NS 20000u

/*
 * Guests count the ticks of the periodic modes to tell the time. On a real PC one is lost when
 * the CPU has not taken the one before, which software avoids by being fast enough; a guest is
 * not as fast as it was written to be. So a tick that comes then, or that the host was too late
 * for, is owed, and made up for afterwards, with gaps between the ticks of at least
 * this part of the period. A guest that takes no interrupts at all, or was not run, does not
 * get more than this many seconds' worth of them.
 */
#define PIT_CATCH_UP_SPEED 8u
#define PIT_MAX_OWED_SECONDS 1u

struct pit {
	struct irq_line irq; /* [const] */
	bool (*busy)(void *ctx); /* [const] */
	struct timer timer; /* the next rising edge of channel 0's output, or tick owed */
	u64 last_fire_ns; /* when the timer expired last */
	u64 next_rise; /* the PIT tick of the first edge that is neither delivered nor owed */
	u32 owed; /* periodic modes: interrupts still to be delivered */
	struct pit_channel channel[PIT_CHANNELS];
	u8 port61; /* the bits of port 61h that are kept as written */
};

/* The device of both is the struct pit. */
extern const struct io_ops pit_io, pit_port61_io;

/*
 * busy, with irq's ctx: has the CPU yet to take the previous interrupt? That is so when another
 * edge would merge with it, not when it would go nowhere, as with the interrupt masked.
 */
void pit_init(struct pit *pit, struct irq_line irq, bool (*busy)(void *ctx),
	      struct timer_queue *queue);

/* All channels stopped, the timer cancelled. */
void pit_reset(struct pit *pit);
