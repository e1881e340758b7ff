/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the files of the port I/O guest.
 */
#pragma once

#include "tests/guest/lib/x86.h"

#define ABSENT_PORT 0x230
#define UART_SCR (PORT_COM1 + 7)

void test_strings(void);
