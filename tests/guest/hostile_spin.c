/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits as fast as it can, for ever, and never asks for a timer: nothing but the hypervisor's own
 * clock takes the CPU from it.
 */
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

void guest_main(void)
{
	tap_diag("spinning");
	for (;;)
		cpuid(0, 0);
}
