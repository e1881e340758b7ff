/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted output to COM1.
 */
#pragma once

#include "lib/types.h"

/*
 * Knows %c %s %d %u %x %% with an optional 0 flag, a width, and the length l, ll or z.
 * A newline goes out as CR LF.
 */
void print(const char *fmt, ...) __printf_like(1, 2);
void print_args(const char *fmt, va_list args);
