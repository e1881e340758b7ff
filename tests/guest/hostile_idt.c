/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes an exception by an IDT that is none: how=zeros or how=garbage in memory, how=hole where
 * nothing is, how=lapic in device memory.
 */
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/string.h"
#include "tests/guest/lib/tap.h"

#define HOLE 0xe0000000ul

static u8 table[4096] __aligned(4096);

static ulong table_address(void)
{
	if (boot_option_is("how", "hole"))
		return HOLE;
	if (boot_option_is("how", "lapic"))
		return LAPIC_BASE;
	if (boot_option_is("how", "garbage"))
		memset(table, 0xa5, sizeof(table));
	return (ulong)table;
}

void guest_main(void)
{
	struct table_ptr ptr = { .limit = sizeof(table) - 1, .base = table_address() };

	if (!on_sill() && (ptr.base == HOLE || ptr.base == LAPIC_BASE))
		tap_skip_all("an IDT outside of memory upsets the emulator");
	tap_diag("about to take an exception by an IDT at 0x%lx", ptr.base);
	lidt(&ptr);
	asm volatile("ud2");
	tap_bail_out("still running");
}
