/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines with a time stamp, kept in a ring for the shell and written to the
 * console when their level is at or above the console's.
 */
#pragma once

#include "lib/log.h"

void log_set_level(enum log_level level);

/* Copy the newest size bytes of the ring to buf, oldest first. Returns how many. */
size_t log_copy(char *buf, size_t size);
