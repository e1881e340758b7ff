/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A triple fault: an exception whose gate is beyond the IDT's end. (With no IDT at all it would be
 * a way to ask for a reset: see reset.c.)
 */
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

void guest_main(void)
{
	static const struct table_ptr small = { .limit = 7, .base = 0 };

	tap_diag("about to triple fault");
	lidt(&small);
	asm volatile("ud2");
	tap_bail_out("still running");
}
