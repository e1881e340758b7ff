/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COM1 by polling: the guests' only output.
 */
#pragma once

#include "lib/types.h"

/* 115200 8n1, FIFOs on, no interrupts, loopback off. */
void serial_init(void);

void serial_putc(char c);

/* Has a byte arrived? */
bool serial_readable(void);
char serial_getc(void);

/* Say so, and look for a byte, and nothing else, until one comes. */
void serial_hold(void);

/* Wait until the last byte has left the transmitter. */
void serial_drain(void);
