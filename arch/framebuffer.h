/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Characters on a linear framebuffer. Where it lies and what it is like comes from the boot
 * loader and is checked here; who maps it and what is drawn are others' business.
 */
#pragma once

#include "lib/addr.h"
#include "lib/types.h"

struct framebuffer {
	hpa_t addr;
	u32 width, height; /* in pixels */
	u32 pitch; /* bytes from line to line */
	u8 bpp; /* bits of a pixel */
};

/* NULL, or why it cannot be drawn on. Nothing else here may be called in that case. */
const char *framebuffer_problem(const struct framebuffer *fb, u32 phys_bits);

/* Bytes from addr on. */
u64 framebuffer_size(const struct framebuffer *fb);

/* The rest get pixels, where the framebuffer is mapped. */

/* All black. */
void framebuffer_clear(const struct framebuffer *fb, volatile u8 *pixels);

/*
 * Draw a printable ASCII character; each pixel of the font is a square of scale pixels. (x, y)
 * is the cell's upper left corner; the cell must lie inside.
 */
void framebuffer_draw(const struct framebuffer *fb, volatile u8 *pixels, u32 x, u32 y, u32 scale,
		      u8 character);
