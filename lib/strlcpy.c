/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strlcpy() has a file of its own because not every C library of a host has it, while
 * the rest of string.c must stay out of host tests.
 */
#include "lib/string.h"

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	if (size) {
		size_t copied = len < size ? len : size - 1;

		memcpy(dst, src, copied);
		dst[copied] = '\0';
	}
	return len;
}
