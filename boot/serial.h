/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which serial port is the console, and how that was decided.
 */
#pragma once

#include "boot/bootinfo.h"
#include "boot/options.h"

/*
 * Fill in the options' port: the console= word wins, then firmware's own console as its table SPCR
 * says, then COM1. map as for boot_info_parse().
 */
void serial_choose(struct options *options, const struct boot_info *info,
		   const void *(*map)(hpa_t addr, u64 len));

/* "as console= says" and the like. */
const char *serial_how(void);

/* The interrupt that SPCR gives a port that is not one of the PC's four. False: it says nothing. */
struct serial_interrupt {
	bool isa; /* number is one of the ISA bus, not a GSI */
	u32 number;
};
bool serial_interrupt(struct serial_interrupt *interrupt);
