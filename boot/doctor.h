/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot option `doctor`: what this machine offers and lacks for Sill, one line per matter, each
 * with a verdict and, where something is to be done, what.
 */
#pragma once

#include "boot/bootinfo.h"
#include "boot/options.h"

/*
 * Print it all. Sets up what start-up would set up before it looks for virtualization, so that
 * the last line is near the culprit when that hangs; works where Sill cannot run guests.
 */
void doctor_report(const struct boot_info *info, const struct options *options);
