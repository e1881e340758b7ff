/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resets its machine at once, each time it starts.
 */
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

#define PORT_RESET_CONTROL 0xcf9
#define RESET_HARD 0x06

void guest_main(void)
{
	outb(PORT_RESET_CONTROL, RESET_HARD);
	for (;;)
		asm volatile("hlt");
}
