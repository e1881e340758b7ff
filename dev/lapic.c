/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's choice of the next interrupt, and the way of interrupts to and from it:
 * see lapic.h; the registers are in lapic_registers.c. The choice is made at each change and
 * kept, since it is asked for at every VM entry.
 */
#include "dev/lapic.h"

#include "dev/apic_bus.h"
#include "dev/lapic_internal.h"

#define ICR_DELIVERY(icr) ((icr) >> 8 & 7)
#define ICR_LOGICAL 0x800u
#define ICR_ASSERT 0x4000u
#define ICR_LEVEL 0x8000u
#define ICR_SHORTHAND(icr) ((icr) >> 18 & 3)

enum shorthand { NO_SHORTHAND, SELF, ALL, ALL_OTHERS };

bool lapic_is_active(const struct lapic *apic)
{
	return apic->enabled && !apic->stopped && (apic->svr & SVR_ENABLE);
}

void lapic_notify(struct lapic *apic)
{
	if (apic->host.update)
		apic->host.update(apic->host.ctx);
}

void lapic_refresh(struct lapic *apic)
{
	int request = lapic_is_active(apic) ? vector_highest(&apic->irr) : -1;
	int service = vector_highest(&apic->isr), old = apic->pending;

	apic->ppr = apic->tpr;
	if (service >= 0 && service >> 4 > apic->tpr >> 4)
		apic->ppr = (u8)(service & 0xf0);
	apic->pending = request >> 4 > apic->ppr >> 4 ? request : -1;
	if (apic->pending != old)
		lapic_notify(apic);
}

/* What was the highest of those requested leaves nothing that could interrupt itself. */
void lapic_ack(struct lapic *apic, u8 vector)
{
	if (vector != apic->pending)
		return;
	vector_clear(&apic->irr, vector);
	vector_set(&apic->isr, vector);
	apic->ppr = vector & 0xf0;
	apic->pending = -1;
}

void lapic_end_level(struct lapic *apic, u8 vector)
{
	lapic_lint_ended(apic, vector);
	if (!(apic->svr & SVR_QUIET_EOI) && apic->host.eoi)
		apic->host.eoi(apic->host.ctx, vector);
}

/* There is more to it: vector was level-triggered, or another one may be next. */
static __noinline bool end_slowly(struct lapic *apic, u32 word, u64 bit)
{
	if (apic->tmr.bits[word] & bit)
		lapic_end_level(apic, (u8)(word * 64 + (u32)__builtin_ctzll(bit)));
	lapic_refresh(apic);
	return true;
}

/* True, for lapic_write_eoi_msr(), which ends with this. */
static inline bool end_of_interrupt(struct lapic *apic)
{
	struct lapic_vectors *isr = &apic->isr;
	u32 word;
	u64 top;

	if (unlikely(!isr->words))
		return true;
	word = 31 - (u32)__builtin_clz(isr->words);
	top = BIT(63 ^ __builtin_clzll(isr->bits[word]));
	isr->bits[word] ^= top;
	if (!isr->bits[word])
		isr->words ^= 1u << word;
	if (unlikely(apic->irr.words | isr->words || apic->tmr.bits[word] & top))
		return end_slowly(apic, word, top);
	apic->ppr = apic->tpr;
	return true;
}

void lapic_end_of_interrupt(struct lapic *apic)
{
	end_of_interrupt(apic);
}

bool lapic_write_eoi_msr(struct lapic *apic)
{
	if (unlikely(!apic->x2apic))
		return false;
	return unlikely(apic->stopped) || end_of_interrupt(apic);
}

/* It is active. */
static void request(struct lapic *apic, u8 vector, bool level)
{
	vector_set(&apic->irr, vector);
	if (level)
		vector_set(&apic->tmr, vector);
	else
		vector_clear(&apic->tmr, vector);
	if (vector <= apic->pending || vector >> 4 <= apic->ppr >> 4)
		return;
	apic->pending = vector;
	lapic_notify(apic);
}

/* An error's own interrupt may have a wrong vector: an error more, but no interrupt again. */
void lapic_report_error(struct lapic *apic, u32 error)
{
	u32 entry = apic->lvt[LVT_ERROR];

	apic->errors |= error;
	if ((entry & LVT_MASKED) || !lapic_is_active(apic))
		return;
	if ((entry & 0xff) < FIRST_VECTOR)
		apic->errors |= ESR_RECEIVE_VECTOR;
	else
		request(apic, (u8)entry, false);
}

bool lapic_request(struct lapic *apic, u8 vector, bool level)
{
	if (!lapic_is_active(apic))
		return false;
	if (vector < FIRST_VECTOR) {
		lapic_report_error(apic, ESR_RECEIVE_VECTOR);
		return false;
	}
	request(apic, vector, level);
	return true;
}

static bool matches_logical(const struct lapic *apic, u32 dest)
{
	u32 own = apic->ldr >> 24;

	if (apic->x2apic) /* clusters of 16 */
		return dest >> 16 == apic->ldr >> 16 && (dest & apic->ldr & 0xffff);
	if (dest > 0xff)
		return false;
	switch (apic->dfr >> 28) {
	case 0xf: /* flat: a bit per CPU */
		return dest & own;
	case 0x0: /* clusters: its number, then a bit per CPU */
		return dest >> 4 == own >> 4 && (dest & own & 0xf);
	default:
		return false;
	}
}

bool lapic_is_destination(const struct lapic *apic, const struct lapic_ipi *ipi)
{
	if (!apic->enabled)
		return false;
	if (ipi->dest == LAPIC_DEST_ALL)
		return true;
	return ipi->logical ? matches_logical(apic, ipi->dest) : ipi->dest == apic->id;
}

bool lapic_accept(struct lapic *apic, const struct lapic_ipi *message, bool level)
{
	switch ((enum lapic_delivery)message->delivery) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
		return lapic_request(apic, message->vector, level);
	case DELIVER_NMI:
	case DELIVER_INIT:
	case DELIVER_STARTUP:
		if (apic->host.signal)
			apic->host.signal(apic->host.ctx, message->delivery, message->vector);
		return true;
	default:
		return false;
	}
}

void lapic_send(struct lapic *apic, u32 icr, u32 dest)
{
	enum shorthand shorthand = ICR_SHORTHAND(icr);
	struct lapic_ipi ipi = {
		.delivery = ICR_DELIVERY(icr),
		.vector = (u8)icr,
		.dest = shorthand == NO_SHORTHAND ? dest : LAPIC_DEST_ALL,
		.logical = shorthand == NO_SHORTHAND && (icr & ICR_LOGICAL),
	};

	switch ((enum lapic_delivery)ipi.delivery) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
		if (ipi.vector < FIRST_VECTOR) {
			lapic_report_error(apic, ESR_SEND_VECTOR);
			return;
		}
		break;
	case DELIVER_INIT:
		/* A level de-assert only told APICs of another age to synchronise. */
		if ((icr & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL)
			return;
		/* fall through */
	case DELIVER_NMI:
	case DELIVER_STARTUP:
		/* Not allowed, and without effect, with a shorthand that includes the sender. */
		if (shorthand == SELF || shorthand == ALL)
			return;
		break;
	default:
		return;
	}
	if (shorthand == SELF)
		lapic_accept(apic, &ipi, false);
	else
		apic_bus_deliver(apic->bus, &ipi, false, shorthand == ALL_OTHERS ? apic : NULL);
}
