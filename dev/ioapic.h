/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APIC of a PC, an 82093AA with the EOI register of its successors: 24 interrupt inputs, each
 * with an entry that says which vector it sends to which local APICs. All calls under the VM's
 * device lock.
 */
#pragma once

#include "dev/lapic.h"

#define IOAPIC_BASE 0xfec00000ull
#define IOAPIC_SIZE 0x1000ull
#define IOAPIC_VERSION 0x20u
#define IOAPIC_PINS 24u
#define IOAPIC_MAX_ID 15u
#define IOAPIC_PIC_PIN 0u /* the 8259s' output, on a PC */
#define IOAPIC_PIT_PIN 2u /* so IRQ 0 has another one */

struct ioapic {
	/* Returns whether some local APIC has taken it. level: it will tell ioapic_eoi(). */
	bool (*deliver)(void *ctx, const struct lapic_ipi *message, bool level); /* [const] */
	void *ctx; /* [const] */
	u8 reset_id; /* [const] */
	u8 id;
	u8 index; /* the register that the data window shows */
	u32 lines; /* the levels at the inputs; asserted is 1, whatever polarity an entry names */
	u64 entries[IOAPIC_PINS]; /* as the guest reads them */
};

/* The device is the struct ioapic; the range is IOAPIC_SIZE bytes. */
extern const struct io_ops ioapic_io;

/* id, up to IOAPIC_MAX_ID, is what firmware has given it. */
void ioapic_init(struct ioapic *ioapic, u8 id,
		 bool (*deliver)(void *ctx, const struct lapic_ipi *message, bool level),
		 void *ctx);

/* Every input masked. The lines stay as they are. */
void ioapic_reset(struct ioapic *ioapic);

/* The level at an input. Numbers from IOAPIC_PINS on are ignored. */
void ioapic_set_irq(struct ioapic *ioapic, unsigned int pin, bool level);

/* What an input, below IOAPIC_PINS, sends. False: nothing, it is masked. */
bool ioapic_message(const struct ioapic *ioapic, unsigned int pin, struct lapic_ipi *message);

/* Does an ExtINT entry pass the 8259s' interrupts on to this CPU? */
bool ioapic_passes_pic(const struct ioapic *ioapic, const struct lapic *apic);

/* A local APIC has ended a level-triggered interrupt with this vector. */
void ioapic_eoi(struct ioapic *ioapic, u8 vector);
