/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port I/O: absent ports and all widths, and what the legacy devices' registers keep. String
 * instructions are in pio_string.c.
 */
#include "tests/guest/pio.h"

#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/cmos.h"
#include "tests/guest/lib/desc.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/trap.h"

#define UART_IER (PORT_COM1 + 1)
#define UART_IIR (PORT_COM1 + 2)
#define UART_FCR (PORT_COM1 + 2)
#define UART_LCR (PORT_COM1 + 3)
#define UART_MCR (PORT_COM1 + 4)
#define UART_LSR (PORT_COM1 + 5)
#define UART_MSR (PORT_COM1 + 6)

#define PORT_61 0x61

static void test_absent(void)
{
	/* Nothing of a PC's is at these. */
	static const u16 ports[] = { ABSENT_PORT, 0x240, 0x1230, 0x7ff0, 0xfff8 };

	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++) {
		outb(ports[i], 0x55);
		tap_eq(inb(ports[i]), 0xff, "absent port 0x%x reads ff", ports[i]);
		outw(ports[i], 0x5555);
		tap_eq(inw(ports[i]), 0xffff, "absent port 0x%x reads ffff", ports[i]);
		outl(ports[i], 0x55555555);
		tap_eq(inl(ports[i]), 0xffffffff, "absent port 0x%x reads ffffffff", ports[i]);
	}
}

/* IN writes just its part of rax, except that a 32-bit result clears the high half. */
static void test_register_parts(void)
{
	u64 rax = 0x1122334455667788;

	asm volatile("inb %%dx, %%al" : "+a"(rax) : "d"(ABSENT_PORT));
	tap_eq(rax, 0x11223344556677ff, "IN to al leaves the rest of rax");
	rax = 0x1122334455667788;
	asm volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(ABSENT_PORT));
	tap_eq(rax, 0x112233445566ffff, "IN to ax leaves the rest of rax");
	rax = 0x1122334455667788;
	asm volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(ABSENT_PORT));
	tap_eq(rax, 0xffffffff, "IN to eax clears the high half");
	rax = 0x1122334455667788;
	asm volatile(".byte 0x48, 0xed" : "+a"(rax) : "d"(ABSENT_PORT));
	tap_eq(rax, 0xffffffff, "REX.W changes nothing");
}

static void test_uart_registers(void)
{
	serial_drain();
	outb(UART_SCR, 0xa5);
	tap_eq(inb(UART_SCR), 0xa5, "the scratch register holds a5");
	outb(UART_SCR, 0x5a);
	tap_eq(inb(UART_SCR), 0x5a, "the scratch register holds 5a");
	tap_eq(inb(UART_LCR), 0x03, "LCR is as set");
	serial_drain();
	outb(UART_LCR, 0x83);
	outb(PORT_COM1, 0x0c);
	outb(UART_IER, 0x01);
	u8 low = inb(PORT_COM1), high = inb(UART_IER);
	outb(PORT_COM1, 1);
	outb(UART_IER, 0);
	outb(UART_LCR, 0x03);
	tap_eq((u32)(low | high << 8), 0x010c, "the divisor latch holds its value");
	tap_eq(inb(UART_IER), 0, "IER is not the divisor's high byte");
	outb(UART_IER, 0x0c);
	low = inb(UART_IER);
	outb(UART_IER, 0);
	tap_eq(low, 0x0c, "IER holds its bits");
	tap_eq(inb(UART_IIR) & 0xc1, 0xc1, "IIR: FIFOs on, no interrupt pending");
	serial_drain();
	tap_eq(inb(UART_LSR) & 0xe0, 0x60, "LSR: transmitter empty, no error");
}

static void test_uart_widths(void)
{
	outb(UART_SCR, 0xc3);
	tap_eq(inw(UART_SCR - 1) >> 8, 0xc3, "a 16-bit read ends with the scratch register");
	tap_eq(inl(UART_SCR - 3) >> 24, 0xc3, "a 32-bit read ends with the scratch register");
	outl(UART_SCR - 3, 0x3c00000bu | (u32)inb(UART_LSR) << 8);
	serial_drain();
	tap_eq(inb(UART_SCR), 0x3c, "a 32-bit write reaches the scratch register");
	tap_eq(inb(UART_MCR) & 0x1f, 0x0b, "and the modem control register");
}

/* In loopback what is sent is received, and the modem's outputs come back as its inputs. */
static void test_uart_loopback(void)
{
	u8 lsr, data, msr_on, msr_off;

	serial_drain();
	outb(UART_MCR, 0x1f);
	msr_on = inb(UART_MSR);
	outb(UART_MCR, 0x10);
	msr_off = inb(UART_MSR);
	outb(PORT_COM1, 0x47);
	for (int i = 0; i < 10000 && !(inb(UART_LSR) & 1); i++)
		asm volatile("pause");
	lsr = inb(UART_LSR);
	data = inb(PORT_COM1);
	serial_init();
	tap_eq(lsr & 1, 1, "loopback: a byte arrives");
	tap_eq(data, 0x47, "the one that was sent");
	tap_eq(msr_on & 0xf0, 0xf0, "loopback: modem status follows control, on");
	tap_eq(msr_off & 0xf0, 0, "and off");
}

static void test_pic(void)
{
	pic_init();
	outb(PIC_MASTER_MASK, 0xa5);
	outb(PIC_SLAVE_MASK, 0x3c);
	tap_eq(inb(PIC_MASTER_MASK), 0xa5, "the master's mask reads back");
	tap_eq(inb(PIC_SLAVE_MASK), 0x3c, "the slave's mask reads back");
	tap_eq(pic_isr(), 0, "nothing in service");
	outb(PIC_MASTER_MASK, 0xff);
	outb(PIC_SLAVE_MASK, 0xff);
	pit_start(0, PIT_ONESHOT, 100);
	tap_ok(WAIT_FOR(pic_irr() & 1), "a masked timer interrupt is requested");
	tap_eq(pic_isr() & 1, 0, "but not in service");
	/* Poll command: reads the highest request as if acknowledged. */
	outb(PIC_MASTER_MASK, 0xfe);
	outb(PIC_MASTER, 0x0c);
	tap_eq(inb(PIC_MASTER) & 0x87, 0x80, "the poll command takes irq 0");
	tap_eq(pic_isr() & 1, 1, "it is in service");
	outb(PIC_MASTER, PIC_EOI);
	tap_eq(pic_isr() & 1, 0, "and no more after EOI");
	outb(PIC_MASTER_MASK, 0xff);
}

static void test_pit_counter(void)
{
	u16 a, b;

	pit_start(0, PIT_RATE, 0);
	a = pit_count(0);
	clock_wait_us(1000);
	b = pit_count(0);
	tap_diag("1 ms is %u ticks", (u16)(a - b));
	tap_ok((u16)(a - b) >= 1193, "the counter counts down, 1193 or more in 1 ms");
	tap_eq(pit_status(0) & 0x3f, 0x34, "read-back: rate generator, low then high byte");
}

/* Channel 2 has its gate and its output at port 61h. */
static void test_pit_gate(void)
{
	u16 a, b;
	u32 start;
	bool low;

	outb(PORT_61, (u8)((inb(PORT_61) & ~2u) & ~1u));
	pit_start(2, PIT_ONESHOT, 0);
	a = pit_count(2);
	clock_wait_us(500);
	b = pit_count(2);
	if (on_sill())
		tap_eq(a, b, "channel 2 stands still with its gate low");
	else
		tap_skip(SKIP_NOT_SILL, "channel 2 stands still with its gate low");
	start = pm_timer();
	outb(PORT_61, (u8)((inb(PORT_61) & ~2u) | 1u));
	pit_start(2, PIT_ONESHOT, 0);
	low = (inb(PORT_61) & 0x21) == 0x01;
	/* 65536 counts are 55 ms; a busy host can make a moment longer than that. */
	tap_ok(low || pm_timer_since(start) > pm_timer_ticks(50000),
	       "its output is low until it has counted down");
	tap_ok(WAIT_FOR((inb(PORT_61) & 0x21) == 0x21), "and then high");
	tap_eq(pit_status(2) & 0x80, 0x80, "read-back says the same");
}

static bool is_bcd(u8 value, u8 most)
{
	return (value & 0xf) <= 9 && value >> 4 <= 9 && value <= most;
}

static void test_cmos(void)
{
	u8 old;

	while (cmos_read(0x0a) & 0x80)
		asm volatile("pause");
	tap_eq(cmos_read(0x0d) & 0x80, 0x80, "CMOS: memory and time are valid");
	tap_eq(cmos_read(0x0b) & 0x06, 0x02, "the clock is BCD and 24 hours");
	tap_ok(is_bcd(cmos_read(0), 0x59) && is_bcd(cmos_read(2), 0x59) &&
		       is_bcd(cmos_read(4), 0x23),
	       "time of day: %02x:%02x:%02x", cmos_read(4), cmos_read(2), cmos_read(0));
	tap_ok(is_bcd(cmos_read(7), 0x31) && is_bcd(cmos_read(8), 0x12) &&
		       is_bcd(cmos_read(9), 0x99),
	       "date: %02x-%02x-%02x", cmos_read(9), cmos_read(8), cmos_read(7));
	old = cmos_read(0x60);
	cmos_write(0x60, (u8)~old);
	tap_eq(cmos_read(0x60), (u8)~old, "a byte of its memory holds what is written");
	cmos_write(0x60, old);
}

static void test_pm_timer(void)
{
	u32 a = pm_timer(), b;

	clock_wait_us(1000);
	b = pm_timer();
	tap_ok(((b - a) & PM_TIMER_MASK) >= 3579, "the PM timer runs");
	outl(PORT_PM_TIMER, 0);
	tap_ok(((pm_timer() - b) & PM_TIMER_MASK) < PM_TIMER_HZ, "and cannot be written");
}

static u8 user_stack[4096] __aligned(4096);

static void __user_code user_in(ulong port)
{
	asm volatile("inb %%dx, %%al; " USER_RETURN : : "d"(port) : "rax");
}

static void test_user(void)
{
	void *top = user_stack + sizeof(user_stack);

	pt_allow_user((uintptr_t)user_start, (u64)(user_end - user_start));
	pt_allow_user((uintptr_t)user_stack, sizeof(user_stack));
	idt_set_dpl(VEC_USER_RETURN, 3);
	tap_eq(trap_call_user(user_in, ABSENT_PORT, top, 0x2), VEC_GP, "IN at CPL 3, IOPL 0: #GP");
	tap_eq(trap_call_user(user_in, ABSENT_PORT, top, 0x3002), VEC_USER_RETURN,
	       "IN at CPL 3, IOPL 3 runs");
}

void guest_main(void)
{
	test_absent();
	test_register_parts();
	test_uart_registers();
	test_uart_widths();
	test_uart_loopback();
	test_pic();
	test_pit_counter();
	test_pit_gate();
	test_cmos();
	test_pm_timer();
	test_strings();
	test_user();
}
