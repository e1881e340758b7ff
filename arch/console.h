/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's console: the serial port, and a screen for the log, the shell and panics, which
 * has the guests' output too when there is no serial port. One writer at a time (LOCK_LOG); knows what stands
 * on the current line.
 */
#pragma once

#include "arch/framebuffer.h"
#include "lib/types.h"

/* Write text; '\n' becomes "\r\n". A guest that was in a line begins a new one. */
void console_write(const char *text, size_t len);

/*
 * As console_write, on a line of its own: whatever stands on the current one is ended first, and
 * written again behind it if it is a guest's.
 */
void console_write_line(const char *text, size_t len);

/* A byte of a guest's own console, as it is. Not on the screen, unless there is nothing else. */
void console_write_guest(u8 byte);

/* The line that a guest is in, if there is one, is not gone on with. */
void console_end_guest_line(void);

/* On the screen only, which gets to know what was written before there was one. */
void console_write_screen(const char *text, size_t len);

/* Which screen there is; see arch/screen.h. Before the first of these there is none. */
void console_use_vga(volatile u16 *va);
void console_use_framebuffer(const struct framebuffer *fb, volatile u8 *pixels);
void console_move_framebuffer(volatile u8 *pixels);

/* A panicking CPU does not wait for the lock of one that it has stopped. */
void console_break_lock(void);
