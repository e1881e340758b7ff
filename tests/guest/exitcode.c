/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends with the exit code that the command line names: code=N. end=cr: behind a line that has a CR, and
 * no LF.
 */
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/print.h"
#include "tests/guest/lib/tap.h"

void guest_main(void)
{
	u32 code = boot_option_number("code", 0);

	print("# exit code %u\n", code);
	if (boot_option_is("end", "cr"))
		print("# to be continued\r");
	guest_exit((u8)code);
}
