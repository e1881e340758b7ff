/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text on the host's screen: a VGA text screen, a framebuffer, or none. What should be seen and
 * what is seen are kept apart, and only cells that differ are drawn: scrolling reads nothing from
 * the device, which would be slow, and writes little. For arch/console.c, which has the lock.
 */
#pragma once

#include "arch/framebuffer.h"
#include "lib/types.h"

/* Begin with an empty VGA text screen at va, of 80 by 25 characters. */
void screen_use_vga(volatile u16 *va);

/*
 * Begin with an empty framebuffer without a problem (framebuffer_problem()). pixels: where it is
 * mapped, or NULL: what is written is kept for when it is.
 */
void screen_use_framebuffer(const struct framebuffer *fb, volatile u8 *pixels);

/* The framebuffer is now mapped at pixels, or no longer (NULL): draw all of it again. */
void screen_move_framebuffer(volatile u8 *pixels);

/* How many characters fit; 0 when there is no screen. */
u32 screen_columns(void);
u32 screen_rows(void);

/* Add one byte of text. Backspace moves left; escape sequences of terminals are left out. */
void screen_put(u8 byte);

/* Make what was written visible. */
void screen_flush(void);
