/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library functions the guests and the compiler itself need. Their own, so that a guest
 * does not rest on the code it tests.
 */
#pragma once

#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int value, size_t len);
/* Stops at the first difference, so that a compare with a string never reads past its end. */
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
