/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small printf. Division is done in 16-bit steps, so that 32-bit guests need no helper
 * functions of the compiler.
 */
#include "tests/guest/lib/print.h"

#include "tests/guest/lib/serial.h"

struct spec {
	char pad;
	unsigned int width, length; /* length: number of 'l's */
};

static void put_char(char c)
{
	if (c == '\n')
		serial_putc('\r');
	serial_putc(c);
}

static void put_string(const char *s)
{
	while (*s)
		put_char(*s++);
}

/* *value /= base, and the remainder. */
static u32 divide(u64 *value, u32 base)
{
	u64 quotient = 0;
	u32 rest = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		rest = rest << 16 | (u32)(*value >> shift & 0xffff);
		quotient |= (u64)(rest / base) << shift;
		rest %= base;
	}
	*value = quotient;
	return rest;
}

static void put_number(u64 value, u32 base, const struct spec *spec)
{
	char digits[24];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[divide(&value, base)];
	} while (value);
	for (unsigned int i = n; i < spec->width; i++)
		put_char(spec->pad);
	while (n)
		put_char(digits[--n]);
}

static const char *parse_spec(const char *fmt, struct spec *spec)
{
	*spec = (struct spec){ .pad = ' ' };
	if (*fmt == '0')
		spec->pad = *fmt++;
	while (*fmt >= '0' && *fmt <= '9')
		spec->width = spec->width * 10 + (unsigned int)(*fmt++ - '0');
	while (*fmt == 'l' || *fmt == 'z') {
		spec->length += *fmt == 'z' ? sizeof(size_t) / 4 - 1 : sizeof(long) / 4 - 1;
		/* Two 'l' are 64 bits everywhere; one is whatever long is. */
		if (*fmt == 'l' && fmt[1] == 'l') {
			spec->length = 1;
			fmt++;
		}
		fmt++;
	}
	return fmt;
}

static void put_signed(s64 value, const struct spec *spec)
{
	if (value < 0)
		put_char('-');
	put_number(value < 0 ? -(u64)value : (u64)value, 10, spec);
}

void print_args(const char *fmt, va_list args)
{
	struct spec spec;

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put_char(*fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &spec);
		if (*fmt == 's')
			put_string(va_arg(args, const char *));
		else if (*fmt == 'c')
			put_char((char)va_arg(args, int));
		else if (*fmt == 'd')
			put_signed(spec.length ? va_arg(args, s64) : va_arg(args, int), &spec);
		else if (*fmt == 'u' || *fmt == 'x')
			put_number(spec.length ? va_arg(args, u64) : va_arg(args, unsigned int),
				   *fmt == 'x' ? 16 : 10, &spec);
		else
			put_char(*fmt);
	}
}

void print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_args(fmt, args);
	va_end(args);
}
