/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serial port and screen output. See console.h.
 */
#include "arch/console.h"

#include "arch/cpu.h"
#include "arch/lock.h"
#include "arch/percpu.h"
#include "arch/screen.h"
#include "lib/string.h"

#define UART_DATA 0
#define UART_IER 1
#define UART_FCR 2
#define UART_LCR 3
#define UART_MCR 4
#define UART_LSR 5
#define UART_SCRATCH 7
#define LSR_DATA_READY 0x01
#define LSR_THR_EMPTY 0x20
#define UART_CLOCK 115200u
/* A port that never becomes ready must not stop the machine: about 10 ms of polling. */
#define TX_POLLS 10000u

static u16 serial_port __ro_after_init;
static bool serial_works __ro_after_init;
static struct spinlock console_lock = SPINLOCK(LOCK_LOG);
static u8 last_byte = '\n'; /* [console_lock] */

void console_init(u16 port, u32 baud)
{
	serial_port = port;
	serial_works = false;
	if (!port)
		return;
	if (baud) {
		u16 divisor = (u16)MAX(UART_CLOCK / baud, 1u);

		outb((u16)(port + UART_IER), 0);
		outb((u16)(port + UART_LCR), 0x80);
		outb((u16)(port + UART_DATA), (u8)divisor);
		outb((u16)(port + UART_IER), (u8)(divisor >> 8));
		outb((u16)(port + UART_LCR), 0x03); /* 8N1 */
		outb((u16)(port + UART_FCR), 0x07);
		outb((u16)(port + UART_MCR), 0x0b); /* DTR, RTS, interrupt gate */
	}
	outb((u16)(port + UART_SCRATCH), 0x5a);
	serial_works = inb((u16)(port + UART_SCRATCH)) == 0x5a;
}

bool console_present(void)
{
	return serial_works;
}

static void serial_put(u8 byte)
{
	for (u32 i = 0; i < TX_POLLS; i++) {
		if (inb((u16)(serial_port + UART_LSR)) & LSR_THR_EMPTY)
			break;
		cpu_relax();
	}
	outb((u16)(serial_port + UART_DATA), byte);
}

static void put(u8 byte)
{
	if (serial_works)
		serial_put(byte);
	screen_put(byte);
	last_byte = byte;
}

static void write_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			put('\r');
		put((u8)text[i]);
	}
	screen_flush();
}

void console_write(const char *text, size_t len)
{
	spin_lock(&console_lock);
	write_text(text, len);
	spin_unlock(&console_lock);
}

void console_write_line(const char *text, size_t len)
{
	spin_lock(&console_lock);
	/* Behind a CR too: it is the line it returned in that would be written over. */
	if (last_byte != '\n')
		write_text("\n", 1);
	write_text(text, len);
	spin_unlock(&console_lock);
}

void console_write_raw(const char *text, size_t len)
{
	spin_lock(&console_lock);
	for (size_t i = 0; i < len; i++) {
		if (serial_works)
			serial_put((u8)text[i]);
		else
			screen_put((u8)text[i]);
		last_byte = (u8)text[i];
	}
	screen_flush();
	spin_unlock(&console_lock);
}

int console_getc(void)
{
	if (!serial_works || !(inb((u16)(serial_port + UART_LSR)) & LSR_DATA_READY))
		return -1;
	return inb((u16)(serial_port + UART_DATA));
}

void console_irq_enable(void)
{
	if (serial_works)
		outb((u16)(serial_port + UART_IER), 0x01);
}

int console_irq(void)
{
	if (!serial_works)
		return -1;
	switch (serial_port) {
	case 0x3f8:
	case 0x3e8:
		return 4;
	case 0x2f8:
	case 0x2e8:
		return 3;
	default:
		return -1;
	}
}

void console_write_screen(const char *text, size_t len)
{
	spin_lock(&console_lock);
	for (size_t i = 0; i < len; i++)
		screen_put((u8)text[i]);
	screen_flush();
	spin_unlock(&console_lock);
}

void console_use_vga(volatile u16 *va)
{
	spin_lock(&console_lock);
	screen_use_vga(va);
	spin_unlock(&console_lock);
}

void console_use_framebuffer(const struct framebuffer *fb, volatile u8 *pixels)
{
	spin_lock(&console_lock);
	screen_use_framebuffer(fb, pixels);
	spin_unlock(&console_lock);
}

void console_move_framebuffer(volatile u8 *pixels)
{
	spin_lock(&console_lock);
	screen_move_framebuffer(pixels);
	spin_unlock(&console_lock);
}

void console_break_lock(void)
{
	console_lock.locked = 0;
}
