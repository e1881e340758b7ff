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

struct pit {
	struct irq_line irq; /* [const] */
	struct timer timer; /* the next rising edge of channel 0's output */
	u64 last_tick_ns; /* when it fired last */
	struct pit_channel channel[PIT_CHANNELS];
	u8 port61; /* the bits of port 61h that are kept as written */
};

/* The device of both is the struct pit. */
extern const struct io_ops pit_io, pit_port61_io;

void pit_init(struct pit *pit, struct irq_line irq, struct timer_queue *queue);

/* All channels stopped, the timer cancelled. */
void pit_reset(struct pit *pit);
