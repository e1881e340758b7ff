/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550A, as far as software can tell: see uart.h. Two things differ from a chip on a
 * line, and both make a guest faster: a byte written is sent at once, and the character
 * time-out comes at once, so that a lone key press is not held back by the FIFO trigger.
 *
 * The transmitter-empty interrupt is the subtle one. It becomes pending when the holding
 * register runs empty and when its enable bit goes from 0 to 1; it ends when IIR is read
 * and names it, or when a byte is written. Drivers test for exactly this at start-up.
 */
#include "dev/uart.h"

#include "dev/byte_regs.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH };

#define IER_RX 0x01u
#define IER_THRE 0x02u
#define IER_LINE 0x04u
#define IER_MODEM 0x08u
#define IER_MASK 0x0fu

#define IIR_MODEM 0x00u
#define IIR_NONE 0x01u
#define IIR_THRE 0x02u
#define IIR_RX 0x04u
#define IIR_LINE 0x06u
#define IIR_TIMEOUT 0x0cu
#define IIR_FIFOS 0xc0u

#define FCR_ENABLE 0x01u
#define FCR_CLEAR_RX 0x02u
#define FCR_KEPT 0xc9u /* enable, DMA mode, trigger level */

#define LCR_DLAB 0x80u

#define MCR_DTR 0x01u
#define MCR_RTS 0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u
#define MCR_MASK 0x1fu

#define LSR_DATA 0x01u
#define LSR_OVERRUN 0x02u
#define LSR_ERRORS 0x1eu
#define LSR_EMPTY 0x60u /* holding register and transmitter */

#define MSR_DELTAS 0x0fu
#define MSR_RI_ENDED 0x04u
#define MSR_CTS 0x10u
#define MSR_DSR 0x20u
#define MSR_RI 0x40u
#define MSR_DCD 0x80u

static const u8 fifo_trigger[4] = { 1, 4, 8, 14 };

static u8 rx_interrupt(const struct uart *uart)
{
	if ((uart->fcr & FCR_ENABLE) && uart->fifo_count < fifo_trigger[uart->fcr >> 6])
		return IIR_TIMEOUT;
	return IIR_RX;
}

/* Which interrupt is pending, by priority; set the line. After every change of state. */
static void update_irq(struct uart *uart)
{
	u8 id = IIR_NONE;
	bool line;

	if ((uart->ier & IER_LINE) && (uart->lsr & LSR_ERRORS))
		id = IIR_LINE;
	else if ((uart->ier & IER_RX) && (uart->lsr & LSR_DATA))
		id = rx_interrupt(uart);
	else if ((uart->ier & IER_THRE) && uart->thre)
		id = IIR_THRE;
	else if ((uart->ier & IER_MODEM) && (uart->msr & MSR_DELTAS))
		id = IIR_MODEM;
	uart->irq_id = id;
	/* On a PC the OUT2 pin gates the interrupt, and loopback takes that pin away. */
	line = id != IIR_NONE && (uart->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
	if (line != uart->line) {
		uart->line = line;
		irq_line_set(&uart->irq, line);
	}
}

static u8 fifo_depth(const struct uart *uart)
{
	return uart->fcr & FCR_ENABLE ? UART_FIFO_SIZE : 1;
}

static void fifo_push(struct uart *uart, u8 byte)
{
	if (uart->fifo_count >= fifo_depth(uart)) {
		uart->lsr |= LSR_OVERRUN;
		/* Without FIFOs the newest byte wins; a full FIFO loses it. */
		if (uart->fcr & FCR_ENABLE)
			return;
		uart->fifo_count = 0;
	}
	uart->fifo[(uart->fifo_first + uart->fifo_count) % UART_FIFO_SIZE] = byte;
	uart->fifo_count++;
	uart->lsr |= LSR_DATA;
}

static void fifo_clear(struct uart *uart)
{
	uart->fifo_first = 0;
	uart->fifo_count = 0;
	uart->lsr &= (u8)~LSR_DATA;
}

/* Move what waits in the buffer up into the FIFO. In loopback the line is disconnected. */
static void refill(struct uart *uart)
{
	while (uart->buffer_count && uart->fifo_count < fifo_depth(uart) &&
	       !(uart->mcr & MCR_LOOP)) {
		fifo_push(uart, uart->buffer[uart->buffer_first]);
		uart->buffer_first = (uart->buffer_first + 1) % UART_BUFFER_SIZE;
		uart->buffer_count--;
	}
}

/* Only when half is free, or a long paste would cost one call per byte. Last thing done. */
static void tell_room(struct uart *uart)
{
	if (!uart->refused || uart->buffer_count > UART_BUFFER_SIZE / 2)
		return;
	uart->refused = false;
	if (uart->host.room)
		uart->host.room(uart->host.ctx);
}

static u8 read_data(struct uart *uart)
{
	if (uart->fifo_count) {
		uart->last = uart->fifo[uart->fifo_first];
		uart->fifo_first = (u8)((uart->fifo_first + 1u) % UART_FIFO_SIZE);
		uart->fifo_count--;
		if (!uart->fifo_count)
			uart->lsr &= (u8)~LSR_DATA;
		refill(uart);
		update_irq(uart);
	}
	return uart->last;
}

static u8 read_iir(struct uart *uart)
{
	u8 value = uart->irq_id | (uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0);

	if (uart->irq_id == IIR_THRE) {
		uart->thre = false;
		update_irq(uart);
	}
	return value;
}

static u8 read_lsr(struct uart *uart)
{
	u8 value = uart->lsr;

	if (value & LSR_ERRORS) {
		uart->lsr &= (u8)~LSR_ERRORS;
		update_irq(uart);
	}
	return value;
}

static u8 read_msr(struct uart *uart)
{
	u8 value = uart->msr;

	if (value & MSR_DELTAS) {
		uart->msr &= (u8)~MSR_DELTAS;
		update_irq(uart);
	}
	return value;
}

static u8 uart_read_reg(void *dev, u32 reg)
{
	struct uart *uart = dev;
	u8 value;

	switch (reg) {
	case REG_DATA:
		if (uart->lcr & LCR_DLAB)
			return uart->divisor[0];
		value = read_data(uart);
		tell_room(uart);
		return value;
	case REG_IER:
		return uart->lcr & LCR_DLAB ? uart->divisor[1] : uart->ier;
	case REG_IIR_FCR:
		return read_iir(uart);
	case REG_LCR:
		return uart->lcr;
	case REG_MCR:
		return uart->mcr;
	case REG_LSR:
		return read_lsr(uart);
	case REG_MSR:
		return read_msr(uart);
	default:
		return uart->scratch;
	}
}

static void write_data(struct uart *uart, u8 value)
{
	/* The line has to drop in between: the interrupt controller wants a new edge. */
	if (uart->thre) {
		uart->thre = false;
		update_irq(uart);
	}
	if (uart->mcr & MCR_LOOP)
		fifo_push(uart, value);
	else
		uart->host.output(uart->host.ctx, value);
	uart->thre = true;
	update_irq(uart);
}

static void write_ier(struct uart *uart, u8 value)
{
	if ((value & IER_THRE) && !(uart->ier & IER_THRE))
		uart->thre = true;
	uart->ier = value & IER_MASK;
	update_irq(uart);
}

static void write_fcr(struct uart *uart, u8 value)
{
	/* Turning the FIFOs on or off empties them; other bits count only while they are on. */
	if (((value ^ uart->fcr) & FCR_ENABLE) ||
	    (value & (FCR_ENABLE | FCR_CLEAR_RX)) == (FCR_ENABLE | FCR_CLEAR_RX))
		fifo_clear(uart);
	uart->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
	refill(uart);
	update_irq(uart);
	tell_room(uart);
}

/* The modem lines: a cable to a terminal that is always ready, or our own outputs. */
static u8 modem_lines(const struct uart *uart)
{
	u8 mcr = uart->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (u8)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
		    (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void write_mcr(struct uart *uart, u8 value)
{
	u8 old = uart->msr, lines, deltas;

	uart->mcr = value & MCR_MASK;
	lines = modem_lines(uart);
	deltas = (u8)((old ^ lines) >> 4);
	/* For the ring indicator only its end counts. */
	if (lines & MSR_RI)
		deltas &= (u8)~MSR_RI_ENDED;
	uart->msr = (u8)(lines | deltas | (old & MSR_DELTAS));
	refill(uart);
	update_irq(uart);
	tell_room(uart);
}

static void uart_write_reg(void *dev, u32 reg, u8 value)
{
	struct uart *uart = dev;

	switch (reg) {
	case REG_DATA:
		if (uart->lcr & LCR_DLAB)
			uart->divisor[0] = value;
		else
			write_data(uart, value);
		break;
	case REG_IER:
		if (uart->lcr & LCR_DLAB)
			uart->divisor[1] = value;
		else
			write_ier(uart, value);
		break;
	case REG_IIR_FCR:
		write_fcr(uart, value);
		break;
	case REG_LCR:
		uart->lcr = value;
		break;
	case REG_MCR:
		write_mcr(uart, value);
		break;
	case REG_SCRATCH:
		uart->scratch = value;
		break;
	default: /* LSR and MSR are for reading */
		break;
	}
}

/* Apart, so that the fast path below saves no registers. */
static __attribute__((noinline)) u64 read_any(void *dev, u64 offset, unsigned int size)
{
	return byte_regs_read(uart_read_reg, dev, UART_PORTS, offset, size);
}

static u64 uart_read(void *dev, u64 offset, unsigned int size)
{
	const struct uart *uart = dev;

	/* A console that polls does nothing else: this first. */
	if (likely(offset == REG_LSR && size == 1 && !(uart->lsr & LSR_ERRORS)))
		return uart->lsr;
	return read_any(dev, offset, size);
}

static void uart_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	byte_regs_write(uart_write_reg, dev, UART_PORTS, offset, size, value);
}

const struct io_ops uart_io = { .read = uart_read, .write = uart_write };

bool uart_input(struct uart *uart, u8 byte)
{
	if (uart->buffer_count >= UART_BUFFER_SIZE) {
		uart->refused = true;
		return false;
	}
	uart->buffer[(uart->buffer_first + uart->buffer_count) % UART_BUFFER_SIZE] = byte;
	uart->buffer_count++;
	refill(uart);
	update_irq(uart);
	return true;
}

void uart_reset(struct uart *uart)
{
	if (uart->line)
		irq_line_set(&uart->irq, false);
	*uart = (struct uart){
		.irq = uart->irq,
		.host = uart->host,
		.refused = uart->refused,
		.lsr = LSR_EMPTY,
		.irq_id = IIR_NONE,
		.thre = true,
		.msr = MSR_CTS | MSR_DSR | MSR_DCD,
	};
	tell_room(uart);
}

void uart_init(struct uart *uart, struct irq_line irq, const struct uart_host *host)
{
	*uart = (struct uart){ .irq = irq, .host = *host };
	uart_reset(uart);
}
