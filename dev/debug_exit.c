/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exit port: see debug_exit.h.
 */
#include "dev/debug_exit.h"

#include "dev/byte_regs.h"

static u8 read_reg(void *dev __unused, u32 reg __unused)
{
	return 0;
}

static u64 debug_exit_read(void *dev, u64 offset, unsigned int size)
{
	return byte_regs_read(read_reg, dev, DEBUG_EXIT_PORTS, offset, size);
}

static void debug_exit_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct debug_exit *debug_exit = dev;

	if (offset % size == 0)
		debug_exit->exit(debug_exit->ctx, (u8)value);
}

const struct io_ops debug_exit_io = { .read = debug_exit_read, .write = debug_exit_write };

void debug_exit_init(struct debug_exit *debug_exit, void (*fn)(void *ctx, u8 code), void *ctx)
{
	*debug_exit = (struct debug_exit){ .exit = fn, .ctx = ctx };
}
