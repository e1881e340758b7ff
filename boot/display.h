/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which screen the console gets: the loader's framebuffer, VGA text, or none.
 */
#pragma once

#include "boot/bootinfo.h"

/*
 * Choose, and show the log so far. In the page tables that the machine starts with: a framebuffer
 * beyond 4 GiB is seen from display_move() on. info NULL: nothing is known.
 */
void display_init(const struct boot_info *info);

/* A log line about what was chosen, unless it is VGA text. */
void display_log(void);

/* Map the framebuffer in the hypervisor's own page tables, before they are loaded. */
void display_map(void);

/* They have been loaded. Nothing may be logged between that and this. */
void display_move(void);
