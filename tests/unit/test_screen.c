/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text on a screen: what is seen after what was written, and that only what differs is drawn.
 */
#include "arch/font.h"
#include "arch/screen.h"
#include "lib/string.h"
#include "tests/unit/host/host.h"

#include <stdio.h>
#include <stdlib.h>

#define VGA_CELLS (80u * 25u)

static u16 vga[VGA_CELLS];

static void put(const char *text)
{
	while (*text)
		screen_put((u8)*text++);
	screen_flush();
}

static void begin_vga(void)
{
	memset(vga, 0xff, sizeof(vga));
	screen_use_vga(vga);
}

/* A row of the VGA screen begins with text, and is blank after it. */
static void check_row(u32 row, const char *text)
{
	size_t len = strlen(text);

	for (u32 i = 0; i < 80; i++)
		assert_int_equal(vga[row * 80 + i], 0x0700 | (i < len ? (u8)text[i] : ' '));
}

static void test_lines(void **state)
{
	(void)state;
	begin_vga();
	for (u32 i = 0; i < 25; i++)
		check_row(i, "");
	put("one\ntwo\r\nthree\rT\bt");
	check_row(0, "one");
	check_row(1, "two");
	check_row(2, "three");
	check_row(3, "");
	assert_int_equal(screen_columns(), 80);
	assert_int_equal(screen_rows(), 25);
}

static void test_wrap(void **state)
{
	char line[81];

	(void)state;
	memset(line, 'x', 80);
	line[80] = '\0';
	begin_vga();
	put(line);
	check_row(0, line);
	check_row(1, "");
	/* A full line and its end are one line. */
	put("\nnext");
	check_row(1, "next");
	put("\n");
	put(line);
	put("more");
	check_row(3, "more");
}

static void test_scroll(void **state)
{
	char text[8];

	(void)state;
	begin_vga();
	for (u32 i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%u\n", i);
		put(text);
	}
	check_row(0, "76");
	check_row(23, "99");
	check_row(24, "");
}

static void test_what_is_no_text(void **state)
{
	(void)state;
	begin_vga();
	put("\b\b\bA\x1b[31;1mB\x1b[0m\x1b[2JC\x1b"
	    "cD\a\x7f\x80\xff\x01"
	    "E\x1b[6n");
	check_row(0, "ABCDE");
}

static void test_only_changes_are_drawn(void **state)
{
	u32 marked = 0;

	(void)state;
	begin_vga();
	put("same\nsame\nwords");
	for (u32 i = 0; i < VGA_CELLS; i++)
		vga[i] = 0;
	for (u32 i = 0; i < 23; i++) /* the last of them scrolls by one */
		put("\n");
	for (u32 i = 0; i < VGA_CELLS; i++)
		marked += vga[i] != 0;
	/* Row 1 becomes "words", row 2 blank: row 0 stays as it is. */
	assert_int_equal(marked, 5 + 5);
	assert_int_equal(vga[80], 0x0700 | 'w');
	assert_int_equal(vga[2 * 80], 0x0700 | ' ');
}

static struct framebuffer fb = { .addr = { 0x80000000 }, .bpp = 32 };

static u32 *make_framebuffer(u32 width, u32 height)
{
	fb.width = width;
	fb.height = height;
	fb.pitch = width * 4;
	assert_null(framebuffer_problem(&fb, 40));
	return calloc(width * height, 4);
}

/* Row of the glyph at a cell, as in the font. */
static u8 glyph_row(const u32 *pixels, u32 scale, u32 row, u32 column, u32 line)
{
	u8 bits = 0;

	for (u32 i = 0; i < FONT_WIDTH; i++) {
		u32 x = (column * FONT_WIDTH + i) * scale;
		u32 y = (row * FONT_HEIGHT + line) * scale;

		bits = (u8)(bits << 1 | (pixels[y * fb.width + x] != 0));
	}
	return bits;
}

static void check_cell(const u32 *pixels, u32 scale, u32 row, u32 column, char c)
{
	for (u32 line = 0; line < FONT_HEIGHT; line++)
		assert_int_equal(glyph_row(pixels, scale, row, column, line),
				 font_row((u8)c, line));
}

static void test_framebuffer(void **state)
{
	u32 *pixels = make_framebuffer(800, 600);

	(void)state;
	screen_use_framebuffer(&fb, (volatile u8 *)pixels);
	assert_int_equal(screen_columns(), 100);
	assert_int_equal(screen_rows(), 37);
	put("Sill");
	check_cell(pixels, 1, 0, 0, 'S');
	check_cell(pixels, 1, 0, 3, 'l');
	check_cell(pixels, 1, 0, 4, ' ');
	for (u32 i = 0; i < 37; i++)
		put("\n");
	check_cell(pixels, 1, 0, 0, ' ');
	put("last");
	check_cell(pixels, 1, 36, 3, 't');
	free(pixels);
}

static void check_geometry(u32 width, u32 height, u32 scale, u32 columns, u32 rows)
{
	u32 *pixels = make_framebuffer(width, height);

	screen_use_framebuffer(&fb, (volatile u8 *)pixels);
	assert_int_equal(screen_columns(), columns);
	assert_int_equal(screen_rows(), rows);
	for (u32 i = 0; i < columns * rows; i++)
		screen_put('#');
	screen_flush();
	check_cell(pixels, scale, 0, 0, '#');
	check_cell(pixels, scale, rows - 1, columns - 1, '#');
	free(pixels);
}

/* All of each is inside of its memory: the sanitizer looks on. */
static void test_geometries(void **state)
{
	(void)state;
	check_geometry(320, 200, 1, 40, 12);
	check_geometry(1024, 768, 1, 128, 48);
	check_geometry(1280, 1024, 1, 160, 64);
	check_geometry(1287, 1100, 1, 160, 64);
	check_geometry(1288, 800, 2, 80, 25);
	check_geometry(1920, 1080, 2, 120, 33);
	check_geometry(3840, 2160, 3, 160, 45);
	check_geometry(16384, 200, 1, 160, 12);
	check_geometry(16384, 500, 2, 160, 15);
	check_geometry(320, 16384, 1, 40, 64);
}

/* What is written while the framebuffer is not mapped is seen once it is. */
static void test_move(void **state)
{
	u32 *pixels = make_framebuffer(800, 600), *other = make_framebuffer(800, 600);

	(void)state;
	screen_use_framebuffer(&fb, NULL);
	put("early");
	screen_move_framebuffer((volatile u8 *)pixels);
	check_cell(pixels, 1, 0, 0, 'e');
	screen_move_framebuffer(NULL);
	put("!");
	check_cell(pixels, 1, 0, 5, ' ');
	memset(other, 0xff, 800 * 600 * 4);
	screen_move_framebuffer((volatile u8 *)other);
	check_cell(other, 1, 0, 0, 'e');
	check_cell(other, 1, 0, 5, '!');
	check_cell(other, 1, 36, 99, ' ');
	free(pixels);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_scroll),
		cmocka_unit_test(test_what_is_no_text),
		cmocka_unit_test(test_only_changes_are_drawn),
		cmocka_unit_test(test_framebuffer),
		cmocka_unit_test(test_geometries),
		cmocka_unit_test(test_move),
	};

	return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
