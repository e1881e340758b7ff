/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Characters on a linear framebuffer. See framebuffer.h. All bytes of a pixel are equal: this is
 * grey whatever the order of the colours is, so nothing is asked about it.
 */
#include "arch/framebuffer.h"

#include "arch/font.h"

#define INK 0xc0u
#define PAPER 0x00u
/* Smaller is not worth a console, larger is not a screen. */
#define MIN_WIDTH 320u
#define MIN_HEIGHT 200u
#define MAX_PIXELS 16384u
/* With a pitch like this the largest takes 2 GiB: no sum here wraps. */
#define MAX_PITCH (2 * 4 * MAX_PIXELS)

static u32 pixel_bytes(const struct framebuffer *fb)
{
	return fb->bpp / 8u;
}

u64 framebuffer_size(const struct framebuffer *fb)
{
	return (u64)fb->pitch * fb->height;
}

const char *framebuffer_problem(const struct framebuffer *fb, u32 phys_bits)
{
	u64 limit = 1ull << phys_bits;

	if (fb->bpp != 24 && fb->bpp != 32)
		return "its pixels have neither 24 nor 32 bits";
	if (fb->width < MIN_WIDTH || fb->height < MIN_HEIGHT)
		return "it is too small";
	if (fb->width > MAX_PIXELS || fb->height > MAX_PIXELS || fb->pitch > MAX_PITCH)
		return "it is too large to be true";
	if (fb->pitch < fb->width * pixel_bytes(fb))
		return "its lines overlap";
	if (!fb->addr.raw)
		return "it has no address";
	/* So that a pixel of four bytes is one access. */
	if (fb->bpp == 32 && !is_aligned(fb->addr.raw | fb->pitch, 4))
		return "its pixels are not aligned";
	if (fb->addr.raw >= limit || framebuffer_size(fb) > limit - fb->addr.raw)
		return "it ends beyond the CPU's physical addresses";
	return NULL;
}

static void put_pixels(const struct framebuffer *fb, volatile u8 *at, u32 count, u8 value)
{
	volatile u32 *word = (volatile u32 *)at;

	if (fb->bpp == 32) {
		for (u32 i = 0; i < count; i++)
			word[i] = value * 0x01010101u;
	} else {
		for (u32 i = 0; i < count * 3; i++)
			at[i] = value;
	}
}

void framebuffer_clear(const struct framebuffer *fb, volatile u8 *pixels)
{
	for (u32 y = 0; y < fb->height; y++)
		put_pixels(fb, pixels + (u64)y * fb->pitch, fb->width, PAPER);
}

void framebuffer_draw(const struct framebuffer *fb, volatile u8 *pixels, u32 x, u32 y, u32 scale,
		      u8 character)
{
	u32 step = scale * pixel_bytes(fb);

	for (u32 line = 0; line < FONT_HEIGHT * scale; line++) {
		volatile u8 *at = pixels + (u64)(y + line) * fb->pitch + (u64)x * pixel_bytes(fb);
		u8 row = font_row(character, line / scale);

		for (u32 column = 0; column < FONT_WIDTH; column++)
			put_pixels(fb, at + column * step, scale,
				   row & 0x80u >> column ? INK : PAPER);
	}
}
