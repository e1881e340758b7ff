/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text into a buffer. Formats come from the hypervisor's own source, where the
 * compiler checks them; what is printed may come from anywhere. No state.
 */
#include "lib/printf.h"

#include "lib/string.h"

/* 2^64 in the smallest base, 10, has 20 digits. */
#define MAX_DIGITS 20u
/* No field is wider; keeps the parsing of widths free of overflow. */
#define MAX_WIDTH 100000

_Static_assert(sizeof(long) == 8 && sizeof(long long) == 8 && sizeof(size_t) == 8,
	       "l, ll and z all mean 64 bits");

struct out {
	char *buf;
	size_t size;
	size_t len; /* of the whole text, also of what did not fit */
};

enum length { LENGTH_CHAR, LENGTH_SHORT, LENGTH_INT, LENGTH_LONG };

/* One conversion as written between % and its letter. */
struct spec {
	bool left, zero, alt;
	char plus; /* what stands before a number that is not negative: '+', ' ' or 0 */
	int width;
	int precision; /* -1: none given */
	enum length length;
};

/* A va_list that functions can share: as a parameter it may be an array. */
struct args {
	va_list list;
};

static void put(struct out *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static void put_repeated(struct out *out, char c, int count)
{
	while (count-- > 0)
		put(out, c);
}

static void put_string(struct out *out, const struct spec *spec, const char *s)
{
	size_t max = spec->precision < 0 ? SIZE_MAX : (size_t)spec->precision;
	size_t len;
	int pad;

	if (!s)
		s = "(null)";
	len = strnlen(s, max);
	pad = len < (size_t)spec->width ? spec->width - (int)len : 0;
	if (!spec->left)
		put_repeated(out, ' ', pad);
	for (size_t i = 0; i < len; i++)
		put(out, s[i]);
	if (spec->left)
		put_repeated(out, ' ', pad);
}

static void put_char(struct out *out, const struct spec *spec, char c)
{
	if (!spec->left)
		put_repeated(out, ' ', spec->width - 1);
	put(out, c);
	if (spec->left)
		put_repeated(out, ' ', spec->width - 1);
}

/* A number taken apart: what put_number() lays out in its field. */
struct number {
	u64 value;
	unsigned int base;
	bool upper;
	const char *prefix; /* a sign, 0x or nothing */
};

/* The digits of the number, last one first; returns how many (0 for the value 0). */
static int make_digits(char digits[MAX_DIGITS], const struct number *number)
{
	const char *set = number->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int count = 0;

	for (u64 value = number->value; value; value /= number->base)
		digits[count++] = set[value % number->base];
	return count;
}

static void put_number(struct out *out, const struct spec *spec, const struct number *number)
{
	char digits[MAX_DIGITS];
	int count = make_digits(digits, number);
	int room = spec->width - (int)strlen(number->prefix);
	int shown = MAX(count, spec->precision < 0 ? 1 : spec->precision);

	/* A precision overrides the flag 0, as does the flag -. */
	if (spec->precision < 0 && spec->zero && !spec->left)
		shown = MAX(shown, room);
	if (!spec->left)
		put_repeated(out, ' ', room - shown);
	for (const char *c = number->prefix; *c; c++)
		put(out, *c);
	put_repeated(out, '0', shown - count);
	while (count > 0)
		put(out, digits[--count]);
	if (spec->left)
		put_repeated(out, ' ', room - shown);
}

static u64 next_unsigned(struct args *args, enum length length)
{
	u32 value;

	if (length == LENGTH_LONG)
		return va_arg(args->list, u64);
	value = va_arg(args->list, u32);
	if (length == LENGTH_CHAR)
		return (u8)value;
	if (length == LENGTH_SHORT)
		return (u16)value;
	return value;
}

static s64 next_signed(struct args *args, enum length length)
{
	u64 value = next_unsigned(args, length);

	if (length == LENGTH_CHAR)
		return (s8)value;
	if (length == LENGTH_SHORT)
		return (s16)value;
	if (length == LENGTH_INT)
		return (s32)value;
	return (s64)value;
}

static void put_signed(struct out *out, const struct spec *spec, s64 value)
{
	const char sign[2] = { value < 0 ? '-' : spec->plus, '\0' };
	const struct number number = {
		/* Negated as unsigned: the most negative number has no positive twin. */
		.value = value < 0 ? 0 - (u64)value : (u64)value,
		.base = 10,
		.prefix = sign,
	};

	put_number(out, spec, &number);
}

static void put_decimal(struct out *out, const struct spec *spec, u64 value)
{
	const struct number number = { .value = value, .base = 10, .prefix = "" };

	put_number(out, spec, &number);
}

static void put_hex(struct out *out, const struct spec *spec, u64 value, bool upper)
{
	const char *prefix = upper ? "0X" : "0x";
	const struct number number = {
		.value = value,
		.base = 16,
		.upper = upper,
		.prefix = spec->alt && value ? prefix : "",
	};

	put_number(out, spec, &number);
}

/* As 0x and hex digits; a null pointer too, unlike with the flag #. */
static void put_pointer(struct out *out, const struct spec *spec, const void *pointer)
{
	const struct number number = {
		.value = (uintptr_t)pointer,
		.base = 16,
		.prefix = "0x",
	};

	put_number(out, spec, &number);
}

static const char *parse_flags(const char *fmt, struct spec *spec)
{
	for (;; fmt++) {
		if (*fmt == '-')
			spec->left = true;
		else if (*fmt == '0')
			spec->zero = true;
		else if (*fmt == '#')
			spec->alt = true;
		else if (*fmt == '+')
			spec->plus = '+';
		else if (*fmt == ' ' && !spec->plus)
			spec->plus = ' ';
		else if (*fmt != ' ')
			return fmt;
	}
}

/* Digits, or a * that stands for the next argument. */
static const char *parse_count(const char *fmt, struct args *args, int *count)
{
	*count = 0;
	if (*fmt == '*') {
		*count = va_arg(args->list, int);
		*count = MIN(*count, MAX_WIDTH);
		*count = MAX(*count, -MAX_WIDTH);
		return fmt + 1;
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		*count = MIN(*count * 10 + (*fmt - '0'), MAX_WIDTH);
	return fmt;
}

static const char *parse_length(const char *fmt, struct spec *spec)
{
	spec->length = LENGTH_INT;
	if (*fmt == 'l' || *fmt == 'z') {
		spec->length = LENGTH_LONG;
		fmt += fmt[0] == 'l' && fmt[1] == 'l' ? 2 : 1;
	} else if (*fmt == 'h') {
		spec->length = fmt[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
		fmt += fmt[1] == 'h' ? 2 : 1;
	}
	return fmt;
}

/* What stands between % and the conversion's letter; returns where the letter is. */
static const char *parse_spec(const char *fmt, struct args *args, struct spec *spec)
{
	*spec = (struct spec){ .precision = -1 };
	fmt = parse_flags(fmt, spec);
	fmt = parse_count(fmt, args, &spec->width);
	if (spec->width < 0) {
		spec->left = true;
		spec->width = -spec->width;
	}
	if (*fmt == '.') {
		fmt = parse_count(fmt + 1, args, &spec->precision);
		spec->precision = MAX(spec->precision, -1);
	}
	return parse_length(fmt, spec);
}

/* False: letter is no conversion, and no argument was taken for it. */
static bool convert(struct out *out, const struct spec *spec, char letter, struct args *args)
{
	switch (letter) {
	case 'd':
	case 'i':
		put_signed(out, spec, next_signed(args, spec->length));
		return true;
	case 'u':
		put_decimal(out, spec, next_unsigned(args, spec->length));
		return true;
	case 'x':
	case 'X':
		put_hex(out, spec, next_unsigned(args, spec->length), letter == 'X');
		return true;
	case 'p':
		put_pointer(out, spec, va_arg(args->list, const void *));
		return true;
	case 's':
		put_string(out, spec, va_arg(args->list, const char *));
		return true;
	case 'c':
		put_char(out, spec, (char)va_arg(args->list, int));
		return true;
	case '%':
		put(out, '%');
		return true;
	default:
		return false;
	}
}

static void format(struct out *out, const char *fmt, struct args *args)
{
	while (*fmt) {
		const char *start = fmt;
		struct spec spec;

		if (*fmt != '%') {
			put(out, *fmt++);
			continue;
		}
		fmt = parse_spec(fmt + 1, args, &spec);
		if (*fmt && convert(out, &spec, *fmt, args)) {
			fmt++;
			continue;
		}
		/* Up to the letter, which comes next as ordinary text. */
		while (start < fmt)
			put(out, *start++);
	}
}

size_t str_vprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out out = { .buf = buf, .size = size };
	struct args shared;

	va_copy(shared.list, args);
	format(&out, fmt, &shared);
	va_end(shared.list);
	if (size)
		buf[MIN(out.len, size - 1)] = '\0';
	return out.len;
}

size_t str_printf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = str_vprintf(buf, size, fmt, args);
	va_end(args);
	return len;
}
