/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text into a buffer: the conversions d i u x X c s p and %%, the length
 * modifiers hh h l ll z, the flags - 0 # + and space, width and precision (also as *).
 * No floating point, no %n. No state.
 */
#pragma once

#include "lib/types.h"

/*
 * Write at most size bytes, always ending in a NUL (unless size is 0, then buf may be
 * NULL). Returns the length of the whole text: a result >= size means that it is cut.
 * A NULL string prints as (null); an unknown conversion prints as it is written.
 */
size_t str_printf(char *buf, size_t size, const char *fmt, ...) __printf_like(3, 4);
size_t str_vprintf(char *buf, size_t size, const char *fmt, va_list args) __printf_like(3, 0);
