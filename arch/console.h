/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's console: a 16550 serial port, and a screen for the log, the shell and panics, which
 * has the guests' output too when there is no serial port. One writer at a time (LOCK_LOG); knows in which column the line stands.
 */
#pragma once

#include "arch/framebuffer.h"
#include "lib/types.h"

/* port 0: no serial port. baud 0: leave the speed as it is. */
void console_init(u16 port, u32 baud);

/* False when nothing answers at the configured port. */
bool console_present(void);

/* Write text; '\n' becomes "\r\n". */
void console_write(const char *text, size_t len);

/* As console_write, on a line of its own: whatever stands on the current one is ended first. */
void console_write_line(const char *text, size_t len);

/*
 * As console_write without the translation: bytes of a guest's own console. Not on the screen,
 * unless there is nothing else.
 */
void console_write_raw(const char *text, size_t len);

/* On the screen only, which gets to know what was written before there was one. */
void console_write_screen(const char *text, size_t len);

/* The next received byte, or -1. */
int console_getc(void);

/* Let the port interrupt when it has received something. */
void console_irq_enable(void);

/* The ISA interrupt of the port, or -1 when it has none we know. */
int console_irq(void);

/* Which screen there is; see arch/screen.h. Before the first of these there is none. */
void console_use_vga(volatile u16 *va);
void console_use_framebuffer(const struct framebuffer *fb, volatile u8 *pixels);
void console_move_framebuffer(volatile u8 *pixels);

/* A panicking CPU does not wait for the lock of one that it has stopped. */
void console_break_lock(void);
