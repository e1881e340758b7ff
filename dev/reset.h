/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways a PC is reset by a port: the reset control register, the keyboard controller and
 * the system control port 92h. There is no keyboard controller otherwise: its ports read
 * all-ones. All calls under the VM's device lock.
 */
#pragma once

#include "vm/io.h"

#define RESET_CONTROL_PORT 0xcf9u
#define RESET_CONTROL_VALUE 6u /* what resets at once when written there */
#define RESET_KBD_DATA_PORT 0x60u
#define RESET_KBD_COMMAND_PORT 0x64u
#define RESET_PORT92 0x92u

struct reset {
	void (*reset)(void *ctx); /* [const] */
	void *ctx; /* [const] */
	u8 control; /* port CF9h */
	u8 port92;
	u8 kbd_command; /* the last one, which the next data byte belongs to */
};

/* One port each; the device of all four is the struct reset. */
extern const struct io_ops reset_control_io, reset_port92_io;
extern const struct io_ops reset_kbd_data_io, reset_kbd_command_io;

/* fn is called when the guest resets its machine; the VM should not run on after that. */
void reset_init(struct reset *reset, void (*fn)(void *ctx), void *ctx);
void reset_reset(struct reset *reset);
