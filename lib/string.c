/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory and string functions of C for the kernel. The bulk functions are string
 * instructions: short, fast on every CPU that can run the hypervisor, and nothing that
 * the compiler could turn into a call of the function it is compiling.
 */
#include "lib/string.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
	void *to = dst;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(len) : : "memory");
	return dst;
}

void *memset(void *dst, int byte, size_t len)
{
	void *to = dst;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(byte) : "memory");
	return dst;
}

/*
 * Backwards without the direction flag: an NMI or exception in the middle of a backward
 * string instruction would run its handler with the flag set.
 */
static void copy_backward(u8 *dst, const u8 *src, size_t len)
{
	while (len--) {
		dst[len] = src[len];
		/* Or else the compiler may see a memmove() here. */
		__asm__ volatile("" : : : "memory");
	}
}

void *memmove(void *dst, const void *src, size_t len)
{
	/* As one unsigned comparison: dst before src wraps to a large distance. */
	if ((uintptr_t)dst - (uintptr_t)src >= len)
		return memcpy(dst, src, len);
	copy_backward(dst, src, len);
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < len; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
	}
	return 0;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

size_t strnlen(const char *s, size_t max)
{
	size_t len = 0;

	while (len < max && s[len])
		len++;
	return len;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (size_t i = 0; i < max; i++) {
		if (a[i] != b[i] || !a[i])
			return (u8)a[i] - (u8)b[i];
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}
