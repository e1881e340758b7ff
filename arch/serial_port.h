/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial port of the host's console: a 16550, by polling. One writer at a time: arch/console.c.
 */
#pragma once

#include "lib/types.h"

/* port 0: no serial port. baud 0: leave the speed as it is. */
void serial_port_init(u16 port, u32 baud);

/* False when nothing answers at the configured port. */
bool serial_port_present(void);

/* Send a byte, if there is a port; waits until there is room, but not for ever. */
void serial_port_put(u8 byte);

/* The next received byte, or -1. */
int serial_port_getc(void);

/* Let the port interrupt when it has received something. */
void serial_port_irq_enable(void);

/* The ISA interrupt of the port, or -1 when it has none we know. */
int serial_port_irq(void);
