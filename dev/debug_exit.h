/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port F4h, by which a guest ends with an exit code, as QEMU's isa-debug-exit with four ports: an
 * aligned write of any width to any of them, of which the low byte counts. Called under the VM's
 * device lock.
 */
#pragma once

#include "vm/io.h"

#define DEBUG_EXIT_PORT 0xf4u
#define DEBUG_EXIT_PORTS 4u

struct debug_exit {
	void (*exit)(void *ctx, u8 code); /* [const] */
	void *ctx; /* [const] */
};

extern const struct io_ops debug_exit_io;

/* fn is called at each such write; the VM should not run on after that. */
void debug_exit_init(struct debug_exit *debug_exit, void (*fn)(void *ctx, u8 code), void *ctx);
