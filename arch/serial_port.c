/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550 UART. See serial_port.h.
 */
#include "arch/serial_port.h"

#include "arch/cpu.h"
#include "arch/percpu.h"

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

void serial_port_init(u16 port, u32 baud)
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

bool serial_port_present(void)
{
	return serial_works;
}

void serial_port_put(u8 byte)
{
	if (!serial_works)
		return;
	for (u32 i = 0; i < TX_POLLS; i++) {
		if (inb((u16)(serial_port + UART_LSR)) & LSR_THR_EMPTY)
			break;
		cpu_relax();
	}
	outb((u16)(serial_port + UART_DATA), byte);
}

int serial_port_getc(void)
{
	if (!serial_works || !(inb((u16)(serial_port + UART_LSR)) & LSR_DATA_READY))
		return -1;
	return inb((u16)(serial_port + UART_DATA));
}

void serial_port_irq_enable(void)
{
	if (serial_works)
		outb((u16)(serial_port + UART_IER), 0x01);
}

int serial_port_irq(void)
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
