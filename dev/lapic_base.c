/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's modes and its place, as IA32_APIC_BASE sets them, and what resets it:
 * see lapic.h.
 *
 *	                 +----------- reset
 *	                 v
 *	off  <------> xAPIC ------> x2APIC
 *	 ^                             |
 *	 +-----------------------------+
 *
 * All other ways are refused. An INIT leaves the mode and the place alone.
 */
#include "dev/lapic_internal.h"
#include "lib/err.h"

#define BASE_FLAGS (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC | LAPIC_BASE_BSP)

u64 lapic_read_base(const struct lapic *apic)
{
	return apic->base;
}

static void set_base(struct lapic *apic, u64 place)
{
	apic->base = place | (apic->enabled ? LAPIC_BASE_ENABLE : 0) |
		     (apic->x2apic ? LAPIC_BASE_X2APIC : 0) | (apic->bsp ? LAPIC_BASE_BSP : 0);
}

static bool is_way(const struct lapic *apic, bool enable, bool x2apic)
{
	if (x2apic)
		return enable && apic->enabled;
	return !enable || !apic->x2apic;
}

/* In x2APIC mode the logical id follows from the id: 16 CPUs a cluster. */
static void use_x2apic(struct lapic *apic)
{
	apic->x2apic = true;
	apic->ldr = apic->id >> 4 << 16 | 1u << (apic->id & 15);
}

static void set_mode(struct lapic *apic, bool enable, bool x2apic)
{
	if (enable == apic->enabled && x2apic == apic->x2apic)
		return;
	if (enable && apic->enabled) {
		use_x2apic(apic);
		apic->icr_high = 0;
		return;
	}
	/* Disabling loses all state, as the manuals allow; so enabling finds it reset. */
	apic->enabled = enable;
	apic->x2apic = false;
	lapic_reset_registers(apic);
}

int lapic_write_base(struct lapic *apic, u64 value)
{
	bool enable = value & LAPIC_BASE_ENABLE, x2apic = value & LAPIC_BASE_X2APIC;
	u64 place = value & ~BITS(11, 0);
	int err;

	if ((value & BITS(11, 0) & ~BASE_FLAGS) || !is_way(apic, enable, x2apic))
		return E_INVAL;
	if (place != (apic->base & ~BITS(11, 0))) {
		err = apic->host.move ? apic->host.move(apic->host.ctx, place) : E_UNSUPPORTED;
		if (err)
			return err;
	}
	set_mode(apic, enable, x2apic);
	set_base(apic, place);
	lapic_notify(apic);
	return 0;
}

void lapic_reset_registers(struct lapic *apic)
{
	lapic_timer_reset(apic);
	apic->stopped = false;
	apic->page = NULL;
	apic->uses_cr8 = false;
	apic->tpr = 0;
	apic->ldr = 0;
	apic->dfr = ~0u;
	apic->svr = 0xff;
	apic->esr = 0;
	apic->errors = 0;
	apic->icr_low = 0;
	apic->icr_high = 0;
	for (unsigned int i = 0; i < LVT_COUNT; i++)
		apic->lvt[i] = LVT_MASKED;
	apic->irr = apic->isr = apic->tmr = (struct lapic_vectors){ 0 };
	if (apic->x2apic)
		use_x2apic(apic);
	lapic_refresh(apic);
	lapic_notify(apic);
}

void lapic_reset(struct lapic *apic)
{
	apic->enabled = true;
	apic->x2apic = false;
	set_base(apic, LAPIC_BASE);
	lapic_reset_registers(apic);
}

void lapic_stop(struct lapic *apic)
{
	apic->stopped = true;
	lapic_refresh(apic);
}

void lapic_init_virtual_wire(struct lapic *apic)
{
	apic->svr |= SVR_ENABLE;
	apic->lvt[LVT_LINT0] = (u32)DELIVER_EXTINT << 8;
	apic->lvt[LVT_LINT1] = (u32)DELIVER_NMI << 8;
	lapic_refresh(apic);
	lapic_notify(apic);
}

void lapic_init(struct lapic *apic, u32 id, struct apic_bus *bus, const struct lapic_host *host,
		struct timer_queue *queue)
{
	*apic = (struct lapic){
		.host = *host, .bus = bus, .id = id, .bsp = id == 0, .pending = -1
	};
	lapic_timer_init(apic, queue);
	lapic_reset(apic);
}
