/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 82093AA: see ioapic.h. Messages arrive at once, so the delivery status is always idle.
 *
 * An edge is sent when it comes, or lost when the input is masked then. A level is sent once and
 * noted in the entry's remote IRR bit until a local APIC ends it; if the line is still up
 * then, it is sent again. A local APIC that is told not to broadcast ends leaves it to software
 * to write the vector into the EOI register.
 *
 * The 8259s' output is at input IOAPIC_PIC_PIN. Where its entry says ExtINT the message only tells
 * the CPUs to look: they ask ioapic_passes_pic() and acknowledge at the 8259s.
 */
#include "dev/ioapic.h"

/* Offsets within the range. */
#define WINDOW_INDEX 0x00u
#define WINDOW_DATA 0x10u
#define WINDOW_EOI 0x40u

/* Registers, by index. */
enum { REG_ID, REG_VERSION, REG_ARBITRATION, REG_ENTRY = 0x10 };

#define VERSION (IOAPIC_VERSION | (IOAPIC_PINS - 1) << 16)
#define ID_SHIFT 24

#define ENTRY_DELIVERY(entry) ((u8)((entry) >> 8 & 7))
#define ENTRY_LOGICAL BIT(11)
#define ENTRY_REMOTE_IRR BIT(14)
#define ENTRY_LEVEL BIT(15)
#define ENTRY_MASKED BIT(16)
#define ENTRY_DEST(entry) lapic_dest8((u8)((entry) >> 56))
#define ENTRY_WRITABLE 0xff0000000001afffull /* delivery status and remote IRR are not */

/* What is no vector is never ended by a local APIC: there the trigger mode does not count. */
static bool entry_is_level(u64 entry)
{
	return (entry & ENTRY_LEVEL) &&
	       (ENTRY_DELIVERY(entry) == DELIVER_FIXED || ENTRY_DELIVERY(entry) == DELIVER_LOWEST);
}

bool ioapic_message(const struct ioapic *ioapic, unsigned int pin, struct lapic_ipi *message)
{
	u64 entry = ioapic->entries[pin];

	*message = (struct lapic_ipi){
		.delivery = ENTRY_DELIVERY(entry),
		.vector = (u8)entry,
		.dest = ENTRY_DEST(entry),
		.logical = entry & ENTRY_LOGICAL,
	};
	return !(entry & ENTRY_MASKED);
}

/* ExtINT follows the line, and is for no other input. */
static bool entry_is_extint(const struct ioapic *ioapic, unsigned int pin)
{
	return pin == IOAPIC_PIC_PIN && ENTRY_DELIVERY(ioapic->entries[pin]) == DELIVER_EXTINT;
}

bool ioapic_passes_pic(const struct ioapic *ioapic, const struct lapic *apic)
{
	struct lapic_ipi message;

	return entry_is_extint(ioapic, IOAPIC_PIC_PIN) &&
	       ioapic_message(ioapic, IOAPIC_PIC_PIN, &message) && lapic_is_active(apic) &&
	       lapic_is_destination(apic, &message);
}

/* The input is not masked. */
static void send(struct ioapic *ioapic, unsigned int pin)
{
	u64 *entry = &ioapic->entries[pin];
	bool level = entry_is_level(*entry);
	struct lapic_ipi message;

	ioapic_message(ioapic, pin, &message);
	/* What nobody takes nobody ends: not to be waited for. */
	if (ioapic->deliver(ioapic->ctx, &message, level) && level)
		*entry |= ENTRY_REMOTE_IRR;
}

/* Send a level that is up and not sent yet: after all that may have held it back. */
static void send_level(struct ioapic *ioapic, unsigned int pin)
{
	u64 entry = ioapic->entries[pin];

	if ((ioapic->lines & BIT(pin)) && entry_is_level(entry) &&
	    !(entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR)))
		send(ioapic, pin);
}

void ioapic_set_irq(struct ioapic *ioapic, unsigned int pin, bool level)
{
	if (pin >= IOAPIC_PINS || level == !!(ioapic->lines & BIT(pin)))
		return;
	ioapic->lines ^= (u32)BIT(pin);
	if (!level || (ioapic->entries[pin] & ENTRY_MASKED))
		return;
	if (entry_is_level(ioapic->entries[pin]))
		send_level(ioapic, pin);
	else
		send(ioapic, pin);
}

void ioapic_eoi(struct ioapic *ioapic, u8 vector)
{
	for (unsigned int pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 *entry = &ioapic->entries[pin];

		if ((u8)*entry != vector)
			continue;
		*entry &= ~ENTRY_REMOTE_IRR;
		send_level(ioapic, pin);
	}
}

/* half: 0 the lower, 1 the upper 32 bits. */
static void write_entry(struct ioapic *ioapic, unsigned int pin, unsigned int half, u32 value)
{
	u64 *entry = &ioapic->entries[pin];
	u64 mask = ENTRY_WRITABLE & (BITS(31, 0) << (32 * half));

	*entry = (*entry & ~mask) | ((u64)value << (32 * half) & mask);
	if (!entry_is_level(*entry))
		*entry &= ~ENTRY_REMOTE_IRR;
	if (entry_is_extint(ioapic, pin) && ioapic->lines & BIT(pin) && !(*entry & ENTRY_MASKED))
		send(ioapic, pin);
	else
		send_level(ioapic, pin);
}

static u32 read_reg(const struct ioapic *ioapic)
{
	unsigned int at = ioapic->index - (unsigned int)REG_ENTRY;

	switch (ioapic->index) {
	case REG_ID:
	case REG_ARBITRATION: /* takes over the id; there is no bus to arbitrate for */
		return (u32)ioapic->id << ID_SHIFT;
	case REG_VERSION:
		return VERSION;
	default:
		return at < 2 * IOAPIC_PINS ? (u32)(ioapic->entries[at / 2] >> (32 * (at % 2))) : 0;
	}
}

static void write_reg(struct ioapic *ioapic, u32 value)
{
	unsigned int at = ioapic->index - (unsigned int)REG_ENTRY;

	if (ioapic->index == REG_ID)
		ioapic->id = value >> ID_SHIFT & IOAPIC_MAX_ID;
	else if (at < 2 * IOAPIC_PINS)
		write_entry(ioapic, at / 2, at % 2, value);
}

/*
 * Registers are 32 bits, two in the first 32 bytes and one, which is not read, behind; nothing else
 * is decoded. A narrow read gets the bytes it asks for, of the gaps 0; index and vector are one
 * byte, so a write of any width sets them, but the data register is only written as a whole.
 */
static u64 ioapic_read(void *dev, u64 offset, unsigned int size)
{
	const struct ioapic *ioapic = dev;
	unsigned int byte = offset & 15;
	u64 value = 0;

	if (offset >= 2 * WINDOW_DATA)
		value = ~0ull;
	else if (byte < 4)
		value = (offset < WINDOW_DATA ? ioapic->index : read_reg(ioapic)) >> (8 * byte);
	return size < 8 ? value & (BIT(8 * size) - 1) : value;
}

static void ioapic_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct ioapic *ioapic = dev;

	if (offset == WINDOW_INDEX)
		ioapic->index = (u8)value;
	else if (offset == WINDOW_DATA && size >= 4)
		write_reg(ioapic, (u32)value);
	else if (offset == WINDOW_EOI)
		ioapic_eoi(ioapic, (u8)value);
}

const struct io_ops ioapic_io = { .read = ioapic_read, .write = ioapic_write };

void ioapic_reset(struct ioapic *ioapic)
{
	ioapic->id = ioapic->reset_id;
	ioapic->index = 0;
	for (unsigned int pin = 0; pin < IOAPIC_PINS; pin++)
		ioapic->entries[pin] = ENTRY_MASKED;
}

void ioapic_init(struct ioapic *ioapic, u8 id,
		 bool (*deliver)(void *ctx, const struct lapic_ipi *message, bool level), void *ctx)
{
	*ioapic = (struct ioapic){ .deliver = deliver, .ctx = ctx, .reset_id = id };
	ioapic_reset(ioapic);
}
