/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware: the PM1a event and control blocks and the power management timer.
 * Always in ACPI mode. The timer is the only event that raises the SCI. All calls under the VM's device lock.
 */
#pragma once

#include "vm/io.h"
#include "vm/timer.h"

#define PM_PORT 0x600u
#define PM_PORTS 12u

/* The blocks, relative to PM_PORT, and their lengths. */
#define PM1_EVENT 0u
#define PM1_EVENT_LEN 4u
#define PM1_CONTROL 4u
#define PM1_CONTROL_LEN 2u
#define PM_TIMER 8u
#define PM_TIMER_LEN 4u

#define PM_TIMER_HZ 3579545u
#define PM_SLEEP_TYPE_OFF 5u /* the SLP_TYP that means S5 */

struct pm {
	void (*power_off)(void *ctx); /* [const] */
	void *ctx; /* [const] */
	struct irq_line sci; /* [const] */
	bool line; /* what sci was last set to */
	struct timer timer; /* for the SCI: when the timer's top bit changes next */
	u16 status, enable, control;
	u64 seen_halves; /* how often the timer's top bit had changed when status was last read */
};

extern const struct io_ops pm_io;

/* power_off is called when the guest enters S5; the VM should not run on after that. */
void pm_init(struct pm *pm, struct irq_line sci, struct timer_queue *queue,
	     void (*power_off)(void *ctx), void *ctx);
void pm_reset(struct pm *pm);
