/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8259 pair by the interrupts that it lets through: priorities and how they rotate, and all ways
 * to end an interrupt. Its lines are raised by devices whose interrupt waits until it is
 * answered. Masks, polls, levels and the cascade are in pic_modes_lines.c.
 */
#include "tests/guest/pic_modes.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/cmos.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/serial.h"

#define UART_IER (PORT_COM1 + 1)
#define IER_THRE 0x02u
#define RTC_1024HZ 0x26
#define RTC_24H 0x02
#define OTHER_BASE 0x60u

u8 end_command;
u32 uart_drop_at;
volatile u32 last_vector;
static volatile u8 came[16];
static volatile u32 came_count;

static void on_irq(struct trap_frame *frame)
{
	u8 irq = frame->vector & 15;

	last_vector = (u32)frame->vector;
	if (came_count < sizeof(came))
		came[came_count++] = irq;
	if (irq == IRQ_COM1 && came_count == uart_drop_at)
		drop_uart();
	if (!end_command)
		return;
	if (irq >= 8)
		outb(PIC_SLAVE, PIC_EOI);
	outb(PIC_MASTER, end_command);
}

/* Long enough for interrupts one after the other to find their way to the CPU. */
void take(void)
{
	came_count = 0;
	irq_enable();
	clock_wait_us(100);
	irq_disable();
}

bool came_are(const u8 *irqs, u32 count)
{
	bool same = came_count == count;

	for (u32 i = 0; same && i < count; i++)
		same = came[i] == irqs[i];
	for (u32 i = 0; !same && i < came_count; i++)
		tap_diag("%u. irq %u", i, came[i]);
	return same;
}

/* Mode 0's output rises when it has counted down, and stays high. */
void raise_pit(void)
{
	pit_start(0, PIT_ONESHOT, 50);
	WAIT_FOR(pic_irr() & BIT(IRQ_PIT));
}

/* "Transmitter empty" interrupts for as long as that is so, and nobody reads which interrupt it is. */
void raise_uart(void)
{
	serial_drain();
	outb(UART_IER, IER_THRE);
	WAIT_FOR(pic_irr() & BIT(IRQ_COM1));
}

void drop_uart(void)
{
	outb(UART_IER, 0);
}

/* Its line falls only when register C is read. */
void raise_rtc(void)
{
	cmos_write(RTC_A, RTC_1024HZ);
	cmos_write(RTC_B, RTC_24H | RTC_PERIODIC);
	WAIT_FOR(slave_irr() & BIT(IRQ_RTC - 8));
}

void drop_rtc(void)
{
	cmos_write(RTC_B, RTC_24H);
	cmos_read(RTC_C);
}

void drop_all(void)
{
	/* Mode 0 without a count: its output is low. */
	outb(PIT_CONTROL, 0x30);
	drop_uart();
	drop_rtc();
}

u8 slave_isr(void)
{
	outb(PIC_SLAVE, 0x0b);
	return inb(PIC_SLAVE);
}

u8 slave_irr(void)
{
	outb(PIC_SLAVE, 0x0a);
	return inb(PIC_SLAVE);
}

void pic_program(u8 icw4, u8 base)
{
	outb(PIC_MASTER, 0x11);
	outb(PIC_SLAVE, 0x11);
	outb(PIC_MASTER_MASK, base);
	outb(PIC_SLAVE_MASK, base + 8);
	outb(PIC_MASTER_MASK, BIT(IRQ_CASCADE));
	outb(PIC_SLAVE_MASK, IRQ_CASCADE);
	outb(PIC_MASTER_MASK, icw4);
	outb(PIC_SLAVE_MASK, ICW4_8086);
	outb(PIC_MASTER_MASK, (u8) ~(BIT(IRQ_PIT) | BIT(IRQ_CASCADE) | BIT(IRQ_COM1)));
	outb(PIC_SLAVE_MASK, (u8)~BIT(IRQ_RTC - 8));
	outb(PIC_MASTER, OCW2_ROTATE_AUTO_OFF);
}

void pic_fresh(u8 icw4)
{
	drop_all();
	end_command = 0;
	uart_drop_at = 0;
	pic_program(icw4, PIC_VECTOR);
}

static void test_order(void)
{
	pic_fresh(ICW4_8086);
	end_command = PIC_EOI;
	raise_uart();
	raise_rtc();
	raise_pit();
	take();
	drop_all();
	tap_ok(CAME(IRQ_PIT, IRQ_RTC, IRQ_COM1), "three that wait come by priority: 0, 8, 4");
	take();
	tap_ok(CAME_NONE(), "each of them once");
	pic_program(ICW4_8086, OTHER_BASE);
	raise_pit();
	take();
	tap_eq(last_vector, OTHER_BASE, "ICW2 says where the master's vectors are");
	raise_rtc();
	take();
	drop_all();
	tap_eq(last_vector, OTHER_BASE + 8, "and the slave's");
}

static void test_nesting(void)
{
	bool lower, again, higher;
	u8 both;

	pic_fresh(ICW4_8086);
	raise_pit();
	take();
	raise_uart();
	take();
	lower = CAME_NONE();
	outb(PIC_MASTER, PIC_EOI);
	take();
	again = CAME(IRQ_COM1);
	raise_pit();
	take();
	higher = CAME(IRQ_PIT);
	both = pic_isr();
	drop_all();
	tap_ok(lower, "0 in service keeps 4 waiting");
	tap_ok(again, "until its EOI");
	tap_ok(higher, "4 in service does not keep 0 waiting");
	tap_eq(both, BIT(IRQ_PIT) | BIT(IRQ_COM1), "then both are in service");
	outb(PIC_MASTER, PIC_EOI);
	tap_eq(pic_isr(), BIT(IRQ_COM1), "an EOI ends the higher one");
	outb(PIC_MASTER, PIC_EOI);
	tap_eq(pic_isr(), 0, "the next one the other");
}

static void test_specific_eoi(void)
{
	pic_fresh(ICW4_8086);
	raise_uart();
	take();
	raise_pit();
	take();
	drop_all();
	outb(PIC_MASTER, OCW2_EOI_SPECIFIC | 6);
	tap_eq(pic_isr(), BIT(IRQ_PIT) | BIT(IRQ_COM1),
	       "a specific EOI of another changes nothing");
	outb(PIC_MASTER, OCW2_EOI_SPECIFIC | IRQ_COM1);
	tap_eq(pic_isr(), BIT(IRQ_PIT), "a specific EOI ends the one it names");
	outb(PIC_MASTER, OCW2_EOI_SPECIFIC | IRQ_PIT);
	tap_eq(pic_isr(), 0, "and the other");
}

static void raise_pit_and_uart(void)
{
	drop_uart();
	raise_pit();
	raise_uart();
}

static void test_rotation(void)
{
	bool set, first, rotated, specific;

	pic_fresh(ICW4_8086);
	end_command = PIC_EOI;
	outb(PIC_MASTER, OCW2_LOWEST | IRQ_PIT);
	raise_pit_and_uart();
	raise_rtc();
	take();
	set = CAME(IRQ_RTC, IRQ_COM1, IRQ_PIT);

	pic_fresh(ICW4_8086);
	end_command = OCW2_ROTATE_EOI;
	raise_pit();
	take();
	first = CAME(IRQ_PIT);
	raise_pit_and_uart();
	take();
	rotated = CAME(IRQ_COM1, IRQ_PIT);

	pic_fresh(ICW4_8086);
	outb(PIC_MASTER, OCW2_LOWEST | 3);
	raise_pit_and_uart();
	take();
	specific = CAME(IRQ_COM1);
	outb(PIC_MASTER, OCW2_ROTATE_EOI_SPECIFIC | IRQ_COM1);
	drop_uart();
	raise_uart();
	end_command = PIC_EOI;
	take();
	specific &= CAME(IRQ_PIT, IRQ_COM1);
	drop_all();
	tap_ok(set, "with 0 as the lowest: 8, 4, 0");
	tap_ok(first && rotated, "an EOI with rotation makes the one it ends the lowest");
	tap_ok(specific, "so does a specific one");
}

static void test_auto_eoi(void)
{
	bool order, rotated;
	u8 busy;

	pic_fresh(ICW4_8086 | ICW4_AUTO_EOI);
	raise_pit_and_uart();
	take();
	busy = pic_isr();
	order = CAME(IRQ_PIT, IRQ_COM1);
	outb(PIC_MASTER, OCW2_ROTATE_AUTO_ON);
	raise_pit();
	take();
	raise_pit_and_uart();
	take();
	rotated = CAME(IRQ_COM1, IRQ_PIT);
	outb(PIC_MASTER, OCW2_ROTATE_AUTO_OFF);
	drop_all();
	tap_ok(order, "automatic EOI: one comes after the other without an EOI");
	tap_eq(busy, 0, "and nothing is in service");
	tap_ok(rotated, "rotating, the one that came is the lowest");
}

void guest_main(void)
{
	pic_init();
	lapic_enable();
	for (u32 irq = 0; irq < 16; irq++) {
		trap_set_handler(PIC_VECTOR + irq, on_irq);
		trap_set_handler(OTHER_BASE + irq, on_irq);
	}
	test_order();
	test_nesting();
	test_specific_eoi();
	test_rotation();
	test_auto_eoi();
	test_special_mask();
	test_poll();
	test_levels();
	test_cascade();
	drop_all();
}
