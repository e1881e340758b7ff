/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of messages between the APICs of one VM: who is their destination, and which one of
 * several takes a lowest-priority interrupt. All calls under the VM's device lock.
 */
#pragma once

#include "dev/lapic.h"

struct apic_bus {
	struct lapic *lapics; /* [const] of all vCPUs, each at the place that is its id */
	u32 count; /* [const] */
	u32 turn; /* who is asked first for the next lowest-priority interrupt */
};

/*
 * Deliver to all destinations, or to one of them; sender, if it is not NULL, gets nothing. level:
 * as of lapic_accept(). False: nobody has taken it.
 */
bool apic_bus_deliver(struct apic_bus *bus, const struct lapic_ipi *message, bool level,
		      const struct lapic *sender);

/* Is the message's vector requested, and not yet taken, at one of its destinations? */
bool apic_bus_busy(const struct apic_bus *bus, const struct lapic_ipi *message);
