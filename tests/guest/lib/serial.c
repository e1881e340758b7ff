/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COM1 by polling. A missing UART reads all ones, which looks like a transmitter that is
 * always ready, so no guest hangs on it.
 */
#include "tests/guest/lib/serial.h"

#include "tests/guest/lib/print.h"
#include "tests/guest/lib/x86.h"

#define UART_IER (PORT_COM1 + 1)
#define UART_FCR (PORT_COM1 + 2)
#define UART_LCR (PORT_COM1 + 3)
#define UART_MCR (PORT_COM1 + 4)
#define UART_LSR (PORT_COM1 + 5)

#define LSR_DR 0x01u
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u

void serial_init(void)
{
	outb(UART_IER, 0);
	outb(UART_LCR, 0x80);
	outb(PORT_COM1, 1);
	outb(UART_IER, 0);
	outb(UART_LCR, 0x03);
	outb(UART_FCR, 0x01);
	outb(UART_MCR, 0x0b);
}

void serial_putc(char c)
{
	while (!(inb(UART_LSR) & LSR_THRE))
		;
	outb(PORT_COM1, (u8)c);
}

bool serial_readable(void)
{
	return inb(UART_LSR) & LSR_DR;
}

char serial_getc(void)
{
	return (char)inb(PORT_COM1);
}

void serial_hold(void)
{
	print("# holds\n");
	while (!serial_readable())
		;
	serial_getc();
}

void serial_drain(void)
{
	while (!(inb(UART_LSR) & LSR_TEMT))
		;
}
