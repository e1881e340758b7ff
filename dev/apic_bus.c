/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See apic_bus.h. Of lowest-priority interrupts' destinations the one with the lowest processor
 * priority is chosen; among equals they go round.
 */
#include "dev/apic_bus.h"

static struct lapic *choose_lowest(struct apic_bus *bus, const struct lapic_ipi *message,
				   const struct lapic *sender)
{
	struct lapic *best = NULL;

	for (u32 i = 0; i < bus->count; i++) {
		struct lapic *apic = &bus->lapics[(bus->turn + i) % bus->count];

		if (apic != sender && lapic_is_active(apic) &&
		    lapic_is_destination(apic, message) &&
		    (!best || lapic_priority(apic) < lapic_priority(best)))
			best = apic;
	}
	if (best)
		bus->turn = (u32)(best - bus->lapics + 1) % bus->count;
	return best;
}

static bool deliver_one(struct lapic *apic, const struct lapic_ipi *message, bool level,
			const struct lapic *sender)
{
	return apic != sender && lapic_is_destination(apic, message) &&
	       lapic_accept(apic, message, level);
}

bool apic_bus_deliver(struct apic_bus *bus, const struct lapic_ipi *message, bool level,
		      const struct lapic *sender)
{
	bool taken = false;

	/* Most go to one CPU: its place is known. */
	if (!message->logical && message->dest < bus->count)
		return deliver_one(&bus->lapics[message->dest], message, level, sender);
	if (message->delivery == DELIVER_LOWEST) {
		struct lapic *apic = choose_lowest(bus, message, sender);

		return apic && lapic_accept(apic, message, level);
	}
	for (u32 i = 0; i < bus->count; i++)
		taken |= deliver_one(&bus->lapics[i], message, level, sender);
	return taken;
}

bool apic_bus_busy(const struct apic_bus *bus, const struct lapic_ipi *message)
{
	for (u32 i = 0; i < bus->count; i++) {
		const struct lapic *apic = &bus->lapics[i];

		if (lapic_is_destination(apic, message) &&
		    lapic_is_requested(apic, message->vector))
			return true;
	}
	return false;
}
