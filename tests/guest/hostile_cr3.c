/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads a CR3 that points to no memory: how=hole below 4 GiB, how=high far above RAM, how=lapic in
 * device memory; or how=table, where an upper entry does.
 */
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/paging64.h"
#include "tests/guest/lib/tap.h"

#define HOLE 0xe0000000ul

static ulong root(void)
{
	static u64 pml4[512] __aligned(4096);

	if (boot_option_is("how", "high"))
		return GIB(200);
	if (boot_option_is("how", "lapic"))
		return LAPIC_BASE;
	if (!boot_option_is("how", "table"))
		return HOLE;
	pml4[0] = HOLE | PTE_P | PTE_W;
	return (ulong)pml4;
}

void guest_main(void)
{
	ulong cr3 = root();

	if (!on_sill())
		tap_skip_all("the emulator itself gives up");
	tap_diag("about to load CR3 with 0x%lx", cr3);
	write_cr3(cr3);
	tap_bail_out("still running");
}
