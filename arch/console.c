/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output to serial port and screen. See console.h.
 */
#include "arch/console.h"

#include "arch/lock.h"
#include "arch/screen.h"
#include "arch/serial_port.h"
#include "lib/escape.h"

#define LINE_MAX 160u
#define CANCEL 0x18 /* the terminal forgets the escape sequence that it is in */

static struct spinlock console_lock = SPINLOCK(LOCK_LOG);
static u8 last_byte = '\n'; /* [console_lock] */

/*
 * What a guest has written of its line, to be written again where something came in between: without
 * escape sequences, as what they ask of the terminal is not to be answered twice, but for one that is
 * not complete.
 */
static struct {
	char bytes[LINE_MAX];
	u32 len; /* LINE_MAX + 1: more than fits */
	u32 escape_at; /* where the sequence begins that it is in */
	enum escape_state escape;
} guest_line; /* [console_lock] */

static void write_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			serial_port_put('\r');
		serial_port_put((u8)text[i]);
		screen_put((u8)text[i]);
		last_byte = (u8)text[i];
	}
	screen_flush();
}

/* Without a serial port guests have the screen. */
static void put_raw(u8 byte)
{
	if (serial_port_present())
		serial_port_put(byte);
	else
		screen_put(byte);
	last_byte = byte;
}

static void guest_line_forget(void)
{
	guest_line.len = 0;
	guest_line.escape = ESCAPE_NONE;
}

static void guest_line_append(char c)
{
	if (guest_line.len < LINE_MAX)
		guest_line.bytes[guest_line.len++] = c;
	else
		guest_line.len = LINE_MAX + 1;
}

/* What comes next is not the rest of a guest's escape sequence. */
static void cancel_escape(void)
{
	if (guest_line.escape != ESCAPE_NONE)
		put_raw(CANCEL);
}

static void guest_line_add(char c)
{
	bool in = guest_line.escape != ESCAPE_NONE;
	bool part = escape_has(&guest_line.escape, (u8)c);
	bool in_now = guest_line.escape != ESCAPE_NONE;

	if (in && !in_now)
		guest_line.len = guest_line.escape_at;
	else if (!in && in_now)
		guest_line.escape_at = guest_line.len;
	if (c == '\n' || c == '\r')
		guest_line.len = 0;
	else if (in_now || (!part && ((u8)c >= ' ' || c == '\b' || c == '\t')))
		guest_line_append(c);
}

/* A line that is too long is not written again. */
static void guest_line_again(void)
{
	if (guest_line.len > LINE_MAX)
		return;
	for (u32 i = 0; i < guest_line.len; i++)
		put_raw((u8)guest_line.bytes[i]);
	screen_flush();
}

void console_write(const char *text, size_t len)
{
	spin_lock(&console_lock);
	cancel_escape();
	guest_line_forget();
	write_text(text, len);
	spin_unlock(&console_lock);
}

void console_write_line(const char *text, size_t len)
{
	spin_lock(&console_lock);
	cancel_escape();
	/* Behind a CR too: it is the line it returned in that would be written over. */
	if (last_byte != '\n')
		write_text("\n", 1);
	write_text(text, len);
	guest_line_again();
	spin_unlock(&console_lock);
}

void console_write_guest(u8 byte)
{
	spin_lock(&console_lock);
	put_raw(byte);
	guest_line_add((char)byte);
	screen_flush();
	spin_unlock(&console_lock);
}

void console_end_guest_line(void)
{
	spin_lock(&console_lock);
	cancel_escape();
	if (guest_line.len && last_byte != '\n')
		write_text("\n", 1);
	guest_line_forget();
	spin_unlock(&console_lock);
}

void console_write_screen(const char *text, size_t len)
{
	spin_lock(&console_lock);
	for (size_t i = 0; i < len; i++)
		screen_put((u8)text[i]);
	screen_flush();
	spin_unlock(&console_lock);
}

void console_use_vga(volatile u16 *va)
{
	spin_lock(&console_lock);
	screen_use_vga(va);
	spin_unlock(&console_lock);
}

void console_use_framebuffer(const struct framebuffer *fb, volatile u8 *pixels)
{
	spin_lock(&console_lock);
	screen_use_framebuffer(fb, pixels);
	spin_unlock(&console_lock);
}

void console_move_framebuffer(volatile u8 *pixels)
{
	spin_lock(&console_lock);
	screen_move_framebuffer(pixels);
	spin_unlock(&console_lock);
}

void console_break_lock(void)
{
	console_lock.locked = 0;
}
