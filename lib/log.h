/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How any room says something: log lines, assert and panic. Only declared here;
 * arch/ implements them on the machine and tests/unit on the host.
 */
#pragma once

#include "lib/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Print one line (no trailing newline in fmt). Safe in any context but NMI. */
void log_line(enum log_level level, const char *fmt, ...) __printf_like(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/*
 * The hypervisor's own state cannot be trusted: print why, registers and a
 * backtrace, stop every CPU. Nothing a guest does may lead here.
 */
__noreturn void panic(const char *fmt, ...) __printf_like(1, 2);

/* Type-checked in every build, evaluated only in debug builds and tests. */
#ifdef SILL_DEBUG
#define assert(cond)                                                                      \
	do {                                                                              \
		if (unlikely(!(cond)))                                                    \
			panic("assertion failed: %s (%s:%d)", #cond, __FILE__, __LINE__); \
	} while (0)
#else
#define assert(cond) ((void)sizeof((cond) ? 1 : 0))
#endif
