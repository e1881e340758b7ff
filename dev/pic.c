/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8259A pair: see pic.h. Left out is what a PC cannot use: 8080 mode, buffered mode,
 * the trigger bit of ICW1 (the ELCR rules) and the wiring in ICW3 (it is fixed).
 *
 * An edge is latched: a line that falls before it was acknowledged still interrupts, so
 * that devices may pulse their line. The cascade is not latched: the master's request 2
 * is at all times what the slave's output says, so nothing is lost between the chips,
 * whatever the order in which software ends interrupts on them.
 */
#include "dev/pic.h"

#include "dev/byte_regs.h"

#define SPURIOUS 7u

#define ICW1_ICW4 0x01u
#define ICW1_SINGLE 0x02u
#define ICW1 0x10u
#define ICW4_AUTO_EOI 0x02u
#define ICW4_NESTED_FULLY 0x10u

#define OCW3 0x08u
#define OCW3_READ_ISR 0x01u
#define OCW3_READ 0x02u
#define OCW3_POLL 0x04u
#define OCW3_MASK_ON 0x20u
#define OCW3_MASK 0x40u

#define POLL_REQUEST 0x80u

enum { PORT_COMMAND, PORT_DATA };

/* Bits 7:5 of OCW2. */
enum ocw2 {
	ROTATE_AUTO_CLEAR,
	EOI,
	NOP,
	EOI_SPECIFIC,
	ROTATE_AUTO_SET,
	ROTATE_EOI,
	SET_PRIORITY,
	ROTATE_EOI_SPECIFIC
};

/* 0 is the highest. */
static unsigned int priority_of(const struct pic_chip *chip, unsigned int irq)
{
	return (irq - chip->lowest - 1) & 7;
}

/* The input of highest priority in mask, which is not 0. */
static unsigned int first_of(const struct pic_chip *chip, u32 mask)
{
	unsigned int highest = (chip->lowest + 1u) & 7;
	u32 rotated = (mask >> highest | mask << (8 - highest)) & 0xff;

	return ((unsigned int)__builtin_ctz(rotated) + highest) & 7;
}

/* The input that interrupts now, or -1. */
static int chip_pending(const struct pic_chip *chip)
{
	u32 requests = chip->irr & ~chip->imr, busy = chip->isr;
	unsigned int irq;

	if (!requests || chip->next_icw)
		return -1;
	irq = first_of(chip, requests);
	if (chip->special_mask)
		busy &= ~chip->imr;
	if (chip->nested_fully && chip->master && irq == PIC_CASCADE)
		busy &= ~(u32)BIT(PIC_CASCADE);
	if (busy && priority_of(chip, first_of(chip, busy)) <= priority_of(chip, irq))
		return -1;
	return (int)irq;
}

/* Carry the slave's output to the master, and the master's to the CPU. */
static void pic_update(struct pic *pic)
{
	struct pic_chip *master = &pic->chip[0];
	bool level;

	if (chip_pending(&pic->chip[1]) >= 0)
		master->irr |= (u32)BIT(PIC_CASCADE);
	else
		master->irr &= ~(u32)BIT(PIC_CASCADE);
	level = chip_pending(master) >= 0;
	if (level != pic->level) {
		pic->level = level;
		pic->output(pic->ctx, level);
	}
}

void pic_set_irq(struct pic *pic, unsigned int irq, bool level)
{
	struct pic_chip *chip;
	u32 bit = (u32)BIT(irq & 7);

	if (irq >= PIC_IRQS || irq == PIC_CASCADE)
		return;
	chip = &pic->chip[irq / 8];
	if (level == !!(chip->lines & bit))
		return;
	chip->lines ^= bit;
	if (level)
		chip->irr |= bit;
	else if (chip->elcr & bit)
		chip->irr &= ~bit;
	pic_update(pic);
}

void pic_irq_line_set(void *ctx, unsigned int pin, bool level)
{
	pic_set_irq(ctx, pin, level);
}

static void chip_end(struct pic_chip *chip, unsigned int irq, bool rotate)
{
	chip->isr &= ~(u32)BIT(irq);
	if (rotate)
		chip->lowest = (u8)irq;
}

/* Acknowledge the pending input and return it; -1 when there is none. */
static int chip_ack(struct pic_chip *chip)
{
	int irq = chip_pending(chip);
	u32 bit;

	if (irq < 0)
		return -1;
	bit = (u32)BIT(irq);
	chip->isr |= bit;
	/* A level-triggered request stays for as long as the line says so. */
	if (!(chip->elcr & bit))
		chip->irr &= ~bit;
	if (chip->auto_eoi)
		chip_end(chip, (unsigned int)irq, chip->auto_rotate);
	return irq;
}

int pic_ack(struct pic *pic)
{
	struct pic_chip *chip = &pic->chip[0];
	int irq = chip_ack(chip);

	if (irq == (int)PIC_CASCADE) {
		chip = &pic->chip[1];
		irq = chip_ack(chip);
	}
	pic_update(pic);
	return chip->base + (irq < 0 ? (int)SPURIOUS : irq);
}

static void write_icw1(struct pic_chip *chip, u8 value)
{
	chip->irr = chip->lines & chip->elcr;
	chip->isr = 0;
	chip->imr = 0;
	chip->lowest = 7;
	chip->auto_eoi = false;
	chip->auto_rotate = false;
	chip->nested_fully = false;
	chip->special_mask = false;
	chip->read_isr = false;
	chip->poll = false;
	chip->single = value & ICW1_SINGLE;
	chip->wants_icw4 = value & ICW1_ICW4;
	chip->next_icw = 2;
}

/* End an interrupt without naming it: the one of highest priority in service. */
static void end_first(struct pic_chip *chip, bool rotate)
{
	u32 busy = chip->isr;

	if (chip->special_mask)
		busy &= ~chip->imr;
	if (busy)
		chip_end(chip, first_of(chip, busy), rotate);
}

static void write_ocw2(struct pic_chip *chip, u8 value)
{
	unsigned int irq = value & 7;

	switch ((enum ocw2)(value >> 5)) {
	case EOI:
	case ROTATE_EOI:
		end_first(chip, value >> 5 == ROTATE_EOI);
		break;
	case EOI_SPECIFIC:
	case ROTATE_EOI_SPECIFIC:
		chip_end(chip, irq, value >> 5 == ROTATE_EOI_SPECIFIC);
		break;
	case SET_PRIORITY:
		chip->lowest = (u8)irq;
		break;
	case ROTATE_AUTO_SET:
	case ROTATE_AUTO_CLEAR:
		chip->auto_rotate = value >> 5 == ROTATE_AUTO_SET;
		break;
	case NOP:
		break;
	}
}

static void write_ocw3(struct pic_chip *chip, u8 value)
{
	if (value & OCW3_POLL)
		chip->poll = true;
	if (value & OCW3_READ)
		chip->read_isr = value & OCW3_READ_ISR;
	if (value & OCW3_MASK)
		chip->special_mask = value & OCW3_MASK_ON;
}

static void write_data(struct pic_chip *chip, u8 value)
{
	switch (chip->next_icw) {
	case 2:
		chip->base = value & 0xf8;
		chip->next_icw = !chip->single ? 3 : chip->wants_icw4 ? 4 : 0;
		break;
	case 3:
		chip->next_icw = chip->wants_icw4 ? 4 : 0;
		break;
	case 4:
		chip->auto_eoi = value & ICW4_AUTO_EOI;
		chip->nested_fully = value & ICW4_NESTED_FULLY;
		chip->next_icw = 0;
		break;
	default:
		chip->imr = value;
		break;
	}
}

static void chip_write(struct pic *pic, struct pic_chip *chip, u32 reg, u8 value)
{
	if (reg == PORT_DATA)
		write_data(chip, value);
	else if (value & ICW1)
		write_icw1(chip, value);
	else if (value & OCW3)
		write_ocw3(chip, value);
	else
		write_ocw2(chip, value);
	pic_update(pic);
}

/* A poll is an acknowledge by software: it takes the interrupt into service. */
static u8 chip_poll(struct pic *pic, struct pic_chip *chip)
{
	int irq;

	chip->poll = false;
	irq = chip_ack(chip);
	pic_update(pic);
	return irq < 0 ? 0 : (u8)(POLL_REQUEST | (u32)irq);
}

static u8 chip_read(struct pic *pic, struct pic_chip *chip, u32 reg)
{
	if (chip->poll)
		return chip_poll(pic, chip);
	if (reg == PORT_DATA)
		return (u8)chip->imr;
	return (u8)(chip->read_isr ? chip->isr : chip->irr);
}

static u8 master_read_reg(void *dev, u32 reg)
{
	struct pic *pic = dev;

	return chip_read(pic, &pic->chip[0], reg);
}

static u8 slave_read_reg(void *dev, u32 reg)
{
	struct pic *pic = dev;

	return chip_read(pic, &pic->chip[1], reg);
}

static u8 elcr_read_reg(void *dev, u32 reg)
{
	struct pic *pic = dev;

	return (u8)pic->chip[reg].elcr;
}

static void master_write_reg(void *dev, u32 reg, u8 value)
{
	struct pic *pic = dev;

	chip_write(pic, &pic->chip[0], reg, value);
}

static void slave_write_reg(void *dev, u32 reg, u8 value)
{
	struct pic *pic = dev;

	chip_write(pic, &pic->chip[1], reg, value);
}

static void elcr_write_reg(void *dev, u32 reg, u8 value)
{
	struct pic *pic = dev;
	struct pic_chip *chip = &pic->chip[reg];

	chip->elcr = value & chip->elcr_allowed;
	/* From now on these requests are what the lines say. */
	chip->irr = (chip->irr & ~chip->elcr) | (chip->lines & chip->elcr);
	pic_update(pic);
}

/* The three ranges have two byte registers each. */
#define PIC_IO(name)                                                                    \
	static u64 name##_read(void *dev, u64 offset, unsigned int size)                \
	{                                                                               \
		return byte_regs_read(name##_read_reg, dev, PIC_PORTS, offset, size);   \
	}                                                                               \
	static void name##_write(void *dev, u64 offset, unsigned int size, u64 value)   \
	{                                                                               \
		byte_regs_write(name##_write_reg, dev, PIC_PORTS, offset, size, value); \
	}                                                                               \
	const struct io_ops pic_##name##_io = { .read = name##_read, .write = name##_write }

PIC_IO(master);
PIC_IO(slave);
PIC_IO(elcr);

void pic_reset(struct pic *pic)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(pic->chip); i++) {
		struct pic_chip *chip = &pic->chip[i];

		*chip = (struct pic_chip){
			.lines = chip->lines,
			.imr = 0xff,
			/* Not the timer, the keyboard, the cascade, the RTC, the FPU. */
			.elcr_allowed = i == 0 ? 0xf8 : 0xde,
			.base = i == 0 ? 0x08 : 0x70,
			.lowest = 7,
			.master = i == 0,
		};
	}
	pic_update(pic);
}

void pic_init(struct pic *pic, void (*output)(void *ctx, bool level), void *ctx)
{
	*pic = (struct pic){ .output = output, .ctx = ctx };
	pic_reset(pic);
}
