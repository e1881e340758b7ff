/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pair of 8259A interrupt controllers of a PC, with the edge/level control registers.
 * IRQs 0-7 are the master's inputs, 8-15 the slave's, whose output is the master's input 2.
 * All calls under the VM's device lock.
 */
#pragma once

#include "vm/io.h"

#define PIC_MASTER_PORT 0x20u
#define PIC_SLAVE_PORT 0xa0u
#define PIC_PORTS 2u
#define PIC_ELCR_PORT 0x4d0u
#define PIC_ELCR_PORTS 2u
#define PIC_IRQS 16u
#define PIC_CASCADE 2u /* the master's input that is the slave's output */

struct pic_chip {
	/* Bit masks of the eight inputs. */
	u32 irr, isr, imr;
	u32 lines; /* the levels at the inputs */
	u32 elcr; /* 1: level-triggered */
	u32 elcr_allowed; /* [const] inputs that may be */

	u8 base; /* vector of input 0 */
	u8 lowest; /* the input with the lowest priority now */
	u8 next_icw; /* the initialisation word that the next write brings; 0: none */
	bool master; /* [const] */
	bool single, wants_icw4;
	bool auto_eoi, auto_rotate;
	bool nested_fully; /* special fully nested mode */
	bool special_mask;
	bool read_isr; /* what a read of the command port shows: ISR or IRR */
	bool poll; /* the next read is a poll */
};

struct pic {
	struct pic_chip chip[2]; /* master, slave */
	void (*output)(void *ctx, bool level); /* [const] */
	void *ctx; /* [const] */
	bool level; /* of the master's output */
};

/* The device of all three is the struct pic. */
extern const struct io_ops pic_master_io, pic_slave_io, pic_elcr_io;

/* output is called at each change of the line to the CPU. */
void pic_init(struct pic *pic, void (*output)(void *ctx, bool level), void *ctx);

/* As firmware leaves it: vectors from 08h and 70h, every input masked. */
void pic_reset(struct pic *pic);

/* The level at an input. Other numbers than 0-15, and 2 (the cascade), are ignored. */
void pic_set_irq(struct pic *pic, unsigned int irq, bool level);

/* An irq_line's set function; ctx is the struct pic, the pin is the IRQ. */
void pic_irq_line_set(void *ctx, unsigned int pin, bool level);

/* Does an input, 0-15, request an interrupt that has not been acknowledged and is not masked? */
static inline bool pic_requests(const struct pic *pic, unsigned int irq)
{
	const struct pic_chip *chip = &pic->chip[irq / 8];

	return (chip->irr & ~chip->imr) >> (irq & 7) & 1;
}

/* Would an interrupt of an input, 0-15, be passed on? */
static inline bool pic_unmasked(const struct pic *pic, unsigned int irq)
{
	const struct pic_chip *master = &pic->chip[0], *chip = &pic->chip[irq / 8];

	return !(chip->imr >> (irq & 7) & 1) &&
	       (chip == master || !(master->imr & BIT(PIC_CASCADE)));
}

static inline bool pic_pending(const struct pic *pic)
{
	return pic->level;
}

/*
 * The CPU's interrupt acknowledge: the vector. When the request has gone meanwhile it is
 * that of the spurious interrupt, input 7.
 */
int pic_ack(struct pic *pic);
