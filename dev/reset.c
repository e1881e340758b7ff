/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset by port: see reset.h.
 */
#include "dev/reset.h"

#include "dev/byte_regs.h"

#define CONTROL_RESET 0x04u
#define CONTROL_KEPT 0x0au /* which kind of reset: to us they are all one */

#define KBD_PULSE 0xf0u /* in the low bits: the lines not to pulse */
#define KBD_WRITE_OUTPUT 0xd1u
#define KBD_NO_RESET 0x01u /* the reset line, active low */

#define PORT92_RESET 0x01u
#define PORT92_A20 0x02u

static void do_reset(struct reset *reset)
{
	reset->reset(reset->ctx);
}

static u8 control_read_reg(void *dev, u32 reg __unused)
{
	struct reset *reset = dev;

	return reset->control;
}

static void control_write_reg(void *dev, u32 reg __unused, u8 value)
{
	struct reset *reset = dev;

	reset->control = value & CONTROL_KEPT;
	if (value & CONTROL_RESET)
		do_reset(reset);
}

static u8 kbd_read_reg(void *dev __unused, u32 reg __unused)
{
	return 0xff;
}

static void kbd_data_write_reg(void *dev, u32 reg __unused, u8 value)
{
	struct reset *reset = dev;
	u8 command = reset->kbd_command;

	reset->kbd_command = 0;
	if (command == KBD_WRITE_OUTPUT && !(value & KBD_NO_RESET))
		do_reset(reset);
}

static void kbd_command_write_reg(void *dev, u32 reg __unused, u8 value)
{
	struct reset *reset = dev;

	reset->kbd_command = value;
	if ((value & KBD_PULSE) == KBD_PULSE && !(value & KBD_NO_RESET))
		do_reset(reset);
}

static u8 port92_read_reg(void *dev, u32 reg __unused)
{
	struct reset *reset = dev;

	return reset->port92;
}

/* The A20 bit can be written, but no address line hangs on it. */
static void port92_write_reg(void *dev, u32 reg __unused, u8 value)
{
	struct reset *reset = dev;
	bool rises = value & (u8)~reset->port92 & PORT92_RESET;

	reset->port92 = value & (PORT92_RESET | PORT92_A20);
	if (rises)
		do_reset(reset);
}

/* Each range is one port. */
#define RESET_IO(name, reader)                                                        \
	static u64 name##_read(void *dev, u64 offset, unsigned int size)              \
	{                                                                             \
		return byte_regs_read(reader, dev, 1, offset, size);                  \
	}                                                                             \
	static void name##_write(void *dev, u64 offset, unsigned int size, u64 value) \
	{                                                                             \
		byte_regs_write(name##_write_reg, dev, 1, offset, size, value);       \
	}                                                                             \
	const struct io_ops reset_##name##_io = { .read = name##_read, .write = name##_write }

RESET_IO(control, control_read_reg);
RESET_IO(kbd_data, kbd_read_reg);
RESET_IO(kbd_command, kbd_read_reg);
RESET_IO(port92, port92_read_reg);

void reset_reset(struct reset *reset)
{
	reset->control = 0;
	reset->port92 = PORT92_A20;
	reset->kbd_command = 0;
}

void reset_init(struct reset *reset, void (*fn)(void *ctx), void *ctx)
{
	*reset = (struct reset){ .reset = fn, .ctx = ctx };
	reset_reset(reset);
}
