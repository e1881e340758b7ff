/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8259 and 8254.
 */
#include "tests/guest/lib/pic.h"

void pic_init(void)
{
	outb(PIC_MASTER, 0x11);
	outb(PIC_SLAVE, 0x11);
	outb(PIC_MASTER_MASK, PIC_VECTOR);
	outb(PIC_SLAVE_MASK, PIC_SLAVE_VECTOR);
	outb(PIC_MASTER_MASK, 1u << IRQ_CASCADE);
	outb(PIC_SLAVE_MASK, IRQ_CASCADE);
	outb(PIC_MASTER_MASK, 0x01);
	outb(PIC_SLAVE_MASK, 0x01);
	outb(PIC_MASTER_MASK, 0xff);
	outb(PIC_SLAVE_MASK, 0xff);
}

void pic_unmask(unsigned int irq)
{
	if (irq >= 8) {
		outb(PIC_SLAVE_MASK, (u8)(inb(PIC_SLAVE_MASK) & ~(1u << (irq - 8))));
		irq = IRQ_CASCADE;
	}
	outb(PIC_MASTER_MASK, (u8)(inb(PIC_MASTER_MASK) & ~(1u << irq)));
}

void pic_mask(unsigned int irq)
{
	if (irq >= 8)
		outb(PIC_SLAVE_MASK, (u8)(inb(PIC_SLAVE_MASK) | 1u << (irq - 8)));
	else
		outb(PIC_MASTER_MASK, (u8)(inb(PIC_MASTER_MASK) | 1u << irq));
}

void pic_eoi(unsigned int irq)
{
	if (irq >= 8)
		outb(PIC_SLAVE, PIC_EOI);
	outb(PIC_MASTER, PIC_EOI);
}

u8 pic_isr(void)
{
	outb(PIC_MASTER, 0x0b);
	return inb(PIC_MASTER);
}

u8 pic_irr(void)
{
	outb(PIC_MASTER, 0x0a);
	return inb(PIC_MASTER);
}

void pit_start(unsigned int channel, unsigned int mode, u16 count)
{
	outb(PIT_CONTROL, (u8)(channel << 6 | 0x30 | mode << 1));
	outb(PIT_PORT(channel), (u8)count);
	outb(PIT_PORT(channel), (u8)(count >> 8));
}

u16 pit_count(unsigned int channel)
{
	u8 low;

	outb(PIT_CONTROL, (u8)(channel << 6));
	low = inb(PIT_PORT(channel));
	return (u16)(low | inb(PIT_PORT(channel)) << 8);
}

u8 pit_status(unsigned int channel)
{
	outb(PIT_CONTROL, (u8)(0xe0 | 2u << channel));
	return inb(PIT_PORT(channel));
}
