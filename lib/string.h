/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory and string functions of C that the hypervisor uses, with C's names and
 * meanings, so that the compiler may call them too. Host tests link the host's C library
 * in place of string.c (strlcpy.c is linked in both).
 */
#pragma once

#include "lib/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t len);
void *memset(void *dst, int byte, size_t len);
/* dst and src may overlap. */
void *memmove(void *dst, const void *src, size_t len);
int memcmp(const void *a, const void *b, size_t len);

size_t strlen(const char *s);
/* The length of s, or max when no NUL is among its first max bytes (none beyond is read). */
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
/* The first c in s (the final NUL counts), or NULL. */
char *strchr(const char *s, int c);

/*
 * Copy as much of src as fits into size bytes and end it with a NUL (unless size is 0).
 * Returns the length of src: a result >= size means that the copy is cut.
 */
size_t strlcpy(char *dst, const char *src, size_t size);
