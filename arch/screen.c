/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text on the host's screen. See screen.h.
 */
#include "arch/screen.h"

#include "arch/font.h"
#include "lib/escape.h"
#include "lib/string.h"

#define VGA_COLUMNS 80u
#define VGA_ROWS 25u
#define VGA_ATTRIBUTE 0x0700u

/* Larger framebuffers get larger characters, or keep a margin. */
#define MAX_COLUMNS 160u
#define MAX_ROWS 64u
#define FEW_ROWS 12u

static struct {
	u32 columns, rows; /* 0: no screen */
	volatile u16 *vga;
	struct framebuffer fb;
	volatile u8 *pixels;
	u32 scale;
	u32 row, column; /* of the next character; column may be columns */
	u32 first_changed, end_changed; /* rows that may differ from what is shown */
	enum escape_state escape;
	u8 text[MAX_ROWS][MAX_COLUMNS]; /* what should be seen */
	u8 shown[MAX_ROWS][MAX_COLUMNS]; /* what is seen; 0: not known */
} screen;

static void changed(u32 first, u32 end)
{
	screen.first_changed = MIN(screen.first_changed, first);
	screen.end_changed = MAX(screen.end_changed, end);
}

static void begin(u32 columns, u32 rows)
{
	memset(&screen, 0, sizeof(screen));
	screen.columns = columns;
	screen.rows = rows;
	memset(screen.text, ' ', sizeof(screen.text));
	changed(0, rows);
}

void screen_use_vga(volatile u16 *va)
{
	begin(VGA_COLUMNS, VGA_ROWS);
	screen.vga = va;
	screen_flush();
}

void screen_use_framebuffer(const struct framebuffer *fb, volatile u8 *pixels)
{
	u32 scale = 1;

	while (fb->width / (FONT_WIDTH * scale) > MAX_COLUMNS &&
	       fb->height / (FONT_HEIGHT * (scale + 1)) >= FEW_ROWS)
		scale++;
	begin(MIN(fb->width / (FONT_WIDTH * scale), MAX_COLUMNS),
	      MIN(fb->height / (FONT_HEIGHT * scale), MAX_ROWS));
	screen.fb = *fb;
	screen.scale = scale;
	screen_move_framebuffer(pixels);
}

void screen_move_framebuffer(volatile u8 *pixels)
{
	screen.pixels = pixels;
	if (!pixels)
		return;
	framebuffer_clear(&screen.fb, pixels);
	memset(screen.shown, ' ', sizeof(screen.shown));
	changed(0, screen.rows);
	screen_flush();
}

u32 screen_columns(void)
{
	return screen.columns;
}

u32 screen_rows(void)
{
	return screen.rows;
}

static void draw(u32 row, u32 column, u8 character)
{
	if (screen.vga)
		screen.vga[row * screen.columns + column] = (u16)(VGA_ATTRIBUTE | character);
	else
		framebuffer_draw(&screen.fb, screen.pixels, column * FONT_WIDTH * screen.scale,
				 row * FONT_HEIGHT * screen.scale, screen.scale, character);
}

void screen_flush(void)
{
	if (!screen.vga && !screen.pixels)
		return;
	for (u32 row = screen.first_changed; row < screen.end_changed; row++) {
		for (u32 column = 0; column < screen.columns; column++) {
			u8 character = screen.text[row][column];

			if (screen.shown[row][column] == character)
				continue;
			draw(row, column, character);
			screen.shown[row][column] = character;
		}
	}
	screen.first_changed = screen.rows;
	screen.end_changed = 0;
}

static void next_line(void)
{
	screen.column = 0;
	if (++screen.row < screen.rows)
		return;
	screen.row = screen.rows - 1;
	memmove(screen.text[0], screen.text[1], screen.row * sizeof(screen.text[0]));
	memset(screen.text[screen.row], ' ', sizeof(screen.text[0]));
	changed(0, screen.rows);
}

static void put_character(u8 character)
{
	if (screen.column == screen.columns)
		next_line();
	screen.text[screen.row][screen.column++] = character;
	changed(screen.row, screen.row + 1);
}

void screen_put(u8 byte)
{
	if (!screen.columns || escape_has(&screen.escape, byte))
		return;
	if (byte == '\n')
		next_line();
	else if (byte == '\r')
		screen.column = 0;
	else if (byte == '\b' && screen.column)
		screen.column--;
	else if (byte >= FONT_FIRST && byte < FONT_FIRST + FONT_COUNT)
		put_character(byte);
}
