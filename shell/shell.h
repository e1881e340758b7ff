/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug shell on the host's console: a line editor and a table of commands. Runs on the
 * boot CPU between other work, so guests go on meanwhile.
 */
#pragma once

#include "lib/types.h"

/* Greet and prompt. */
void shell_start(void);

/* One received byte. escape on an empty line leaves the shell. */
void shell_input(u8 byte, u8 escape);

/* For commands: write to the console. */
void shell_print(const char *fmt, ...) __printf_like(1, 2);

#define SHELL_MAX_ARGS 8u

struct shell_command {
	const char *name;
	const char *usage; /* arguments and what it does */
	void (*run)(u32 argc, char **argv); /* argv[0] is the name */
};

/* memory.c */
void cmd_slot(u32 argc, char **argv);
void cmd_dirty(u32 argc, char **argv);
void cmd_tree(u32 argc, char **argv);
void cmd_walk(u32 argc, char **argv);

/* commands.c */
extern const struct shell_command shell_commands[];
extern const u32 shell_command_count;
