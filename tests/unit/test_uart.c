/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UART, checked the way drivers do: presence and type tests, interrupts by priority, the
 * transmitter interrupt's rules, receive FIFO and host buffer, and a hostile guest.
 */
#include "dev_fixture.h"

#include <string.h>

#include "dev/uart.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH, FCR = 2 };

static struct uart uart;
static struct line_probe line;
static char sent[65536];
static unsigned int sent_len, rooms;
static const char *feed; /* what the room callback hands in, as far as there is room */

static void output(void *ctx, u8 byte)
{
	assert_ptr_equal(ctx, &sent);
	sent[sent_len++ % sizeof(sent)] = (char)byte;
}

static void room(void *ctx)
{
	assert_ptr_equal(ctx, &sent);
	rooms++;
	while (feed && *feed && uart_input(&uart, (u8)*feed))
		feed++;
}

static int setup(void **state)
{
	const struct uart_host host = { .output = output, .room = room, .ctx = &sent };

	(void)state;
	sent_len = 0;
	rooms = 0;
	feed = NULL;
	uart_init(&uart, line_probe_init(&line, UART_COM1_IRQ), &host);
	return 0;
}

static u8 in(u64 reg)
{
	return in8(&uart_io, &uart, reg);
}

static void out(u64 reg, unsigned int value)
{
	out8(&uart_io, &uart, reg, value);
}

static void input(const char *s)
{
	while (*s)
		assert_true(uart_input(&uart, (u8)*s++));
}

static void test_registers(void **state)
{
	(void)state;
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(MSR), 0xb0);
	out(SCRATCH, 0x5a);
	assert_int_equal(in(SCRATCH), 0x5a);
	out(LCR, 0x83);
	out(DATA, 0x0c);
	out(IER, 0x34);
	assert_int_equal(in(DATA), 0x0c);
	assert_int_equal(in(IER), 0x34);
	out(LCR, 0x03);
	assert_int_equal(in(LCR), 0x03);
	assert_int_equal(in(IER), 0);
	assert_int_equal(sent_len, 0);
	/* Wide accesses are a byte each; past the end there is nothing. */
	assert_int_equal(dev_read(&uart_io, &uart, LSR, 4), 0xff5ab060u);
	uart_io.write(&uart, SCRATCH, 4, 0x11223377);
	assert_int_equal(in(SCRATCH), 0x77);
}

/* What Linux looks at before it believes in a 16550A. */
static void test_autoconfig(void **state)
{
	unsigned int i;

	(void)state;
	out(IER, 0);
	assert_int_equal(in(IER)&0x0f, 0);
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f); /* no sleep mode, no UUE bit: not a larger chip */
	out(IER, 0);
	out(MCR, 0x1a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
	out(MCR, 0);
	out(FCR, 0x01);
	assert_int_equal(in(IIR) >> 6, 3);
	out(FCR, 0x21);
	assert_int_equal(in(IIR)&0x20, 0); /* no 64-byte FIFO */
	/* The FIFO's depth, in loopback; what was sent did not leave. */
	out(FCR, 0x07);
	out(MCR, 0x10);
	for (i = 0; i < 256; i++)
		out(DATA, i);
	for (i = 0; in(LSR)&1; i++)
		assert_int_equal(in(DATA), i);
	assert_int_equal(i, 16);
	assert_int_equal(sent_len, 0);
	out(FCR, 0);
	assert_int_equal(in(IIR) >> 6, 0);
}

static void test_loopback(void **state)
{
	(void)state;
	in(MSR);
	out(MCR, 0x10);
	assert_int_equal(in(MSR), 0x0b); /* all lines drop: three deltas */
	out(MCR, 0x14);
	assert_int_equal(in(MSR), 0x40); /* a ring that begins is no event */
	out(MCR, 0x13);
	assert_int_equal(in(MSR), 0x37); /* one that ends is */
	/* Without FIFOs the newest byte stays, and an overrun is told once. */
	out(DATA, 'a');
	out(DATA, 'b');
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(DATA), 'b');
	/* Input from outside waits until the line is connected again. */
	input("x");
	assert_int_equal(in(LSR), 0x60);
	out(MCR, 0);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(DATA), 'x');
}

static void test_transmit_interrupt(void **state)
{
	(void)state;
	out(MCR, 0x08);
	/* Enabling it raises it at once; reading IIR ends it; enabling again raises it again. */
	out(IER, 0x02);
	assert_true(line.level);
	assert_int_equal(in(IIR), 0x02);
	assert_false(line.level);
	assert_int_equal(in(IIR), 0x01);
	out(IER, 0);
	out(IER, 0x02);
	assert_true(line.level);
	/* Each byte sent gives a new edge, even when the one before was not acknowledged. */
	assert_int_equal(line.rises, 2);
	out(DATA, 'h');
	out(DATA, 'i');
	assert_int_equal(line.rises, 4);
	assert_int_equal(in(IIR), 0x02);
	assert_false(line.level);
	/* Writing IER without a change of the bit does not. */
	out(IER, 0x02);
	assert_false(line.level);
	out(DATA, '!');
	assert_true(line.level);
	out(IER, 0);
	assert_false(line.level);
	assert_memory_equal(sent, "hi!", 3);
	assert_int_equal(sent_len, 3);
	assert_int_equal(line.pin, UART_COM1_IRQ);
}

static void test_priorities(void **state)
{
	(void)state;
	out(FCR, 0x81); /* trigger at 8 */
	out(MCR, 0x18);
	out(MCR, 0x08); /* modem deltas */
	out(IER, 0x0f);
	input("12345678");
	out(MCR, 0x18);
	for (int i = 0; i < 9; i++)
		out(DATA, 'z'); /* overrun of the 16 */
	assert_false(line.level); /* OUT2 is gone in loopback */
	out(MCR, 0x08);
	assert_true(line.level);
	assert_int_equal(in(IIR), 0xc6);
	assert_int_equal(in(LSR)&0x1e, 0x02);
	assert_int_equal(in(IIR), 0xc4);
	for (int i = 0; i < 9; i++)
		in(DATA);
	assert_int_equal(in(IIR), 0xcc); /* 7 left: the time-out */
	out(FCR, 0x83);
	assert_int_equal(in(IIR), 0xc2);
	assert_true(line.level);
	assert_int_equal(in(IIR), 0xc0);
	assert_int_not_equal(in(MSR)&0x0f, 0);
	assert_int_equal(in(IIR), 0xc1);
	assert_false(line.level);
	/* Without OUT2 no interrupt leaves. */
	out(MCR, 0);
	input("x");
	assert_int_equal(in(IIR), 0xcc);
	assert_false(line.level);
}

static void test_receive(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog";

	(void)state;
	out(MCR, 0x08);
	out(IER, 0x01);
	out(FCR, 0xc1);
	input(text);
	assert_int_equal(in(IIR), 0xc4);
	for (unsigned int i = 0; text[i]; i++) {
		assert_true(line.level);
		assert_int_equal(in(LSR), 0x61);
		assert_int_equal(in(DATA), text[i]);
	}
	assert_false(line.level);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(line.rises, 1);
	/* Clearing the FIFO loses 16 bytes at most: what the guest could not have seen stays. */
	input("0123456789abcdefgh");
	out(FCR, 0xc3);
	assert_int_equal(in(DATA), 'g');
	assert_int_equal(in(DATA), 'h');
	assert_int_equal(in(LSR), 0x60);
}

static void test_buffer_limit(void **state)
{
	unsigned int taken = 0, got = 0;
	char rest[1000];

	(void)state;
	out(FCR, 0x01);
	while (uart_input(&uart, (u8)taken))
		taken++;
	assert_int_equal(taken, UART_FIFO_SIZE + UART_BUFFER_SIZE);
	assert_false(uart_input(&uart, 0));
	assert_int_equal(rooms, 0);
	while (rooms == 0) {
		assert_int_equal(in(DATA), got & 0xff);
		got++;
	}
	assert_int_equal(got, UART_BUFFER_SIZE / 2);
	/* From now on the callback feeds a long text; each byte arrives, in order, once. */
	memset(rest, 'x', sizeof(rest));
	for (unsigned int i = 0; i < sizeof(rest) - 1; i++)
		rest[i] = (char)('a' + i % 26);
	rest[sizeof(rest) - 1] = '\0';
	feed = rest;
	while (uart_input(&uart, (u8)taken))
		taken++;
	for (; got < taken; got++)
		assert_int_equal(in(DATA), got & 0xff);
	for (unsigned int i = 0; i < sizeof(rest) - 1; i++)
		assert_int_equal(in(DATA), rest[i]);
	assert_int_equal(in(LSR), 0x60);
	assert_in_range(rooms, 5, 10);
}

static void test_reset(void **state)
{
	(void)state;
	out(MCR, 0x08);
	out(IER, 0x02);
	while (uart_input(&uart, 'x'))
		continue;
	assert_true(line.level);
	uart_reset(&uart);
	assert_false(line.level);
	assert_int_equal(rooms, 1);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(IER), 0);
}

static void test_hostile(void **state)
{
	u64 random = 4711;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		hammer(&uart_io, &uart, UART_PORTS, NULL, &random, 100);
		for (int j = 0; j < 20; j++)
			uart_input(&uart, (u8)random);
		assert_true(uart.fifo_count <= UART_FIFO_SIZE);
		assert_int_equal(uart.lsr & 1, uart.fifo_count != 0);
		assert_int_equal(line.level, uart.line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_autoconfig, setup),
		cmocka_unit_test_setup(test_loopback, setup),
		cmocka_unit_test_setup(test_transmit_interrupt, setup),
		cmocka_unit_test_setup(test_priorities, setup),
		cmocka_unit_test_setup(test_receive, setup),
		cmocka_unit_test_setup(test_buffer_limit, setup),
		cmocka_unit_test_setup(test_reset, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests_name("uart", tests, NULL, NULL);
}
