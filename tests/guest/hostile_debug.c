/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breakpoints on the hypervisor's own code and data, at the offsets into its image that the
 * command line gives as code= and data=: none may hit, and the debug registers are the guest's.
 */
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

#define IMAGE 0xffffffff80000000
#define STACKS 0xffffd00000000000
#define ROUNDS 100
#define DR7_FIXED 0x400u
#define DR7_ENABLE_ALL 0xffu
#define DR7_ACCESS_8(n) (0xbull << (16 + 4 * (n)))

void guest_main(void)
{
	u64 code = IMAGE + boot_option_number("code", 0),
	    data = IMAGE + boot_option_number("data", 0);
	u64 dr7 = DR7_FIXED | DR7_ENABLE_ALL | DR7_ACCESS_8(1) | DR7_ACCESS_8(2);

	write_dr0(code);
	write_dr1(data & ~7ul);
	write_dr2(STACKS + 0x4f00);
	write_dr3(code + 1);
	for (u32 i = 0; i < ROUNDS; i++) {
		write_dr7(dr7);
		cpuid(0, 0);
		inb(0x80);
		lapic_read(LAPIC_VERSION);
		/* The same breakpoints as another kind, while they are on. */
		write_dr7(dr7 & ~DR7_ACCESS_8(i % 4));
		write_dr0(code + i);
	}
	write_dr7(dr7);
	tap_eq(read_dr0(), code + ROUNDS - 1, "DR0 is the guest's");
	tap_eq(read_dr7(), dr7, "DR7 is the guest's");
}
