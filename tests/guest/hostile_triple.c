/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A triple fault: an exception with no IDT to deliver it by.
 */
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

void guest_main(void)
{
	static const struct table_ptr empty = { .limit = 0, .base = 0 };

	tap_diag("about to triple fault");
	lidt(&empty);
	asm volatile("ud2");
	tap_bail_out("still running");
}
