/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Characters on a framebuffer, in memory of exactly its size: what the boot loader may claim of it,
 * and that nothing outside is written.
 */
#include "arch/font.h"
#include "arch/framebuffer.h"
#include "lib/string.h"
#include "tests/unit/host/host.h"

#include <stdlib.h>

#define PHYS_BITS 40u

static const struct framebuffer good = {
	.addr = { 0x80000000 }, .width = 800, .height = 600, .pitch = 3200, .bpp = 32
};

/* Refused once field is value. */
#define check_refused(field, value)                                   \
	do {                                                          \
		struct framebuffer fb = good;                         \
		fb.field = (value);                                   \
		assert_non_null(framebuffer_problem(&fb, PHYS_BITS)); \
	} while (0)

#define check_accepted(field, value)                              \
	do {                                                      \
		struct framebuffer fb = good;                     \
		fb.field = (value);                               \
		assert_null(framebuffer_problem(&fb, PHYS_BITS)); \
	} while (0)

static void test_limits(void **state)
{
	(void)state;
	assert_null(framebuffer_problem(&good, PHYS_BITS));
	for (u32 bpp = 0; bpp < 256; bpp++) {
		struct framebuffer fb = good;

		fb.bpp = (u8)bpp;
		assert_true(!framebuffer_problem(&fb, PHYS_BITS) == (bpp == 24 || bpp == 32));
	}
	check_refused(width, 0);
	check_refused(width, 319);
	check_refused(width, 801); /* longer than the pitch */
	check_refused(width, 0x40000000); /* times four is nothing */
	check_refused(width, UINT32_MAX);
	check_refused(height, 0);
	check_refused(height, 16385);
	check_refused(height, UINT32_MAX);
	check_accepted(height, 16384);
	check_refused(pitch, 0);
	check_refused(pitch, 3199);
	check_refused(pitch, 3202);
	check_refused(pitch, 131076);
	check_refused(pitch, UINT32_MAX);
	check_accepted(pitch, 131072);
}

static void test_addresses(void **state)
{
	const u64 limit = 1ull << PHYS_BITS;

	(void)state;
	check_refused(addr.raw, 0);
	check_refused(addr.raw, 0x80000002);
	check_accepted(addr.raw, limit - 3200 * 600);
	check_refused(addr.raw, limit - 3200 * 600 + 4);
	check_refused(addr.raw, limit);
	check_refused(addr.raw, UINT64_MAX - 3);
	check_refused(addr.raw, (u64)1 << 63);
	assert_int_equal(framebuffer_size(&good), 3200 * 600);
}

/* The last pixel of the last line is the end of the memory: the sanitizer sees the next byte. */
static u8 *make(struct framebuffer *fb, u32 width, u32 height, u32 pitch, u8 bpp)
{
	u8 *pixels = malloc((size_t)pitch * height);

	*fb = (struct framebuffer){
		.addr = good.addr, .width = width, .height = height, .pitch = pitch, .bpp = bpp
	};
	assert_null(framebuffer_problem(fb, PHYS_BITS));
	memset(pixels, 0x55, (size_t)pitch * height);
	framebuffer_clear(fb, pixels);
	return pixels;
}

/* The pixel's value when all its bytes agree. */
static u8 pixel(const struct framebuffer *fb, const u8 *pixels, u32 x, u32 y)
{
	const u8 *at = pixels + y * fb->pitch + x * (fb->bpp / 8u);

	for (u32 i = 1; i < fb->bpp / 8u; i++)
		assert_int_equal(at[i], at[0]);
	return *at;
}

static void check_glyph(const struct framebuffer *fb, const u8 *pixels, u32 x, u32 y, u32 scale,
			u8 character)
{
	for (u32 py = 0; py < fb->height; py++) {
		for (u32 px = 0; px < fb->width; px++) {
			bool inside = px >= x && px < x + FONT_WIDTH * scale && py >= y &&
				      py < y + FONT_HEIGHT * scale;
			bool ink = inside && font_row(character, (py - y) / scale) &
						     0x80u >> ((px - x) / scale);

			assert_int_equal(pixel(fb, pixels, px, py), ink ? 0xc0 : 0);
		}
	}
}

static void draw_at_the_end(u8 bpp, u32 scale, u32 more_pitch)
{
	struct framebuffer fb;
	u8 *pixels = make(&fb, 320, 200, 320u * bpp / 8 + more_pitch, bpp);
	u32 x = 320 - FONT_WIDTH * scale, y = 200 - FONT_HEIGHT * scale;

	framebuffer_draw(&fb, pixels, x, y, scale, '@');
	framebuffer_draw(&fb, pixels, x, y, scale, 'k');
	check_glyph(&fb, pixels, x, y, scale, 'k');
	/* What lies between the lines is nobody's. */
	if (more_pitch)
		assert_int_equal(pixels[320u * bpp / 8], 0x55);
	free(pixels);
}

static void test_draw(void **state)
{
	(void)state;
	draw_at_the_end(32, 1, 0);
	draw_at_the_end(32, 3, 64);
	draw_at_the_end(24, 1, 0);
	draw_at_the_end(24, 2, 5);
}

/* Each character but the blank has a shape of its own. */
static void test_font(void **state)
{
	(void)state;
	for (u32 i = 0; i < FONT_COUNT; i++) {
		assert_true((font_glyphs[i][0] | font_glyphs[i][1]) || !i);
		for (u32 j = 0; j < i; j++)
			assert_memory_not_equal(font_glyphs[i], font_glyphs[j], 16);
	}
	/* Letters stand on one line, and leave room to the next ones. */
	assert_true(font_row('H', 11) && !font_row('H', 12));
	for (u8 c = ' '; c < 0x7f; c++)
		assert_false(font_row(c, 0) || font_row(c, 15));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_draw),
		cmocka_unit_test(test_font),
	};

	return cmocka_run_group_tests_name("framebuffer", tests, NULL, NULL);
}
