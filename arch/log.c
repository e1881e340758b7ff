/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines and their ring. See log.h.
 */
#include "arch/log.h"

#include "arch/clock.h"
#include "arch/console.h"
#include "arch/lock.h"
#include "arch/percpu.h"
#include "lib/printf.h"
#include "lib/string.h"

#define LOG_RING_SIZE 32768u
#define LOG_LINE_MAX 400u

static char ring[LOG_RING_SIZE]; /* [log_lock] */
static u64 ring_written; /* [log_lock] bytes ever written */
static struct spinlock log_lock = SPINLOCK(LOCK_LOG);
static enum log_level console_level = LOG_INFO;

static const char *const level_marks[] = {
	[LOG_ERROR] = "error: ",
	[LOG_WARN] = "warning: ",
	[LOG_INFO] = "",
	[LOG_DEBUG] = "debug: ",
};

void log_set_level(enum log_level level)
{
	console_level = level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	u64 us = clock_ns() / 1000;
	size_t used;
	va_list args;

	used = (size_t)str_printf(line, sizeof(line), "[%4llu.%06llu] %s",
				  (unsigned long long)(us / 1000000),
				  (unsigned long long)(us % 1000000), level_marks[level]);
	va_start(args, fmt);
	used += (size_t)str_vprintf(line + used, sizeof(line) - used, fmt, args);
	va_end(args);
	used = MIN(used, sizeof(line) - 2);
	/* Command lines and names come from outside: nothing of them moves the cursor or begins a line. */
	for (size_t i = 0; i < used; i++) {
		if ((u8)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '.';
	}
	line[used++] = '\n';

	spin_lock(&log_lock);
	for (size_t i = 0; i < used; i++)
		ring[ring_written++ % LOG_RING_SIZE] = line[i];
	spin_unlock(&log_lock);
	if (level <= console_level)
		console_write_line(line, used);
}

size_t log_copy(char *buf, size_t size)
{
	u64 start, end;

	spin_lock(&log_lock);
	end = ring_written;
	size = MIN(size, (size_t)LOG_RING_SIZE);
	start = end - MIN(end, (u64)size);
	for (u64 i = start; i < end; i++)
		buf[i - start] = ring[i % LOG_RING_SIZE];
	spin_unlock(&log_lock);
	return (size_t)(end - start);
}
