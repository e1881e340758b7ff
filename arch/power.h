/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ending the machine: ACPI power-off and reset, and the exit port that emulators offer.
 */
#pragma once

#include "lib/types.h"

/* What the FADT and DSDT say; ports are 0 when there are none. Set once at start-up. */
struct power_info {
	u16 pm1a_cnt, pm1b_cnt;
	u8 slp_typ_a, slp_typ_b;
	bool has_s5;
	u16 reset_port;
	u8 reset_value;
};

void power_init(const struct power_info *info);

/* Called before a reset, on the CPU that asks for it: firmware may hang where virtualization is on. */
void power_set_before_end(void (*fn)(void));

/* S5. Halts when the firmware offers no way. */
__noreturn void machine_poweroff(void);

/* The ACPI reset register, port CF9h, the keyboard controller, a triple fault, in this order. */
__noreturn void machine_reboot(void);

/* Write code to port F4h: QEMU then ends with status code << 1 | 1. Powers off elsewhere. */
__noreturn void machine_debug_exit(u8 code);
