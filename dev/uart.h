/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550A serial port. Output leaves through a callback the moment it is written, so the
 * transmitter is always empty. Input waits in a buffer behind the 16-byte receive FIFO.
 * All calls under the VM's device lock.
 */
#pragma once

#include "vm/io.h"

#define UART_COM1_PORT 0x3f8u
#define UART_COM1_IRQ 4u
#define UART_PORTS 8u

#define UART_FIFO_SIZE 16u
#define UART_BUFFER_SIZE 256u

/* The host's side of the port. */
struct uart_host {
	void (*output)(void *ctx, u8 byte);
	/*
	 * uart_input() has refused a byte, and now half of the buffer is free again; it may be
	 * called from here. May be NULL.
	 */
	void (*room)(void *ctx);
	void *ctx;
};

struct uart {
	struct irq_line irq; /* [const] */
	struct uart_host host; /* [const] */

	u8 lsr; /* kept ready: it is what drivers poll */
	u8 ier, lcr, mcr, msr, scratch, fcr;
	u8 divisor[2];
	u8 irq_id; /* the interrupt identification bits of IIR */
	bool thre; /* the transmitter-empty interrupt is pending */
	bool line; /* what irq was last set to */
	bool refused; /* owes the host a call of room() */

	u8 fifo[UART_FIFO_SIZE];
	u8 fifo_first, fifo_count;
	u8 last; /* the byte read last: what an empty receiver register still shows */
	u8 buffer[UART_BUFFER_SIZE];
	u32 buffer_first, buffer_count;
};

extern const struct io_ops uart_io;

void uart_init(struct uart *uart, struct irq_line irq, const struct uart_host *host);

/* Registers and buffers as after power-on. */
void uart_reset(struct uart *uart);

/* A byte arrives. False: there is no room, the caller keeps it until room() is called. */
bool uart_input(struct uart *uart, u8 byte);
