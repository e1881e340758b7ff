/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte-wise string functions: the simplest there are.
 */
#include "tests/guest/lib/string.h"

void *memcpy(void *dst, const void *src, size_t len)
{
	void *out = dst;

	asm volatile("rep movsb" : "+D"(out), "+S"(src), "+c"(len) : : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
	u8 *to = dst;
	const u8 *from = src;

	if ((uintptr_t)to - (uintptr_t)from >= len)
		return memcpy(dst, src, len);
	for (size_t i = len; i > 0; i--) {
		to[i - 1] = from[i - 1];
		/* Otherwise the compiler sees a memmove here and calls this function. */
		asm volatile("" : : : "memory");
	}
	return dst;
}

void *memset(void *dst, int value, size_t len)
{
	void *out = dst;

	asm volatile("rep stosb" : "+D"(out), "+c"(len) : "a"(value) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < len; i++) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t len = 0;

	while (s[len]) {
		len++;
		asm volatile("" : : : "memory");
	}
	return len;
}
