/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends or restarts its machine the way the command line names: how=cf9, kbd, triple or poweroff.
 * Nothing need survive a reset, so the guest cannot tell its first start from its second: with
 * ask=1 it waits at each start for a key, r to go on, q to pass.
 */
#include "tests/guest/lib/clock.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/print.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/tap.h"
#include "tests/guest/lib/x86.h"

#define RESET_HARD 0x06
#define KBD_PULSE_RESET 0xfe
#define SLP_EN BIT(13)
#define SLP_TYP(n) ((u64)(n) << 10)

/* Sill's S5 value; other machines have another in their DSDT. */
#define SLP_TYP_S5 5

static void triple_fault(void)
{
	static const struct table_ptr empty = { .limit = 0, .base = 0 };

	lidt(&empty);
	asm volatile("ud2");
}

static char ask(void)
{
	char key;

	print("# r or q?\n");
	do {
		while (!serial_readable())
			asm volatile("pause");
		key = serial_getc();
	} while (key != 'r' && key != 'q');
	return key;
}

void guest_main(void)
{
	print("# reset guest started\n");
	if (boot_option_is("ask", "1") && ask() == 'q')
		guest_exit(0);
	serial_drain();
	if (boot_option_is("how", "cf9"))
		outb(PORT_RESET, RESET_HARD);
	else if (boot_option_is("how", "kbd"))
		outb(PORT_KBD, KBD_PULSE_RESET);
	else if (boot_option_is("how", "triple"))
		triple_fault();
	else if (boot_option_is("how", "poweroff"))
		outw(PORT_PM1A_CNT, (u16)(SLP_TYP(SLP_TYP_S5) | SLP_EN));
	else
		tap_bail_out("how= is none of cf9, kbd, triple, poweroff");
	clock_wait_us(100000);
	tap_bail_out("still running after %s", boot_option("how"));
}
