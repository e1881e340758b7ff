/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell's line editor. See shell.h.
 */
#include "shell/shell.h"

#include "arch/console.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "shell/mux.h"

#define LINE_MAX 120u
#define KEY_BACKSPACE 0x08
#define KEY_DELETE 0x7f
#define KEY_KILL_LINE 0x15 /* Ctrl-U */

static char line[LINE_MAX + 1]; /* [boot CPU] */
static u32 line_len; /* [boot CPU] */

void shell_print(const char *fmt, ...)
{
	char text[512];
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = str_vprintf(text, sizeof(text), fmt, args);
	va_end(args);
	console_write(text, MIN(len, sizeof(text) - 1));
}

static void prompt(void)
{
	line_len = 0;
	shell_print("sill> ");
}

void shell_start(void)
{
	shell_print(
		"\nSill's shell: 'help' lists the commands, the escape key leads back, Tab to the next guest.\n");
	prompt();
}

static void run_line(void)
{
	char *argv[SHELL_MAX_ARGS];
	u32 argc = 0;

	for (char *p = line; *p && argc < SHELL_MAX_ARGS;) {
		while (*p == ' ')
			*p++ = '\0';
		if (*p)
			argv[argc++] = p;
		while (*p && *p != ' ')
			p++;
	}
	if (!argc)
		return;
	for (u32 i = 0; i < shell_command_count; i++) {
		if (strcmp(argv[0], shell_commands[i].name) == 0) {
			shell_commands[i].run(argc, argv);
			return;
		}
	}
	shell_print("error: no command '%s'; 'help' lists them\n", argv[0]);
}

static void erase(u32 count)
{
	for (; count && line_len; count--, line_len--)
		console_write("\b \b", 3);
}

static void leave(void)
{
	console_write("\n", 1);
	if (!mux_close_shell()) {
		shell_print("no guest is running\n");
		prompt();
	}
}

void shell_input(u8 byte, u8 escape)
{
	if (byte == escape && !line_len) {
		leave();
	} else if (byte == '\t' && !line_len) {
		mux_next_focus();
		leave();
	} else if (byte == '\r' || byte == '\n') {
		console_write("\n", 1);
		line[line_len] = '\0';
		run_line();
		line_len = 0;
		if (mux_shell_is_open())
			prompt();
	} else if (byte == KEY_BACKSPACE || byte == KEY_DELETE) {
		erase(1);
	} else if (byte == KEY_KILL_LINE) {
		erase(line_len);
	} else if (byte >= ' ' && byte < KEY_DELETE && line_len < LINE_MAX) {
		line[line_len++] = (char)byte;
		console_write((const char *)&byte, 1);
	}
}
