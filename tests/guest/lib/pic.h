/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two 8259 interrupt controllers, edge triggered, and the 8254 timer.
 */
#pragma once

#include "tests/guest/lib/x86.h"

#define PIC_MASTER 0x20
#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE 0xa0
#define PIC_SLAVE_MASK 0xa1
#define PIC_EOI 0x20

/* The vectors that pic_init() chooses for irq 0..7 and 8..15. */
#define PIC_VECTOR 0x40u
#define PIC_SLAVE_VECTOR 0x48u

#define IRQ_PIT 0u
#define IRQ_CASCADE 2u
#define IRQ_COM1 4u
#define IRQ_RTC 8u

/* Program both, with all inputs masked. */
void pic_init(void);
void pic_unmask(unsigned int irq);
void pic_mask(unsigned int irq);
void pic_eoi(unsigned int irq);
/* The master's in-service and request registers. */
u8 pic_isr(void);
u8 pic_irr(void);

#define PIT_HZ 1193182u
#define PIT_PORT(channel) (u16)(0x40 + (channel))
#define PIT_CONTROL 0x43
#define PIT_ONESHOT 0u /* mode 0 */
#define PIT_RATE 2u
#define PIT_SQUARE 3u

/* Binary counting, low byte then high byte; count 0 is 65536. */
void pit_start(unsigned int channel, unsigned int mode, u16 count);
/* The count, latched. */
u16 pit_count(unsigned int channel);
/* The status byte of the read-back command: OUT in bit 7, null count in bit 6. */
u8 pit_status(unsigned int channel);
