/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8259 pair's special mask mode, its poll command, lines that are levels by the ELCR, and what
 * comes by way of the slave.
 */
#include "tests/guest/pic_modes.h"

#define UART_BIT BIT(IRQ_COM1)

void test_special_mask(void)
{
	bool before, lets, masked;
	u8 busy, left;

	pic_fresh(ICW4_8086);
	raise_pit();
	take();
	raise_uart();
	pic_mask(IRQ_PIT);
	take();
	before = CAME_NONE();
	outb(PIC_MASTER, OCW3_SPECIAL_MASK_ON);
	take();
	lets = CAME(IRQ_COM1);
	busy = pic_isr();
	raise_pit();
	take();
	masked = CAME_NONE();
	outb(PIC_MASTER, PIC_EOI);
	left = pic_isr();
	outb(PIC_MASTER, OCW3_SPECIAL_MASK_OFF);
	drop_all();
	tap_ok(before, "one in service, though masked, keeps lower ones waiting");
	tap_ok(lets, "in special mask mode it does not");
	tap_eq(busy, BIT(IRQ_PIT) | UART_BIT, "both are in service then");
	tap_ok(masked, "the masked one does not come");
	tap_eq(left, BIT(IRQ_PIT), "an EOI passes over the masked one");
	outb(PIC_MASTER, OCW2_EOI_SPECIFIC | IRQ_PIT);
	tap_eq(pic_isr(), 0, "a specific EOI does not");
}

/* Bit 7: there is one; which, in the low bits. The others have no meaning. */
static u8 poll(u16 port)
{
	u8 word;

	outb(port, OCW3_POLL);
	word = inb(port);
	return word & 0x80 ? word & 0x87 : 0;
}

void test_poll(void)
{
	u8 first, busy, second, none, by_slave, slave, in_service;

	pic_fresh(ICW4_8086);
	raise_uart();
	raise_pit();
	first = poll(PIC_MASTER);
	busy = pic_isr();
	outb(PIC_MASTER, PIC_EOI);
	second = poll(PIC_MASTER);
	outb(PIC_MASTER, PIC_EOI);
	none = poll(PIC_MASTER);
	raise_rtc();
	by_slave = poll(PIC_MASTER);
	slave = poll(PIC_SLAVE);
	in_service = slave_isr();
	outb(PIC_SLAVE, PIC_EOI);
	outb(PIC_MASTER, PIC_EOI);
	take();
	drop_all();
	tap_eq(first, 0x80 | IRQ_PIT, "a poll takes the highest");
	tap_eq(busy, BIT(IRQ_PIT), "into service");
	tap_eq(second, 0x80 | IRQ_COM1, "the next one the other");
	tap_eq(none, 0, "and then there is none");
	tap_eq(by_slave, 0x80 | IRQ_CASCADE, "polled, the master names the slave");
	tap_eq(slave, 0x80 | (IRQ_RTC - 8), "and the slave its input");
	tap_eq(in_service, BIT(IRQ_RTC - 8), "which is in service there");
	tap_ok(CAME_NONE(), "what was polled does not interrupt");
}

static void test_elcr(void)
{
	outb(ELCR_MASTER, UART_BIT);
	outb(ELCR_SLAVE, 0x02);
	tap_eq(inb(ELCR_MASTER), UART_BIT, "the master's edge/level register holds its bits");
	tap_eq(inb(ELCR_SLAVE), 0x02, "and the slave's");
	outb(ELCR_SLAVE, 0);
}

/* COM1's line is a level: by the ELCR, which is set. */
static void test_level(void)
{
	bool again, busy, ended;

	pic_fresh(ICW4_8086);
	end_command = PIC_EOI;
	uart_drop_at = 3;
	raise_uart();
	take();
	again = CAME(IRQ_COM1, IRQ_COM1, IRQ_COM1);
	pic_fresh(ICW4_8086);
	raise_uart();
	take();
	busy = CAME(IRQ_COM1);
	take();
	busy &= CAME_NONE();
	outb(PIC_MASTER, PIC_EOI);
	take();
	ended = CAME(IRQ_COM1);
	drop_all();
	tap_ok(again, "a level comes for as long as it is high");
	tap_ok(busy, "once until its EOI");
	tap_ok(ended, "and again after that");
}

/* The chip may have told the CPU already; then it makes up an interrupt 7 that is in no register. */
static void test_withdrawn(void)
{
	u8 high, low, busy;
	bool nothing;

	pic_fresh(ICW4_8086);
	raise_uart();
	high = pic_irr() & UART_BIT;
	drop_uart();
	low = pic_irr() & UART_BIT;
	take();
	busy = pic_isr();
	nothing = CAME_NONE() || CAME(7);
	tap_ok(high && !low, "a level's request goes with it");
	tap_ok(nothing, "and does not interrupt");
	tap_eq(busy, 0, "nothing is in service");
}

static void test_programmed_anew(void)
{
	bool level, edge, once;

	pic_fresh(ICW4_8086);
	raise_uart();
	pic_program(ICW4_8086, PIC_VECTOR);
	take();
	level = CAME(IRQ_COM1);
	outb(ELCR_MASTER, 0);
	pic_fresh(ICW4_8086);
	raise_uart();
	pic_program(ICW4_8086, PIC_VECTOR);
	take();
	edge = CAME_NONE();
	drop_uart();
	end_command = PIC_EOI;
	raise_uart();
	take();
	once = CAME(IRQ_COM1);
	drop_all();
	tap_ok(level, "a level that is high is a request after ICW1 too");
	tap_ok(edge, "an edge before it is not");
	tap_ok(once, "the next edge is, once for as long as the line is high");
}

void test_levels(void)
{
	test_elcr();
	test_level();
	test_withdrawn();
	test_programmed_anew();
}

static void test_slave_masks(void)
{
	bool slave, master, open;

	pic_fresh(ICW4_8086);
	pic_mask(IRQ_RTC);
	raise_rtc();
	take();
	slave = CAME_NONE();
	pic_unmask(IRQ_RTC);
	pic_mask(IRQ_CASCADE);
	take();
	master = CAME_NONE();
	pic_unmask(IRQ_CASCADE);
	take();
	open = CAME(IRQ_RTC);
	tap_ok(slave, "the slave's mask keeps 8 back");
	tap_ok(master, "so does the cascade's");
	tap_ok(open, "with neither it comes");
	tap_eq(pic_isr(), BIT(IRQ_CASCADE), "the cascade is in service at the master");
	tap_eq(slave_isr(), BIT(IRQ_RTC - 8), "8 at the slave");
	raise_pit();
	take();
	tap_ok(CAME(IRQ_PIT), "0 is above it");
	drop_all();
}

/*
 * 8 once more while the master has not heard of the first one's end: it comes at once only where the
 * master knows that the cascade is a chip with priorities of its own.
 */
static bool comes_again(u8 icw4)
{
	bool again;

	pic_fresh(icw4);
	raise_rtc();
	take();
	drop_rtc();
	raise_rtc();
	take();
	if (!CAME_NONE())
		tap_diag("not even the slave has ended the first one");
	outb(PIC_SLAVE, PIC_EOI);
	take();
	again = CAME(IRQ_RTC);
	if (!again) {
		outb(PIC_MASTER, PIC_EOI);
		take();
		tap_ok(CAME(IRQ_RTC), "8 comes again after both EOIs");
	}
	drop_all();
	return again;
}

void test_cascade(void)
{
	test_slave_masks();
	tap_ok(!comes_again(ICW4_8086), "but not after the slave's alone");
	tap_ok(comes_again(ICW4_8086 | ICW4_NESTED_FULLY),
	       "in special fully nested mode the slave's EOI is enough");
}
