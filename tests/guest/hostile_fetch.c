/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes where there is no memory: how=hole below 4 GiB, how=high far above RAM, or how=lapic
 * in device memory.
 */
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/tap.h"

#define HOLE 0xe0000000ul

void guest_main(void)
{
	ulong target = HOLE;

	if (!on_sill())
		tap_skip_all("the emulator itself gives up");
	if (boot_option_is("how", "high")) {
		pt_map(TEST_VA, GIB(200) | PTE_P | PTE_W | PTE_PS, 2);
		target = TEST_VA;
	} else if (boot_option_is("how", "lapic")) {
		target = LAPIC_BASE;
	}
	tap_diag("about to jump to 0x%lx", target);
	asm volatile("jmp *%0" : : "r"(target));
	tap_bail_out("still running");
}
